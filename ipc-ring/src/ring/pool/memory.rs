//! What the algorithm requires of the memory that holds its words.

use super::tag::MAX_MEMBERS;
use super::words::{Blocks, C_COUNTERS, CLASS_SIZE, CLASSES, Classes, Seats};
use crate::platform::Platform;

/// The memory of one pool, and the private words of one process about it. A block's number is always below
/// [`blocks`](super::Sizes::blocks), a class always one that exists, a seat below [`seats`](Memory::seats).
pub trait Memory: Classes + Seats + Blocks {
    /// The pool's generation, from private memory: what handles carry.
    fn generation(&self) -> u64;
    /// Number of seats, at most [`MAX_MEMBERS`], from private memory. Fewer than usual only in a test that
    /// fills the table.
    fn seats(&self) -> u16 {
        MAX_MEMBERS
    }

    /// The two words of a block's route.
    #[inline(always)]
    fn route_words(&self, block: u32) -> [&<Self::Platform as Platform>::U64; 2] {
        [self.route(block), self.segment(block)]
    }

    /// The number of times an event happened to a class.
    ///
    /// # Panics
    /// If there is no such class.
    fn counter(&self, class: usize, counter: Counter) -> &<Self::Platform as Platform>::U64 {
        assert!(class < self.classes().len(), "a class's number is checked before it is used");
        // SAFETY: one of the words of a class's `counters`, which has as many as there are variants.
        unsafe { self.u64_at(CLASSES + class * CLASS_SIZE + C_COUNTERS + counter as usize * 8) }
    }

    /// The number of readers of a block in this member; the two largest numbers mean that it has the block
    /// exclusively. A private word of this process.
    fn readers(&self, block: u32) -> &<Self::Platform as Platform>::U32;

    /// Prefetches a block's first bytes for reading. A hint; models do nothing.
    #[inline(always)]
    fn will_read(&self, _class: usize, _block: u32) {}
    /// Prefetches a block's tag for writing. A hint; models do nothing.
    #[inline(always)]
    fn will_lend(&self, _block: u32) {}
}

/// The class of a block.
pub(super) fn class_of<M: Memory>(memory: &M, block: u32) -> usize {
    memory.classes().iter().rposition(|class| block >= class.first).unwrap_or(0)
}

/// Statistics. They are counted after the event, so a process that dies in between leaves one event
/// uncounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Requests that found no free block.
    Exhausted = 0,
    /// Blocks taken from members that died.
    Reclaimed = 1,
    /// Blocks whose handle was lost with its channel.
    Lost = 2,
    /// Handles refused.
    Refused = 3,
}

impl Counter {
    /// The number of counters.
    pub const COUNT: usize = 4;
}
