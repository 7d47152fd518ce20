//! What the algorithm needs of the memory that holds its words.

use super::tag::MAX_MEMBERS;
use super::words::{Blocks, C_COUNTERS, CLASS_SIZE, CLASSES, Classes, Seats};
use crate::platform::Platform;

/// The memory of one pool, and the private words of one process about it. A block's number is always below
/// [`blocks`](super::Sizes::blocks), a class always one that exists, a seat below [`seats`](Memory::seats).
pub trait Memory: Classes + Seats + Blocks {
    /// The pool's generation, from private memory: what handles carry.
    fn generation(&self) -> u64;
    /// Number of seats, at most [`MAX_MEMBERS`], from private memory. Fewer than usual only where a test
    /// wants to see the table full.
    fn seats(&self) -> u16 {
        MAX_MEMBERS
    }

    /// The two words of a block's route.
    #[inline(always)]
    fn route_words(&self, block: u32) -> [&<Self::Platform as Platform>::U64; 2] {
        [self.route(block), self.segment(block)]
    }

    /// How often something happened to a class.
    ///
    /// # Panics
    /// When there is no such class.
    fn counter(&self, class: usize, counter: Counter) -> &<Self::Platform as Platform>::U64 {
        assert!(class < self.classes().len(), "a class's number is checked before it is used");
        // SAFETY: one of the words of a class's `counters`, which has as many as there are variants.
        unsafe { self.u64_at(CLASSES + class * CLASS_SIZE + C_COUNTERS + counter as usize * 8) }
    }

    /// How many readers of a block this member has; the two largest numbers while it has the block for
    /// itself. A private word of this process.
    fn readers(&self, block: u32) -> &<Self::Platform as Platform>::U32;

    /// Asks for a block's first bytes, which will be read. A hint; models do nothing.
    #[inline(always)]
    fn will_read(&self, _class: usize, _block: u32) {}
    /// Asks for a block's tag, which will be written. A hint; models do nothing.
    #[inline(always)]
    fn will_lend(&self, _block: u32) {}
}

/// The class of a block.
pub(super) fn class_of<M: Memory>(memory: &M, block: u32) -> usize {
    memory.classes().iter().rposition(|class| block >= class.first).unwrap_or(0)
}

/// Statistics. They are counted after the fact, so one is missing when somebody dies in between.
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
    /// How many there are.
    pub const COUNT: usize = 4;
}
