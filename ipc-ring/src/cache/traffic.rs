//! The consumer's estimate of the traffic: whether messages arrive as a stream, one after the other without a
//! wait between them.

use super::processor;

/// This number of bytes of messages popped one after the other is a stream, within lower and upper limits on
/// the number of messages.
const BYTES: usize = 4096;
const FEWEST: u64 = 4;
const MOST: u64 = 16;

/// How many messages in slots of `stride` bytes, popped one after the other, are a stream; [`u64::MAX`] where
/// detecting streams does not pay.
pub(crate) fn stream_len(stride: usize) -> u64 {
    if processor::uses_traffic() { ((BYTES / stride) as u64).clamp(FEWEST, MOST) } else { u64::MAX }
}

/// As [`stream_len`], for frames of any length: the total [`weight`] of consecutive frames that
/// counts as a stream.
pub(crate) fn stream_weight() -> u64 {
    if processor::uses_traffic() { BYTES as u64 } else { u64::MAX }
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

/// Whether messages arrive as a stream, as seen by their consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    /// Number of consecutive positions, popped without finding the ring empty, that count as a stream.
    after: u64,
    /// The position at which the ring was last found empty.
    waited_at: u64,
    is_streaming: bool,
}

impl Traffic {
    pub(crate) const fn new(after: u64, position: u64) -> Self {
        Self { after, waited_at: position.wrapping_sub(1), is_streaming: false }
    }

    /// Whether messages currently arrive as a stream.
    #[inline(always)]
    pub(crate) const fn is_streaming(&self) -> bool {
        self.is_streaming
    }

    /// Everything before `position` is popped. To be called from time to time while there is no need to wait.
    #[inline(always)]
    pub(crate) const fn released(&mut self, position: u64) {
        if self.is_long(position) {
            self.is_streaming = true;
        }
    }

    /// The ring was found empty at `position`. Returns true on the first call after a
    /// message was popped.
    #[inline]
    pub(crate) const fn found_nothing(&mut self, position: u64) -> bool {
        if position == self.waited_at {
            return false;
        }
        self.is_streaming = self.is_long(position);
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

    #[test]
    fn single_messages_are_no_stream() {
        let mut traffic = Traffic::new(4, 100);
        for position in 100..200 {
            assert!(traffic.found_nothing(position));
            assert!(!traffic.found_nothing(position), "a second look");
            assert!(!traffic.is_streaming());
        }
    }

    #[test]
    fn a_stream_is_streaming_from_run_to_run() {
        let mut traffic = Traffic::new(4, u64::MAX - 1);
        assert!(traffic.found_nothing(u64::MAX - 1));
        traffic.released(1);
        assert!(!traffic.is_streaming(), "three");
        traffic.released(2);
        assert!(traffic.is_streaming(), "four");
        assert!(traffic.found_nothing(3), "a batch of five");
        assert!(traffic.is_streaming());
        assert!(traffic.found_nothing(6), "one of three");
        assert!(!traffic.is_streaming());
    }

    #[test]
    fn nothing_is_a_stream_where_none_is_wanted() {
        let mut traffic = Traffic::new(u64::MAX, 7);
        traffic.released(7 + u64::MAX / 2);
        assert!(!traffic.is_streaming());
    }
}
