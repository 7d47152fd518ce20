//! What the consumer of a stream does for its producers: it takes the lines it has read.
//!
//! A line that one core has written and another has read is in the caches of both. To write it again the first core needs it for
//! itself, and stores become visible in order, so on AMD's processors a producer waits for one such line after the other. A
//! line that only the consumer's core holds is asked for like any that is missing, several at a time. So a consumer writes to
//! each line of a stream, when it has read all of it and before it gives it back, a word that is there already. That makes the
//! line its own, and changes nothing for anybody who looks at it.
//!
//! A single message is not treated like that: the consumer's next store, which may be its reply, would wait for the line.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::layout::LINE;
use crate::prefetch;

/// So many bytes of messages popped one after the other are a stream, if they are not too few messages, nor more than that.
const BYTES: usize = 4096;
const FEWEST: u64 = 4;
const MOST: u64 = 16;
/// How far ahead of a line that has been read one is asked for, in bytes.
const AHEAD: usize = 4 * LINE;

/// How many messages in slots of `stride` bytes, popped one after the other, are a stream; [`u64::MAX`] where
/// nothing is gained by knowing.
pub(crate) fn after(stride: usize) -> u64 {
    if !prefetch::taking_lines_pays() && !prefetch::pays() {
        return u64::MAX;
    }
    ((BYTES / stride) as u64).clamp(FEWEST, MOST)
}

/// As [`after`], for frames of any length: the [`weight`] of those that are a stream.
pub(crate) fn from_weight() -> u64 {
    if prefetch::taking_lines_pays() { BYTES as u64 } else { u64::MAX }
}

/// What so many frames with so many bytes count for: their bytes, as far as neither too few frames are a stream, nor only more than
/// enough.
pub(crate) const fn weight(bytes: u64, frames: u64) -> u64 {
    let least = frames.saturating_mul(BYTES as u64 / MOST);
    let most = frames.saturating_mul(BYTES as u64 / FEWEST);
    if bytes < least {
        least
    } else if bytes > most {
        most
    } else {
        bytes
    }
}

/// Takes the lines that end in `len` bytes from `start` on, which have been read, and asks for those that will be read and taken soon.
///
/// # Safety
/// `start` and `len` are multiples of 8. The bytes are mapped and belong to the caller for now: nobody else writes them. Who reads them meanwhile
/// reads words of 8 bytes, atomically.
#[inline(always)]
pub(crate) unsafe fn take_lines(start: *mut u8, len: usize) {
    // The last word of a line that ends in these bytes is one of them.
    let mut end = LINE - start.addr() % LINE;
    while end <= len {
        // SAFETY: 8 <= end <= len, all multiples of 8: aligned, and inside the caller's bytes.
        unsafe { take_line(start.wrapping_add(end - 8)) };
        end += LINE;
    }
}

/// Takes the line of this word, and asks for the one some lines further on.
///
/// # Safety
/// As for [`rewrite`].
#[inline(always)]
pub(crate) unsafe fn take_line(word: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { rewrite(word) };
    prefetch::for_writing(word.wrapping_add(AHEAD)); // Beyond the ring it is harmless.
}

/// Writes to a word what is there.
///
/// # Safety
/// `word` is aligned to 8 and mapped, and nobody else writes it for now. Who reads it meanwhile reads all of it, atomically.
#[inline(always)]
pub(crate) unsafe fn rewrite(word: *mut u8) {
    // SAFETY: the caller's promise.
    let word = unsafe { AtomicU64::from_ptr(word.cast()) };
    word.store(word.load(Ordering::Relaxed), Ordering::Relaxed); // Nothing new; ordered by what hands the bytes on.
}

/// Whether messages come as a stream, as their consumer sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    /// So many positions without a wait between them are a stream.
    after: u64,
    /// The position at which nothing was found last.
    waited_at: u64,
    flows: bool,
}

impl Stream {
    pub(crate) const fn new(after: u64, position: u64) -> Self {
        Self { after, waited_at: position.wrapping_sub(1), flows: false }
    }

    /// Whether it is one.
    #[inline(always)]
    pub(crate) const fn flows(&self) -> bool {
        self.flows
    }

    /// Everything before `position` is popped: now and then to be said while nothing has to be waited for.
    #[inline(always)]
    pub(crate) const fn goes_on(&mut self, position: u64) {
        if self.is_long(position) {
            self.flows = true;
        }
    }

    /// Nothing was found at `position`. Whether for the first time since the last message.
    #[inline]
    pub(crate) const fn found_nothing(&mut self, position: u64) -> bool {
        if position == self.waited_at {
            return false;
        }
        self.flows = self.is_long(position);
        self.waited_at = position;
        true
    }

    #[inline]
    const fn is_long(&self, position: u64) -> bool {
        position.wrapping_sub(self.waited_at) >= self.after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_a_stream_as_messages_of_their_size_are() {
        for (record, frames) in [(16, 16), (256, 16), (512, 8), (1032, 4), (1 << 20, 4)] {
            assert!(weight(record * frames, frames) >= BYTES as u64, "{frames} of {record}");
            assert!(weight(record * (frames - 1), frames - 1) < BYTES as u64, "{frames} of {record}");
        }
        assert_eq!(weight(u64::MAX, u64::MAX), u64::MAX, "whatever a hostile peer makes of the counts");
    }

    #[repr(C, align(64))]
    struct Lines([u64; 32]);

    #[test]
    fn single_messages_are_no_stream() {
        let mut stream = Stream::new(4, 100);
        for position in 100..200 {
            assert!(stream.found_nothing(position));
            assert!(!stream.found_nothing(position), "a second look");
            assert!(!stream.flows());
        }
    }

    #[test]
    fn a_stream_flows_from_run_to_run() {
        let mut stream = Stream::new(4, u64::MAX - 1);
        assert!(stream.found_nothing(u64::MAX - 1));
        stream.goes_on(1);
        assert!(!stream.flows(), "three");
        stream.goes_on(2);
        assert!(stream.flows(), "four");
        assert!(stream.found_nothing(3), "a run of five");
        assert!(stream.flows());
        assert!(stream.found_nothing(6), "one of three");
        assert!(!stream.flows());
    }

    #[test]
    fn nothing_is_a_stream_where_none_is_wanted() {
        let mut stream = Stream::new(u64::MAX, 7);
        stream.goes_on(7 + u64::MAX / 2);
        assert!(!stream.flows());
    }

    #[test]
    fn taking_a_line_changes_nothing() {
        let mut lines = Lines(std::array::from_fn(|word| word as u64 * 3));
        for start in 0..16 {
            for words in 0..16 {
                // SAFETY: words of the array, which nobody else knows; whole ones.
                unsafe { take_lines(lines.0[start..].as_mut_ptr().cast(), words * 8) };
            }
        }
        assert!(lines.0.iter().enumerate().all(|(word, value)| *value == word as u64 * 3));
    }
}
