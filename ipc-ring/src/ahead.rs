//! What a producer does for the message after: it takes the lines that will hold it.
//!
//! The lines of a slot were written by this core a lap ago and read by the consumer's since, so both hold them, and to write them again the
//! first has to make the other let go, one line after the other. A message of many lines is held up by that for longer than by
//! its own way. So when a message is pushed, and nobody waits for the producer any more, it writes to each line of the next
//! slot a word that is there already.
//!
//! Only to lines in which nothing but that slot's payload lies: the consumer looks at those with sequence words. Only on processors where
//! [taking lines](prefetch::taking_lines_pays) pays.

use crate::layout::LINE;
use crate::prefetch;
use crate::stream::rewrite;

/// From slots of so many bytes on: below, no line or hardly one lies in a payload.
pub(crate) const FEWEST: usize = 2 * LINE;

/// How many bytes of the payload of `len` bytes in a slot of `stride` are taken.
pub(crate) fn of(stride: usize, len: usize) -> usize {
    if stride < FEWEST || !prefetch::taking_lines_pays() { 0 } else { len }
}

/// Takes the lines that lie in the `len` bytes from `start` on.
///
/// # Safety
/// `start` and `len` are multiples of 8. The bytes are mapped and belong to the caller for now: nobody else writes them, or reads them.
#[inline(always)]
pub(crate) unsafe fn take_lines(start: *mut u8, len: usize) {
    let mut at = start.addr().next_multiple_of(LINE) - start.addr();
    while at + LINE <= len {
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
    fn only_lines_that_lie_inside_are_written_and_nothing_changes() {
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
            for behind in (0..LINE).step_by(8) {
                let start = base.wrapping_add(PAGE - before);
                // SAFETY: inside the pages, multiples of 8. Of the first and of the last page less than a line.
                unsafe { take_lines(start, before + PAGE + behind) };
            }
        }
        // SAFETY: inside the pages, multiples of 8.
        unsafe { take_lines(base.wrapping_add(PAGE - 56), 112) }; // No line lies in there.
        for at in 0..3 * PAGE {
            // SAFETY: inside the pages.
            let byte = unsafe { base.wrapping_add(at).read() };
            assert_eq!(byte, (at * 31 + at / 256) as u8, "byte {at}");
        }
        // SAFETY: mapped above, and not used any more.
        unsafe { munmap(pages, 3 * PAGE) }.unwrap();
    }

    #[test]
    fn only_payloads_of_whole_lines_are_taken() {
        assert_eq!(of(72, 64), 0);
        assert_eq!(of(120, 112), 0);
        assert!([0, 1024].contains(&of(1032, 1024)), "all of it, or none where it does not pay");
        assert_eq!(of(1032, 1024) > 0, prefetch::taking_lines_pays());
    }
}
