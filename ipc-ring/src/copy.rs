//! Copying bytes to and from memory that another process may be writing.
//!
//! Rust's ordinary copies assume that no one else accesses the bytes at the same time. A producer and a
//! consumer that follow the protocol guarantee that, but a corrupted peer might not. So small payloads are
//! moved by relaxed atomic words and larger ones by an assembly block. Both are well defined under a race:
//! each byte read is some value that was stored there.
//!
//! **The private side is private.** It is a caller's variable, to which the caller may hold a `&T`, so it is
//! read and written by plain accesses only: an atomic reference to it would claim the right to write. Atomic
//! references are made to the shared side alone. Where there is no assembly, which is every architecture but
//! x86-64, and x86-64 under an interpreter such as Miri, words are used throughout.

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

mod block;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod short;

#[cfg(all(target_arch = "x86_64", not(miri)))]
use block::store16;
use block::{load_block, store_block};

/// Payloads up to this many bytes are moved as 8-byte atomic words, unrolled by the compiler.
///
/// 16-byte moves halve the throughput of a stream of 56 or 64 byte messages, since slots are aligned to 8;
/// from 128 bytes on they raise it by up to half. The private copy of a popped message is written in 16-byte
/// moves all the same: a program usually copies it on as a whole, and data just written in pieces of 8 cannot
/// be read in pieces of 16 before it has reached the cache (no store forwarding).
const WORDS_UP_TO: usize = if cfg!(target_arch = "x86_64") { 120 } else { 256 };
/// Payloads up to this many bytes fit the registers for 16-byte moves.
pub(crate) const IN_REGISTERS: usize = 256;

