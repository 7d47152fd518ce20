//! How many blocks are in whose hands.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::{Counter, Memory};
use super::tag::{State, Tag};
use crate::platform::Word;

/// One size class as it was looked at. Racy: others are at work meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// Bytes of a block.
    pub size: usize,
    /// Number of blocks.
    pub count: u64,
    /// Blocks that are not free.
    pub in_use: u64,
    /// Of those, blocks that somebody writes.
    pub loaned: u64,
    /// Of those, blocks whose handle is in a channel, and which nobody reads.
    pub sent: u64,
    /// Of those, blocks that somebody reads.
    pub read: u64,
    /// How many different blocks were ever lent: the most that were in use at a time, or four if that is more, since the
    /// first four are used in turn.
    pub high_water: u64,
    /// How often a block was lent.
    pub loans: u64,
    /// Requests that found no free block.
    pub exhausted: u64,
    /// Blocks taken from processes that died.
    pub reclaimed: u64,
    /// Blocks whose handle was lost with its channel.
    pub lost: u64,
    /// Handles refused. Those that name no class count in the first.
    pub refused: u64,
}

/// Looks at every block of a class.
///
/// # Panics
/// When there is no such class.
pub fn class_stats<M: Memory>(memory: &M, number: usize) -> ClassStats {
    let class = memory.classes()[number];
    let counter = |counter| memory.counter(number, counter).load(Relaxed); // Statistics.
    let mut stats = ClassStats {
        size: class.size as usize,
        count: u64::from(class.count),
        exhausted: counter(Counter::Exhausted),
        reclaimed: counter(Counter::Reclaimed),
        lost: counter(Counter::Lost),
        refused: counter(Counter::Refused),
        ..ClassStats::default()
    };
    for block in class.first..class.first + class.count {
        let tag = Tag::from_raw(memory.tag(block).load(Relaxed)); // Statistics.
        let loans = memory.loans(block).load(Relaxed); // Statistics.
        stats.loans = stats.loans.wrapping_add(loans);
        stats.high_water += u64::from(loans > 0);
        match tag.state() {
            Some(State::Free) | None => {}
            Some(State::Loaned | State::Offered) => stats.loaned += 1,
            Some(State::Published) if tag.holders() == 0 => stats.sent += 1,
            Some(State::Sent) => stats.sent += 1,
            Some(State::Taken | State::Shared | State::Published) => stats.read += 1,
        }
    }
    stats.in_use = stats.loaned + stats.sent + stats.read;
    stats
}
