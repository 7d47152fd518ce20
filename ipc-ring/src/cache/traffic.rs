//! Ownership in streams: the consumer of a stream acquires the cache lines it has read, for its producers.
//!
//! A line that one core has written and another has read is in the caches of both. To write it again the
//! first core needs exclusive ownership, and stores become visible in order, so on AMD processors a producer
//! waits for one such line after the other. A line that only the consumer's core holds is requested like any
//! cache miss, several at a time. So a consumer stores to each line of a stream, when it has read all of it
//! and before it releases it, a word that the line already holds. That gives the consumer's core exclusive
//! ownership of the line, and changes nothing for observers.
//!
//! Single messages are not treated this way: the consumer's next store, which may be its reply, would wait
//! for the line.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::layout::LINE;
use crate::prefetch;

/// This number of bytes of messages popped one after the other is a stream, within lower and upper limits on
/// the number of messages.
const BYTES: usize = 4096;
const FEWEST: u64 = 4;
const MOST: u64 = 16;
/// How far ahead of a line that has been read the next is prefetched, in bytes.
const AHEAD: usize = 4 * LINE;

/// How many messages in slots of `stride` bytes, popped one after the other, are a stream; [`u64::MAX`] where
/// detecting streams does not pay.
pub(crate) fn after(stride: usize) -> u64 {
    if !prefetch::taking_lines_pays() && !prefetch::pays() {
        return u64::MAX;
    }
    ((BYTES / stride) as u64).clamp(FEWEST, MOST)
}

/// As [`after`], for frames of any length: the [`weight`] of those that are a stream.
pub(crate) fn from_weight() -> u64 {
    if prefetch::taking_lines_pays() || prefetch::pays() { BYTES as u64 } else { u64::MAX }
}

/// The weight of this number of frames with this number of bytes: their bytes, adjusted so that too few
/// frames never count as a stream, and more than enough always do.
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

/// Acquires the lines that end in the `len` bytes from `start` on, which have been read, and prefetches those
/// that will be read and acquired soon.
///
/// # Safety
/// `start` and `len` are multiples of 8. The bytes are mapped and belong to the caller for now: no one else
/// writes them. Concurrent readers read words of 8 bytes, atomically.
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

/// Acquires the line of this word, and prefetches the one some lines further on.
///
/// # Safety
/// As for [`rewrite`].
#[inline(always)]
pub(crate) unsafe fn take_line(word: *mut u8) {
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

/// Whether messages arrive as a stream, as seen by their consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    /// This number of positions without a wait between them is a stream.
    after: u64,
    /// The position at which the ring was last found empty.
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

    /// Everything before `position` is popped. To be called from time to time while there is no need to wait.
    #[inline(always)]
    pub(crate) const fn goes_on(&mut self, position: u64) {
        if self.is_long(position) {
            self.flows = true;
        }
    }

    /// The ring was found empty at `position`. Returns whether for the first time since the last message.
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
                // SAFETY: whole words of the array, to which no one else has access.
                unsafe { take_lines(lines.0[start..].as_mut_ptr().cast(), words * 8) };
            }
        }
        assert!(lines.0.iter().enumerate().all(|(word, value)| *value == word as u64 * 3));
    }
}
