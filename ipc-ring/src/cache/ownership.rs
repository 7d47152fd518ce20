//! Ownership ahead: after a push, the producer acquires the cache lines that will hold the next message.
//!
//! The lines of a slot were written by this core a lap ago and have been read by the consumer's core since,
//! so both caches hold them. Before this core can write them again, the other copy must be invalidated, one
//! line after the other. That is part of a message's latency, and the largest part for a message of many
//! lines. So after a push, when no one waits for the producer any more, it stores to each line of the next
//! slot a word that the line already holds.
//!
//! In a ring of frames the next slot is a record of the same size as the last one, plus the word after it,
//! which is cleared before the record is published.
//!
//! The line of the message just pushed is left alone: it is on its way to the consumer. Done only on
//! processors where [acquiring lines](prefetch::taking_lines_pays) pays.

use crate::layout::LINE;
use crate::prefetch;
use crate::stream::rewrite;

/// How many bytes of a payload of `len` bytes are acquired: all of them, or none where it does not pay.
pub(crate) fn of(len: usize) -> usize {
    if prefetch::taking_lines_pays() { len } else { 0 }
}

/// Acquires the lines that begin in the `len` bytes from `start` on, if there are any and `allowed` returns
/// true.
///
/// # Safety
/// `start` and `len` are multiples of 8. When `allowed` has returned true, the bytes are mapped and belong to
/// the caller for now: no one else writes them. Concurrent readers read words of 8 bytes, atomically.
#[inline(always)]
pub(crate) unsafe fn take_lines(start: *mut u8, len: usize, allowed: impl FnOnce() -> bool) {
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
                unsafe { take_lines(base.wrapping_add(PAGE - before), len, || true) };
            }
        }
        for allowed in [true, false] {
            // SAFETY: inside the pages, multiples of 8. No line begins in there, or none may be taken.
            unsafe { take_lines(base.wrapping_add(8), if allowed { LINE - 8 } else { PAGE }, || allowed) };
        }
        for at in 0..3 * PAGE {
            // SAFETY: inside the pages.
            let byte = unsafe { base.wrapping_add(at).read() };
            assert_eq!(byte, (at * 31 + at / 256) as u8, "byte {at}");
        }
        // SAFETY: mapped above, and not used any more.
        unsafe { munmap(pages, 3 * PAGE) }.unwrap();
    }

    #[test]
    fn lines_are_taken_where_it_pays() {
        assert_eq!(of(1024), if prefetch::taking_lines_pays() { 1024 } else { 0 });
    }
}
