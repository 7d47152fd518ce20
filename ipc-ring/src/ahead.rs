//! What a producer does for the message after: it takes the lines that will hold it.
//!
//! The lines of a slot were written by this core a lap ago and read by the consumer's since, so both hold them, and to write them again the
//! first has to make the other let go, one line after the other. That is a part of a message's way, and of one of many lines the
//! longest. So when a message is pushed, and nobody waits for the producer any more, it writes to each line of the next slot a
//! word that is there already.
//!
//! In a ring of frames the next slot is a record like the last one, and the word behind it, which is cleared before the record is published.
//!
//! Not to the line of the message just pushed, which is on its way to the consumer. Only on processors where [taking
//! lines](prefetch::taking_lines_pays) pays.

use crate::layout::LINE;
use crate::prefetch;
use crate::stream::rewrite;

/// How many bytes of a payload of `len` bytes are taken: all of them, or none where it does not pay.
pub(crate) fn of(len: usize) -> usize {
    if prefetch::taking_lines_pays() { len } else { 0 }
}

/// Takes the lines that begin in the `len` bytes from `start` on, if there is one and `allowed` says so.
///
/// # Safety
/// `start` and `len` are multiples of 8. When `allowed` has said so, the bytes are mapped and belong to the caller for now: nobody else
/// writes them. Who reads them meanwhile reads words of 8 bytes, atomically.
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

    const PAGE: usize = 4096;

    /// Between two pages that nobody may write.
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
            for len in (0..=before + PAGE).step_by(8) {
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
