//! The counters of the two ends, for observers.

use core::sync::atomic::Ordering::Relaxed;

use super::words::{FRAMES_POPPED, FRAMES_PUSHED, PRODUCED};
use crate::region::Region;
use crate::ring::spsc::words::{
    CONSUMED, CONSUMER_WAKES, FOUND_EMPTY, FOUND_FULL, HIGH_WATER, PRODUCER_WAKES,
};

/// The counters of a ring of frames at about one moment.
///
/// Each is a word that one end writes as it works; they are read one after the other while both ends
/// continue. An end that was killed may have pushed or popped one frame, or one batch, without counting it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames pushed since the channel was made.
    pub frames_pushed: u64,
    /// Frames popped since the channel was made.
    pub frames_popped: u64,
    /// Bytes of the ring that pushed frames have taken since the channel was made, headers and paddings
    /// included.
    pub bytes_pushed: u64,
    /// Bytes of the ring that popped frames have released.
    pub bytes_popped: u64,
    /// How often the producer checked for room and found none. A waiting producer checks many times.
    pub found_full: u64,
    /// How often the consumer found the ring empty after it had found something.
    pub found_empty: u64,
    /// The largest observed number of bytes in use: the producer reads the consumer's position only when it
    /// needs to.
    pub high_water: u64,
    /// How often the producer woke the consumer.
    pub producer_wakes: u64,
    /// How often the consumer woke the producer.
    pub consumer_wakes: u64,
}

impl Counters {
    /// Reads them from a region whose header was checked. Any values are accepted: they index nothing.
    pub(crate) fn read(region: &Region, first_position: u64) -> Self {
        let count = |offset| region.word(offset).load(Relaxed); // Statistics.
        // Popped is read before pushed, which may still grow, so that popped never exceeds pushed.
        let (frames_popped, bytes_popped) = (count(FRAMES_POPPED), count(CONSUMED));
        Self {
            frames_pushed: count(FRAMES_PUSHED).max(frames_popped),
            frames_popped,
            bytes_pushed: count(PRODUCED).max(bytes_popped).wrapping_sub(first_position),
            bytes_popped: bytes_popped.wrapping_sub(first_position),
            found_full: count(FOUND_FULL),
            found_empty: count(FOUND_EMPTY),
            high_water: count(HIGH_WATER),
            producer_wakes: count(PRODUCER_WAKES),
            consumer_wakes: count(CONSUMER_WAKES),
        }
    }
}
