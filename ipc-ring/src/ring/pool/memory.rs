//! What the algorithm needs of the memory that holds its words.

use crate::platform::Platform;

/// Blocks of one size, as private memory has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Bytes of a block.
    pub size: u32,
    /// Number of blocks.
    pub count: u32,
    /// The number of the first of them among the pool's blocks.
    pub first: u32,
}

/// The words of one pool, and the private words of one process about it.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped) and over a model checker's objects by `loom-tests`. A
/// block's number is always below the sum of the counts, a class always one that exists, a seat below
/// [`seats`](Memory::seats).
pub trait Memory {
    /// The machine the words belong to.
    type Platform: Platform;

    /// The pool's generation, from private memory: what handles carry.
    fn generation(&self) -> u64;
    /// The size classes, from private memory. Their blocks are numbered one after the other, from 0.
    fn classes(&self) -> &[Class];
    /// Number of seats, at most [`MAX_MEMBERS`](super::MAX_MEMBERS), from private memory.
    fn seats(&self) -> u16;

    /// A block's tag. Asked for anew at each access.
    fn tag(&self, block: u32) -> &<Self::Platform as Platform>::U64;
    /// The two words of a block's route.
    fn route(&self, block: u32) -> [&<Self::Platform as Platform>::U64; 2];
    /// How often a block has been free, modulo 2^32, as of when it was lent or sent last. Written by who has it for itself.
    fn generations(&self, block: u32) -> &<Self::Platform as Platform>::U64;
    /// How often a block has been lent. Written by who lends it.
    fn loans(&self, block: u32) -> &<Self::Platform as Platform>::U64;
    /// How many blocks of a class, from its first, have ever been lent. A hint.
    fn touched(&self, class: usize) -> &<Self::Platform as Platform>::U64;
    /// The identity in a seat; 0 when it is free.
    fn seat(&self, number: u16) -> &<Self::Platform as Platform>::U64;
    /// How often something happened to a class.
    fn counter(&self, class: usize, counter: Counter) -> &<Self::Platform as Platform>::U64;

    /// How many readers of a block this member has; the two largest numbers while it has the block for itself. A private word of
    /// this process.
    fn readers(&self, block: u32) -> &<Self::Platform as Platform>::U32;

    /// Asks for a block's first bytes, which will be read. A hint; models do nothing.
    #[inline(always)]
    fn will_read(&self, _class: usize, _block: u32) {}
    /// Asks for a block's tag, which will be written. A hint; models do nothing.
    #[inline(always)]
    fn will_lend(&self, _block: u32) {}
}

/// Number of blocks of all classes.
pub(super) fn blocks<M: Memory>(memory: &M) -> u32 {
    memory.classes().last().map_or(0, |class| class.first.saturating_add(class.count))
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
