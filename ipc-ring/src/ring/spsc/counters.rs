//! The counters of the two ends, for observers.

use core::sync::atomic::Ordering::Relaxed;

use super::words::{
    CONSUMED, CONSUMER_WAKES, FOUND_EMPTY, FOUND_FULL, HIGH_WATER, PRODUCER_WAKES, SLOTS_OFFSET,
};
use crate::edge::Edge;
use crate::layout::Geometry;
use crate::platform::{Native, Platform};
use crate::region::Region;

/// The counters of a ring at about one moment.
///
/// Each is a word that one end writes as it works. They are read one after the other while both ends
/// continue: each value was true at some moment during the read, but not all of them at the same moment.
/// Nothing is counted twice or skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Messages pushed since the channel was made.
    pub pushed: u64,
    /// Messages popped since the channel was made.
    pub popped: u64,
    /// Messages pushed and not popped.
    pub waiting: u64,
    /// How often the producer checked for room and found none. A waiting producer checks many times.
    pub found_full: u64,
    /// How often the consumer found the ring empty after it had found something.
    pub found_empty: u64,
    /// The largest observed number of waiting messages: the producer reads the consumer's position at most
    /// once a lap, so a shorter peak between two reads is missed.
    pub high_water: u64,
    /// How often the producer woke the consumer.
    pub producer_wakes: u64,
    /// How often the consumer woke the producer.
    pub consumer_wakes: u64,
}

impl Counters {
    /// Reads them from a region whose header was checked. Any values are accepted: they index nothing.
    pub(crate) fn read(region: &Region, geometry: &Geometry, first_position: u64) -> Self {
        let count = |offset| region.word(offset).load(Relaxed); // Statistics.
        // [S3] Acquire ← the consumer's Release: what it popped is seen as pushed.
        let consumed = region.word(CONSUMED).load(Native::ordering(Edge::SpscReclaimExact));
        let waiting = waiting(region, geometry, consumed);
        let popped = consumed.wrapping_sub(first_position);
        Self {
            pushed: popped.wrapping_add(waiting),
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

/// The number of messages from position `consumed` on.
///
/// Messages are published in order, so a binary search finds the first slot without its message. Both ends
/// continue meanwhile, so a slot may already hold a later lap's message, which means that the producer has
/// passed it. The result was true at some moment of the search: the slot before was found pushed, this one
/// was found not pushed, and pushes are never undone.
fn waiting(region: &Region, geometry: &Geometry, consumed: u64) -> u64 {
    let pushed = |position: u64| {
        let index = (position & (geometry.capacity() - 1)) as usize;
        let word =
            region.word(SLOTS_OFFSET + index * geometry.stride() + geometry.word_offset()).load(Relaxed); // Statistics.
        word != 0 && word.wrapping_sub(position.wrapping_add(1)) <= u64::MAX / 2
    };
    let (mut there, mut not_there) = (0, geometry.capacity() + 1);
    while not_there - there > 1 {
        let middle = there + (not_there - there) / 2;
        if pushed(consumed.wrapping_add(middle - 1)) { there = middle } else { not_there = middle }
    }
    there
}
