//! Ownership of cache lines: each end acquires lines for the end that writes them next.
//!
//! A line that one core has written and another has read is in the caches of both. To write it again the
//! first core needs exclusive ownership: the other copy must be invalidated, and since stores become visible
//! in order, on AMD processors a producer waits for one such line after the other. Storing to a line a word
//! that it already holds acquires it, and changes nothing for observers.
//!
//! **In streams the consumer acquires** the lines that it has read, when it has read all of a line and before
//! it releases it. A line that only the consumer's core holds is requested like any cache miss, several at a
//! time. Single messages are not treated this way: the consumer's next store, which may be its reply, would
//! wait for the line.
//!
//! **Of single messages the producer acquires** the lines of the next slot after a push, when no one waits
//! for it any more; otherwise the next message's latency would contain it, and of a message of many lines it
//! is the largest part. The line of the message just pushed is left alone: it is on its way to the consumer.
//! In a ring of frames the next slot is a record of the same size as the last one, plus the word after it,
//! which is cleared before the record is published.
//!
//! Done only on processors where [it pays](super::processor::acquires_lines).

use core::sync::atomic::{AtomicU64, Ordering};

use super::{LINE, prefetch};

/// How far ahead of a line that has been read the next is prefetched, in bytes.
const AHEAD: usize = 4 * LINE;

/// Acquires the lines that end in the `len` bytes from `start` on, which have been read, and prefetches those
/// that will be read and acquired soon.
///
/// # Safety
/// `start` and `len` are multiples of 8. The bytes are mapped and belong to the caller for now: no one else
/// writes them. Concurrent readers read words of 8 bytes, atomically.
#[inline(always)]
pub(crate) unsafe fn acquire_ended(start: *mut u8, len: usize) {
    // The last word of a line that ends in these bytes is one of them.
    let mut end = LINE - start.addr() % LINE;
    while end <= len {
        // SAFETY: 8 <= end <= len, all multiples of 8: aligned, and inside the caller's bytes.
        unsafe { acquire_line(start.wrapping_add(end - 8)) };
        end += LINE;
    }
}

/// Acquires the line of this word, and prefetches the one some lines further on.
///
/// # Safety
/// As for [`rewrite`].
#[inline(always)]
pub(crate) unsafe fn acquire_line(word: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { rewrite(word) };
    prefetch::for_writing(word.wrapping_add(AHEAD)); // Harmless beyond the ring.
}

/// Stores to a word the value it already holds.
///
/// # Safety
/// `word` is aligned to 8 and mapped, and no one else writes it for now. Concurrent readers read all of it,
/// atomically.
#[inline(always)]
pub(crate) unsafe fn rewrite(word: *mut u8) {
    // SAFETY: the caller's promise.
    let word = unsafe { AtomicU64::from_ptr(word.cast()) };
    // No new value; ordered by what hands the bytes on.
    word.store(word.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// Acquires the lines that begin in the `len` bytes from `start` on, if there are any and `allowed` returns
/// true.
///
/// # Safety
/// `start` and `len` are multiples of 8. When `allowed` has returned true, the bytes are mapped and belong to
/// the caller for now: no one else writes them. Concurrent readers read words of 8 bytes, atomically.
#[inline(always)]
pub(crate) unsafe fn acquire_begun(start: *mut u8, len: usize, allowed: impl FnOnce() -> bool) {
    let mut at = start.addr().wrapping_neg() % LINE;
    if at >= len || !allowed() {
        return;
    }
    while at < len {
        // SAFETY: at + 8 <= len, both multiples of 8: aligned, and inside the caller's bytes.
        unsafe { rewrite(start.wrapping_add(at)) };
        at += LINE;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::ptr::NonNull;

    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

    use super::*;

    /// The largest page of any kernel: those of 4 and 16 KiB begin there too.
    const PAGE: usize = 65_536;

    /// Between two pages that are not writable.
    #[test]
    fn only_lines_that_begin_inside_are_written_and_nothing_changes() {
        let len = NonZeroUsize::new(3 * PAGE).unwrap();
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: new memory, at an address of the kernel's choice.
        let pages = unsafe { mmap_anonymous(None, len, protection, MapFlags::MAP_PRIVATE) }.unwrap();
        let base = pages.as_ptr().cast::<u8>();
        for at in 0..3 * PAGE {
            // SAFETY: inside the pages.
            unsafe { base.wrapping_add(at).write((at * 31 + at / 256) as u8) };
        }
        for page in [0, 2] {
            let page = NonNull::new(base.wrapping_add(page * PAGE).cast()).unwrap();
            // SAFETY: a whole page of this test's own.
            unsafe { mprotect(page, PAGE, ProtFlags::PROT_READ) }.unwrap();
        }
        for before in (0..LINE).step_by(8) {
            // Around the beginning of the second page, and around its end.
            let end = before + PAGE;
            for len in (0..2 * LINE).step_by(8).chain((end - 2 * LINE..=end).step_by(8)) {
                // SAFETY: inside the pages, multiples of 8. No line begins in the part of the first page.
                unsafe { acquire_begun(base.wrapping_add(PAGE - before), len, || true) };
            }
        }
        for allowed in [true, false] {
            // SAFETY: inside the pages, multiples of 8. No line begins in there, or none may be taken.
            unsafe { acquire_begun(base.wrapping_add(8), if allowed { LINE - 8 } else { PAGE }, || allowed) };
        }
        for at in 0..3 * PAGE {
            // SAFETY: inside the pages.
            let byte = unsafe { base.wrapping_add(at).read() };
            assert_eq!(byte, (at * 31 + at / 256) as u8, "byte {at}");
        }
        // SAFETY: mapped above, and not used any more.
        unsafe { munmap(pages, 3 * PAGE) }.unwrap();
    }

    #[repr(C, align(64))]
    struct Lines([u64; 32]);

    #[test]
    fn acquiring_a_line_changes_nothing() {
        let mut lines = Lines(std::array::from_fn(|word| word as u64 * 3));
        for start in 0..16 {
            for words in 0..16 {
                // SAFETY: whole words of the array, to which no one else has access.
                unsafe { acquire_ended(lines.0[start..].as_mut_ptr().cast(), words * 8) };
            }
        }
        assert!(lines.0.iter().enumerate().all(|(word, value)| *value == word as u64 * 3));
    }
}
