//! What the two ends count, for somebody who only looks.

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::layout::{
    CONSUMED, CONSUMER_WAKES, FOUND_EMPTY, FOUND_FULL, HIGH_WATER, PRODUCED, PRODUCER_WAKES,
};
use crate::region::Region;

/// The counters of a ring at about one moment.
///
/// Each is a word that one end writes while it works. They are read one after the other, while both ends go on: each value
/// was true at some moment during the look, but not all of them at the same one. Nothing is counted twice or skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Messages pushed since the channel was made. A producer killed between a push and its count is one ahead of this,
    /// until a successor comes.
    pub pushed: u64,
    /// Messages popped since the channel was made.
    pub popped: u64,
    /// Messages pushed and not popped.
    pub waiting: u64,
    /// How often the producer looked for room and found none. A producer that waits looks many times.
    pub found_full: u64,
    /// How often the consumer found nothing after it had found something.
    pub found_empty: u64,
    /// The largest number of waiting messages known of: the producer looks how far the consumer is at most once a lap, so a
    /// shorter peak between two looks is not seen.
    pub high_water: u64,
    /// How often the producer woke the consumer.
    pub producer_wakes: u64,
    /// How often the consumer woke the producer.
    pub consumer_wakes: u64,
}

impl Counters {
    /// Reads them from a region whose header was checked. Any values are accepted: they index nothing.
    pub(crate) fn read(region: &Region, capacity: u64, first_position: u64) -> Self {
        let count = |offset| region.word(offset).load(Relaxed); // Statistics.
        // The consumer's first, so that what is pushed meanwhile makes the difference larger, not negative.
        let popped = region.word(CONSUMED).load(Acquire).wrapping_sub(first_position);
        let pushed = count(PRODUCED).wrapping_sub(first_position);
        let behind = pushed.wrapping_sub(popped);
        // More than a whole lap: messages that were popped and pushed between the two looks, or, near the top of the
        // numbers, a push that its producer did not live to count.
        let waiting = if behind > u64::MAX / 2 { 0 } else { behind.min(capacity) };
        Self {
            pushed,
            popped,
            waiting,
            found_full: count(FOUND_FULL),
            found_empty: count(FOUND_EMPTY),
            high_water: count(HIGH_WATER).max(waiting),
            producer_wakes: count(PRODUCER_WAKES),
            consumer_wakes: count(CONSUMER_WAKES),
        }
    }
}
