//! Copying a longer block, whose bytes are moved by assembly where there is some.

#[cfg(all(target_arch = "x86_64", not(miri)))]
use core::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_storeu_si128};

#[cfg(all(target_arch = "x86_64", not(miri)))]
use super::IN_REGISTERS;
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
use super::{load_words, store_words};
#[cfg(all(target_arch = "x86_64", not(miri)))]
use crate::opaque::opaque;

/// Payloads up to this many bytes are moved by 16-byte moves.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const MOVES_UP_TO: usize = 2048;

/// Copies a longer block into shared memory: 16 bytes at a time up to 2 KiB, above by C's `memcpy`.
///
/// The last 16 bytes are copied by one move that may overlap the previous one, so no length needs a byte
/// loop. The assembly takes values and the shared address, not the private one, so a message that is passed
/// by value need not be placed in memory for it.
///
/// # Safety
/// As [`store`](super::store), with `len > 16`.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(super) unsafe fn store_block(to: *mut u8, from: *const u8, len: usize) {
    if len > MOVES_UP_TO {
        // SAFETY: the caller's promise.
        return unsafe { call_memcpy(to, from, len) };
    }
    let len = not_unrolled(len);
    let mut at = 0;
    while at + 64 <= len {
        let here = from.wrapping_add(at);
        // SAFETY: the 64 bytes at `at` lie inside both blocks; loadu asks for no alignment.
        let a = unsafe { _mm_loadu_si128(here.cast()) };
        // SAFETY: as above.
        let b = unsafe { _mm_loadu_si128(here.wrapping_add(16).cast()) };
        // SAFETY: as above.
        let c = unsafe { _mm_loadu_si128(here.wrapping_add(32).cast()) };
        // SAFETY: as above.
        let d = unsafe { _mm_loadu_si128(here.wrapping_add(48).cast()) };
        // SAFETY: as above; movups asks for no alignment.
        unsafe {
            core::arch::asm!(
                "movups [{to}], {a}",
                "movups [{to} + 16], {b}",
                "movups [{to} + 32], {c}",
                "movups [{to} + 48], {d}",
                a = in(xmm_reg) a,
                b = in(xmm_reg) b,
                c = in(xmm_reg) c,
                d = in(xmm_reg) d,
                to = in(reg) to.wrapping_add(at),
                options(nostack, preserves_flags),
            );
        }
        at += 64;
    }
    while at < len {
        let here = at.min(len - 16);
        // SAFETY: the 16 bytes at `here` lie inside both blocks, as len > 16.
        let piece = unsafe { _mm_loadu_si128(from.wrapping_add(here).cast()) };
        // SAFETY: as above.
        unsafe {
            core::arch::asm!(
                "movups [{to}], {piece}",
                piece = in(xmm_reg) piece,
                to = in(reg) to.wrapping_add(here),
                options(nostack, preserves_flags),
            );
        }
        at += 16;
    }
}

/// Copies a longer block out of shared memory. As [`store_block`].
///
/// # Safety
/// As [`load`](super::load), with `len > 16`.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(super) unsafe fn load_block(to: *mut u8, from: *const u8, len: usize) {
    if len > MOVES_UP_TO {
        // SAFETY: the caller's promise.
        return unsafe { call_memcpy(to, from, len) };
    }
    let len = not_unrolled(len);
    let mut at = 0;
    while at + 64 <= len {
        let (a, b, c, d): (__m128i, __m128i, __m128i, __m128i);
        // SAFETY: the 64 bytes at `at` lie inside both blocks; movups asks for no alignment.
        unsafe {
            core::arch::asm!(
                "movups {a}, [{from}]",
                "movups {b}, [{from} + 16]",
                "movups {c}, [{from} + 32]",
                "movups {d}, [{from} + 48]",
                a = out(xmm_reg) a,
                b = out(xmm_reg) b,
                c = out(xmm_reg) c,
                d = out(xmm_reg) d,
                from = in(reg) from.wrapping_add(at),
                options(nostack, preserves_flags, readonly),
            );
        }
        let here = to.wrapping_add(at);
        // SAFETY: as above; storeu asks for no alignment.
        unsafe { _mm_storeu_si128(here.cast(), a) };
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(here.wrapping_add(16).cast(), b) };
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(here.wrapping_add(32).cast(), c) };
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(here.wrapping_add(48).cast(), d) };
        at += 64;
    }
    while at < len {
        let here = at.min(len - 16);
        let piece: __m128i;
        // SAFETY: the 16 bytes at `here` lie inside both blocks, as len > 16.
        unsafe {
            core::arch::asm!(
                "movups {piece}, [{from}]",
                piece = out(xmm_reg) piece,
                from = in(reg) from.wrapping_add(here),
                options(nostack, preserves_flags, readonly),
            );
        }
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(to.wrapping_add(here).cast(), piece) };
        at += 16;
    }
}

/// Copies a longer block into shared memory, word by word, where there is no assembly.
///
/// # Safety
/// As [`store`](super::store).
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline]
pub(super) unsafe fn store_block(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { store_words(to, from, len) }
}

/// Copies a longer block out of shared memory, word by word, where there is no assembly.
///
/// # Safety
/// As [`load`](super::load).
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline]
pub(super) unsafe fn load_block(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { load_words(to, from, len) }
}

/// A length that the compiler knows only if it is at most [`IN_REGISTERS`]: where the registers hold that
/// many bytes, a message that is popped by value may never be placed in memory. Longer ones would be moved
/// through the stack, piece by piece.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn not_unrolled(len: usize) -> usize {
    if len > IN_REGISTERS { opaque(len as u64) as usize } else { len }
}

/// Copies a long block by the C library's `memcpy`.
///
/// It is called from assembly so that the compiler assumes nothing about the bytes; `memcpy` selects the
/// widest moves of the processor it runs on. (`rep movsb` written here was three times slower on some
/// processors, and 16 bytes at a time takes twice as long as `memcpy` at 4 KiB.)
///
/// # Safety
/// `len` bytes are valid for writes at `to` and for reads at `from`, and the two do not overlap.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
unsafe fn call_memcpy(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: memcpy with two blocks of `len` bytes that do not overlap, by the C calling convention, whose
    // clobbers are declared; the block may use the stack, so it is aligned as a call needs it.
    unsafe {
        core::arch::asm!(
            "call {memcpy}@PLT",
            memcpy = sym nix::libc::memcpy,
            in("rdi") to,
            in("rsi") from,
            in("rdx") len,
            clobber_abi("C"),
        );
    }
}

/// Writes 16 bytes by one store, in assembly so that it is well defined under a race.
///
/// # Safety
/// `to` is valid for writes of 16 bytes, and a multiple of 16.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(super) unsafe fn store16(to: *mut u8, low: u64, high: u64) {
    // SAFETY: every x86-64 processor has SSE2.
    let piece = unsafe { core::arch::x86_64::_mm_set_epi64x(high.cast_signed(), low.cast_signed()) };
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "movaps [{to}], {piece}",
            to = in(reg) to,
            piece = in(xmm_reg) piece,
            options(nostack, preserves_flags),
        );
    }
}
