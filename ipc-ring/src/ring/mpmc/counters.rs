//! The counters of a ring that an observer can read.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Counter;
use super::words::{COUNTERS, HEAD, TAIL};
use crate::layout::Geometry;
use crate::region::Region;

/// The counters of a ring at about one moment.
///
/// The ends do not count messages: the numbers of messages are derived from the two position hints for
/// pushing and popping. They are off by the operations under way, and by more while a hint lags. In a ring at
/// rest they are exact, except for slots that dead or aborted producers left empty, which count as messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Messages pushed since the channel was made.
    pub pushed: u64,
    /// Messages popped since the channel was made.
    pub popped: u64,
    /// Messages pushed and not popped, at most the capacity.
    pub waiting: u64,
    /// Slots whose producer died before its commit.
    pub voided: u64,
    /// Messages taken from consumers that died, to be delivered again.
    pub orphaned: u64,
    /// Messages given up after the last attempt.
    pub dead_letters: u64,
    /// Seats of dead processes set free.
    pub recovered: u64,
}

impl Counters {
    /// Reads them from a region whose header was checked. Any values are accepted: they index nothing.
    pub(crate) fn read(region: &Region, geometry: &Geometry, first_position: u64) -> Self {
        let word = |offset| region.word(offset).load(Relaxed); // Statistics.
        let count = |counter: Counter| word(COUNTERS + counter as usize * 8);
        // The head first: what is popped was pushed, unless a hint lags.
        let popped = word(HEAD).wrapping_sub(first_position);
        let pushed = word(TAIL).wrapping_sub(first_position);
        let waiting = pushed.wrapping_sub(popped);
        Self {
            pushed,
            popped,
            waiting: if waiting.cast_signed() < 0 { 0 } else { waiting.min(geometry.capacity()) },
            voided: count(Counter::Voided),
            orphaned: count(Counter::Orphaned),
            dead_letters: count(Counter::DeadLetters),
            recovered: count(Counter::Recovered),
        }
    }
}