/// Copies `len` private bytes into shared memory.
///
/// # Safety
/// `to` is valid for writes of `len` bytes and aligned to 8; `from` is valid for reads of `len` bytes; they
/// do not overlap.
#[inline(always)]
pub(crate) unsafe fn store(to: *mut u8, from: *const u8, len: usize) {
    if len <= WORDS_UP_TO {
        // SAFETY: the caller's promise.
        unsafe { store_words(to, from, len) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { store_block(to, from, len) }
    }
}

/// The words of [`store`], then the remaining bytes.
///
/// # Safety
/// As [`store`].
#[inline(always)]
unsafe fn store_words(to: *mut u8, from: *const u8, len: usize) {
    let mut at = 0;
    while at + 8 <= len {
        // SAFETY: at + 8 <= len lies inside both; the private side may be unaligned.
        let word = unsafe { from.wrapping_add(at).cast::<u64>().read_unaligned() };
        // SAFETY: `to` is aligned to 8 and `at` is a multiple of 8 inside it.
        let target = unsafe { AtomicU64::from_ptr(to.wrapping_add(at).cast()) };
        target.store(word, Ordering::Relaxed); // Ordered by the sequence word that follows, [S1].
        at += 8;
    }
    while at < len {
        // SAFETY: at < len.
        let byte = unsafe { from.wrapping_add(at).read() };
        // SAFETY: at < len; a byte is always aligned.
        let target = unsafe { AtomicU8::from_ptr(to.wrapping_add(at)) };
        target.store(byte, Ordering::Relaxed); // Ordered by the sequence word that follows, [S1].
        at += 1;
    }
}

/// As [`store`], for a length that is known only at run time, so that nothing is unrolled.
///
/// # Safety
/// As [`store`].
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) unsafe fn store_bytes(to: *mut u8, from: *const u8, len: usize) {
    if len <= short::UP_TO {
        // SAFETY: the caller's promise.
        unsafe { short::store(to, from, len) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { store_block(to, from, len) }
    }
}

/// As [`load`], for a length that is known only at run time.
///
/// # Safety
/// As [`load`].
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) unsafe fn load_bytes(to: *mut u8, from: *const u8, len: usize) {
    if len <= short::UP_TO {
        // SAFETY: the caller's promise.
        unsafe { short::load(to, from, len) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { load_block(to, from, len) }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(crate) use {load as load_bytes, store as store_bytes};

/// How many of `len` bytes from `address` on lie before the next multiple of 8.
#[inline(always)]
fn unaligned(address: *const u8, len: usize) -> usize {
    (address.addr().wrapping_neg() & 7).min(len)
}

/// As [`store_bytes`], to an address that need not be aligned.
///
/// # Safety
/// As [`store`], except for the alignment.
#[inline(always)]
pub(crate) unsafe fn store_anywhere(to: *mut u8, bytes: &[u8]) {
    let mut first = 0;
    if !to.addr().is_multiple_of(8) {
        first = unaligned(to, bytes.len());
        for (at, byte) in bytes[..first].iter().enumerate() {
            // SAFETY: below the length; a byte is always aligned.
            let target = unsafe { AtomicU8::from_ptr(to.wrapping_add(at)) };
            target.store(*byte, Ordering::Relaxed); // Ordered by the ring's word that follows.
        }
    }
    let rest = &bytes[first..];
    // SAFETY: what is left, from a multiple of 8 on, unless nothing is left.
    unsafe { store_bytes(to.wrapping_add(first), rest.as_ptr(), rest.len()) }
}

/// As [`load_bytes`], from an address that need not be aligned.
///
/// # Safety
/// As [`load`], except for the alignment.
#[inline(always)]
pub(crate) unsafe fn load_anywhere(out: &mut [MaybeUninit<u8>], from: *const u8) {
    let mut first = 0;
    if !from.addr().is_multiple_of(8) {
        first = unaligned(from, out.len());
        for (at, byte) in out[..first].iter_mut().enumerate() {
            // SAFETY: below the length; a byte is always aligned.
            let source = unsafe { AtomicU8::from_ptr(from.wrapping_add(at).cast_mut()) };
            byte.write(source.load(Ordering::Relaxed)); // Ordered by the ring's word before.
        }
    }
    let rest = &mut out[first..];
    // SAFETY: what is left, as in `store_anywhere`.
    unsafe { load_bytes(rest.as_mut_ptr().cast(), from.wrapping_add(first), rest.len()) }
}

/// Copies up to 56 private bytes into a cache line, after its first word.
///
/// A waiter polls the line meanwhile and takes it away between two stores, so the fewer stores the better.
/// They are 16 bytes wide as far as possible; none of them crosses a line.
///
/// # Safety
/// As [`store`]; and `to` is 8 above a multiple of 16.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) unsafe fn store_behind_word(to: *mut u8, from: *const u8, len: usize) {
    let first = if len < 8 { len } else { 8 };
    // SAFETY: the caller's promise, for the first bytes.
    unsafe { store(to, from, first) };
    let mut at = first;
    while at + 16 <= len {
        // Data just written in pieces of 8 cannot be read in pieces of 16 before it has reached the cache.
        // SAFETY: at + 16 <= len; the private side may be unaligned.
        let low = unsafe { from.wrapping_add(at).cast::<u64>().read_unaligned() };
        // SAFETY: as above.
        let high = unsafe { from.wrapping_add(at + 8).cast::<u64>().read_unaligned() };
        // SAFETY: at + 16 <= len, and `to` + `at` is a multiple of 16.
        unsafe { store16(to.wrapping_add(at), low, high) };
        at += 16;
    }
    // SAFETY: the caller's promise, for the bytes that are left; `at` is a multiple of 8, or nothing is left.
    unsafe { store(to.wrapping_add(at), from.wrapping_add(at), len - at) };
}

/// As [`store`], where there is no assembly.
///
/// # Safety
/// As [`store`].
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline(always)]
pub(crate) unsafe fn store_behind_word(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { store(to, from, len) }
}

/// Copies `len` bytes out of shared memory.
///
/// # Safety
/// `from` is valid for reads of `len` bytes and aligned to 8; `to` is valid for writes of `len` bytes and
/// private; they do not overlap.
#[inline(always)]
pub(crate) unsafe fn load(to: *mut u8, from: *const u8, len: usize) {
    if len <= WORDS_UP_TO {
        // SAFETY: the caller's promise.
        unsafe { load_words(to, from, len) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { load_block(to, from, len) }
    }
}

/// The words of [`load`], then the remaining bytes.
///
/// # Safety
/// As [`load`].
#[inline(always)]
unsafe fn load_words(to: *mut u8, from: *const u8, len: usize) {
    let mut at = 0;
    #[cfg(target_arch = "x86_64")]
    while at + 16 <= len {
        // SAFETY: `from` is aligned to 8 and `at` is a multiple of 8 inside it.
        let low = unsafe { AtomicU64::from_ptr(from.wrapping_add(at).cast_mut().cast()) };
        // SAFETY: at + 16 <= len.
        let high = unsafe { AtomicU64::from_ptr(from.wrapping_add(at + 8).cast_mut().cast()) };
        let (low, high) = (low.load(Ordering::Relaxed), high.load(Ordering::Relaxed)); // Ordered by [S1].
        // SAFETY: every x86-64 processor has SSE2.
        let piece = unsafe { core::arch::x86_64::_mm_set_epi64x(high.cast_signed(), low.cast_signed()) };
        // SAFETY: at + 16 <= len; the store asks for no alignment.
        unsafe { core::arch::x86_64::_mm_storeu_si128(to.wrapping_add(at).cast(), piece) };
        at += 16;
    }
    while at + 8 <= len {
        // SAFETY: `from` is aligned to 8 and `at` is a multiple of 8 inside it.
        let source = unsafe { AtomicU64::from_ptr(from.wrapping_add(at).cast_mut().cast()) };
        let word = source.load(Ordering::Relaxed); // Ordered by the sequence word, [S1].
        // SAFETY: at + 8 <= len.
        unsafe { to.wrapping_add(at).cast::<u64>().write_unaligned(word) };
        at += 8;
    }
    while at < len {
        // SAFETY: at < len; a byte is always aligned.
        let source = unsafe { AtomicU8::from_ptr(from.wrapping_add(at).cast_mut()) };
        let byte = source.load(Ordering::Relaxed); // Ordered by the sequence word, [S1].
        // SAFETY: at < len.
        unsafe { to.wrapping_add(at).write(byte) };
        at += 1;
    }
}

/// A slice as writable places.
///
/// # Safety
/// Only whole elements are written to the places: an uninitialised one would remain in the slice.
pub(crate) unsafe fn as_uninit<T: crate::Message>(slice: &mut [T]) -> &mut [MaybeUninit<T>] {
    // SAFETY: the layouts are the same; the caller promises that the slice stays one of elements.
    unsafe { core::slice::from_raw_parts_mut(slice.as_mut_ptr().cast(), slice.len()) }
}

/// The same for one element.
///
/// # Safety
/// As [`as_uninit`].
pub(crate) unsafe fn as_uninit_one<T: crate::Message>(element: &mut T) -> &mut MaybeUninit<T> {
    let place = core::ptr::from_mut(element).cast();
    // SAFETY: the layouts are the same; the caller promises that the element stays one.
    unsafe { &mut *place }
}

#[cfg(test)]
mod tests;
