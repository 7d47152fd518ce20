//! Copying up to 64 bytes, a number known only at run time, without a loop: by one move of the largest power
//! of two that fits, and a second one for the bytes at the end, which overlaps the first, as the C library's
//! `memcpy` does.
//!
//! A move may lie at any address. As an atomic access it would have to be aligned, so the shared side is
//! accessed by assembly, which is well defined under a race.

use core::arch::asm;
use core::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_storeu_si128};

/// The longest block that is copied here.
pub(super) const UP_TO: usize = 64;

/// Two moves of a size by `$move`, from the start and from the end, or one if that is all.
macro_rules! ends {
    ($to:ident, $from:ident, $len:ident, $size:literal, $move:ident) => {{
        // SAFETY: the first bytes of the block.
        unsafe { $move($to, $from) };
        if $len > $size {
            // SAFETY: the last bytes of the block.
            unsafe { $move($to.wrapping_add($len - $size), $from.wrapping_add($len - $size)) };
        }
    }};
}

/// Copies a block by these moves.
macro_rules! copy {
    ($to:ident, $from:ident, $len:ident, $m32:ident, $m16:ident, $m8:ident, $m4:ident, $m1:ident) => {
        if $len >= 32 {
            ends!($to, $from, $len, 32, $m32);
        } else if $len >= 16 {
            ends!($to, $from, $len, 16, $m16);
        } else if $len >= 8 {
            ends!($to, $from, $len, 8, $m8);
        } else if $len >= 4 {
            ends!($to, $from, $len, 4, $m4);
        } else if $len > 0 {
            for at in [0, $len / 2, $len - 1] {
                // SAFETY: inside the block.
                unsafe { $m1($to.wrapping_add(at), $from.wrapping_add(at)) };
            }
        }
    };
}

/// Copies private bytes into shared memory.
///
/// # Safety
/// As [`store`](super::store), with `len` at most [`UP_TO`]; `to` need not be aligned.
#[inline(always)]
pub(super) unsafe fn store(to: *mut u8, from: *const u8, len: usize) {
    copy!(to, from, len, store_32, store_16, store_8, store_4, store_1);
}

/// Copies bytes out of shared memory.
///
/// # Safety
/// As [`load`](super::load), with `len` at most [`UP_TO`]; `from` need not be aligned.
#[inline(always)]
pub(super) unsafe fn load(to: *mut u8, from: *const u8, len: usize) {
    copy!(to, from, len, load_32, load_16, load_8, load_4, load_1);
}

/// A move through a general register into shared memory, and one out of it.
macro_rules! moves {
    ($store:ident, $load:ident, $word:ty, $class:ident, $modifier:literal) => {
        /// # Safety
        /// `to` is valid for writes of a piece of this size, `from` for reads.
        #[inline(always)]
        unsafe fn $store(to: *mut u8, from: *const u8) {
            // SAFETY: the caller's promise.
            let piece = unsafe { from.cast::<$word>().read_unaligned() };
            // SAFETY: the caller's promise; the processor asks for no alignment.
            unsafe {
                asm!(
                    concat!("mov [{to}], {piece", $modifier, "}"),
                    to = in(reg) to,
                    piece = in($class) piece,
                    options(nostack, preserves_flags),
                );
            }
        }

        /// # Safety
        /// As for the store.
        #[inline(always)]
        unsafe fn $load(to: *mut u8, from: *const u8) {
            let piece: $word;
            // SAFETY: the caller's promise; the processor asks for no alignment.
            unsafe {
                asm!(
                    concat!("mov {piece", $modifier, "}, [{from}]"),
                    from = in(reg) from,
                    piece = out($class) piece,
                    options(nostack, preserves_flags, readonly),
                );
            }
            // SAFETY: the caller's promise.
            unsafe { to.cast::<$word>().write_unaligned(piece) };
        }
    };
}

moves!(store_8, load_8, u64, reg, "");
moves!(store_4, load_4, u32, reg, ":e");
moves!(store_1, load_1, u8, reg_byte, "");

/// # Safety
/// `to` is valid for writes of 16 bytes, `from` for reads.
#[inline(always)]
unsafe fn store_16(to: *mut u8, from: *const u8) {
    // SAFETY: the caller's promise.
    let piece = unsafe { _mm_loadu_si128(from.cast()) };
    // SAFETY: the caller's promise; movups asks for no alignment.
    unsafe {
        asm!(
            "movups [{to}], {piece}",
            to = in(reg) to,
            piece = in(xmm_reg) piece,
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// As for the store.
#[inline(always)]
unsafe fn load_16(to: *mut u8, from: *const u8) {
    let piece: __m128i;
    // SAFETY: the caller's promise; movups asks for no alignment.
    unsafe {
        asm!(
            "movups {piece}, [{from}]",
            from = in(reg) from,
            piece = out(xmm_reg) piece,
            options(nostack, preserves_flags, readonly),
        );
    }
    // SAFETY: the caller's promise.
    unsafe { _mm_storeu_si128(to.cast(), piece) };
}

/// # Safety
/// `to` is valid for writes of 32 bytes, `from` for reads.
#[inline(always)]
unsafe fn store_32(to: *mut u8, from: *const u8) {
    // SAFETY: the caller's promise.
    let low = unsafe { _mm_loadu_si128(from.cast()) };
    // SAFETY: the caller's promise.
    let high = unsafe { _mm_loadu_si128(from.wrapping_add(16).cast()) };
    // SAFETY: the caller's promise; movups asks for no alignment.
    unsafe {
        asm!(
            "movups [{to}], {low}",
            "movups [{to} + 16], {high}",
            to = in(reg) to,
            low = in(xmm_reg) low,
            high = in(xmm_reg) high,
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// As for the store.
#[inline(always)]
unsafe fn load_32(to: *mut u8, from: *const u8) {
    let (low, high): (__m128i, __m128i);
    // SAFETY: the caller's promise; movups asks for no alignment.
    unsafe {
        asm!(
            "movups {low}, [{from}]",
            "movups {high}, [{from} + 16]",
            from = in(reg) from,
            low = out(xmm_reg) low,
            high = out(xmm_reg) high,
            options(nostack, preserves_flags, readonly),
        );
    }
    // SAFETY: the caller's promise.
    unsafe { _mm_storeu_si128(to.cast(), low) };
    // SAFETY: the caller's promise.
    unsafe { _mm_storeu_si128(to.wrapping_add(16).cast(), high) };
}
