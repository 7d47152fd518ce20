//! Looks at all blocks of a class: counts them by state, or finds out whether one is free.

use core::sync::atomic::Ordering::Relaxed;

use super::member::Member;
use super::memory::{Counter, Memory};
use super::tag::{State, Tag};
use super::words::Class;
use crate::platform::Word;

/// The counts of one size class. Racy: other members lend and free blocks meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// Bytes of a block.
    pub size: usize,
    /// Number of blocks.
    pub count: u64,
    /// Blocks that are not free.
    pub in_use: u64,
    /// Of those, blocks that a member is writing.
    pub loaned: u64,
    /// Of those, blocks whose handle is in a channel and that no member reads.
    pub sent: u64,
    /// Of those, blocks that members are reading.
    pub read: u64,
    /// The number of different blocks ever lent: the peak number in use at a time, or four if that is more,
    /// since the first four are used in turn.
    pub high_water: u64,
    /// The number of times a block was lent.
    pub loans: u64,
    /// Requests that found no free block.
    pub exhausted: u64,
    /// Blocks taken from processes that died.
    pub reclaimed: u64,
    /// Blocks whose handle was lost with its channel.
    pub lost: u64,
    /// Handles refused. Those that name no class are counted in the first.
    pub refused: u64,
}

/// Counts the blocks of a class.
///
/// # Panics
/// If there is no such class.
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

impl<M: Memory> Member<M> {
    /// Whether a block of a class is free. For a lender that has announced its sleep, and looks once more.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    pub fn has_free(&self, class: usize) -> bool {
        let Class { count, first, .. } = self.memory.classes()[class];
        // A hint; the barrier of the sleep protocol orders it before a sleep.
        let is_free =
            |block| Tag::from_raw(self.memory.tag(block).load(Relaxed)).state() == Some(State::Free);
        (first..first + count).any(is_free)
    }
}
