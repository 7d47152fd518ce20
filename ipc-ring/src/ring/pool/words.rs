//! The words of a pool: of its classes, its members and its blocks. The tables are in `docs/layout.md` too.

use super::tag::MAX_MEMBERS;
use crate::layout::{APART, HEADER_SIZE};
use crate::memory::{Access, entries, words};

words! {
    /// The tables of a pool.
    pub trait Tables: Access;
    /// The fields of a pool behind its header.
    const FIELDS from HEADER_SIZE;

    /// The table of classes.
    0x100 [MAX_CLASSES * CLASS_SIZE] CLASSES classes: area, "creator; counters by the member that lends, takes or repairs";
    /// The table of members.
    0x900 [MAX_MEMBERS as usize * SEAT_SIZE] SEATS members: area, "members";
    /// The table of lenders: ends that wait for a free block. Their records are the channel's.
    0x1900 [MAX_LENDERS as usize * SEAT_SIZE] LENDERS lenders: area, "lenders";
    /// The table of blocks. Behind it, for each class, on a page boundary, the blocks themselves.
    0x9900 rest BLOCKS blocks: area, "holders";
}

/// Blocks of one size, as held in private memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Bytes of a block.
    pub size: u32,
    /// Number of blocks.
    pub count: u32,
    /// The number of the first of them among all blocks of the pool.
    pub first: u32,
}

/// The number of classes and blocks of a pool.
///
/// # Safety
/// The tables hold as many entries, and neither number ever changes.
pub unsafe trait Sizes: Tables {
    /// The size classes, from private memory. Their blocks are numbered consecutively, from 0.
    fn classes(&self) -> &[Class];
    /// Number of blocks of all classes, from private memory.
    fn blocks(&self) -> u32;
}

/// The largest number of size classes.
pub const MAX_CLASSES: usize = 16;
/// Bytes of a class's entry.
pub(crate) const CLASS_SIZE: usize = APART;
/// Bytes of a seat, and of a lender's record.
pub(crate) const SEAT_SIZE: usize = APART;
/// The largest number of lenders.
pub const MAX_LENDERS: u16 = 256;
/// Bytes of a block's entry.
pub(crate) const BLOCK_SIZE: usize = APART;

entries! {
    /// The entries of a pool's classes.
    pub trait Classes: Sizes;
    /// The fields of a class.
    const CLASS_FIELDS of CLASSES, stride CLASS_SIZE, |memory, class: usize| class < memory.classes().len();

    /// Bytes of a block.
    0x00 [8] C_SIZE size: area, "creator";
    /// Number of blocks.
    0x08 [8] C_COUNT count: area, "creator";
    /// The number of its first block.
    0x10 [8] C_FIRST first: area, "creator";
    /// Where its first block's bytes begin.
    0x18 [8] C_OFFSET offset: area, "creator";
    /// How many blocks of a class, from its first, have ever been lent.
    0x20 u64 C_TOUCHED touched: hint, "the member that lends";
    /// How often something happened to a class.
    0x28 [32] C_COUNTERS counters: area, "the member that met it";
    /// Which lenders sleep until a block of the class is free.
    0x48 u64 C_SLEEPERS sleepers: protocol, "lenders before they sleep; the member that wakes them";
}

entries! {
    /// The seats of a pool's members.
    pub trait Seats: Sizes;
    /// The fields of a seat.
    const SEAT_FIELDS of SEATS, stride SEAT_SIZE, |_memory, number: u16| number < MAX_MEMBERS;

    /// The identity in a seat; 0 when it is free.
    0x00 u64 S_IDENTITY identity: protocol, "CAS by the member that takes it; the member or a recoverer frees it, Release (P4)";
    /// The member's process number, for display.
    0x08 [4] S_PID pid: area, "the member";
}

entries! {
    /// The entries of a pool's blocks.
    pub trait Blocks: Sizes;
    /// The fields of a block.
    const BLOCK_FIELDS of BLOCKS, stride BLOCK_SIZE, |memory, block: u32| block < memory.blocks();

    /// A block's tag. Asked for anew at each access.
    0x00 u64 B_TAG tag: protocol, "holders, recoverers";
    /// The generation of the channel that has the block.
    0x08 u64 B_ROUTE route: protocol, "the member that sends the block, before the tag";
    /// The segment of that channel.
    0x10 u64 B_SEGMENT segment: protocol, "the member that sends the block, before the tag";
    /// How often a block has been lent. Written by the member that lends it.
    0x18 u64 B_LOANS loans: counter, "the member that is lent the block";
    /// How often a block has been free, modulo 2^32, as of when it was lent or sent last. Written by the
    /// member that holds it exclusively.
    0x20 u64 B_GENERATIONS generations: protocol, "the member that is lent the block or sends it, before the tag";
}

/// Where the mask of the lenders that sleep for a class lies.
///
/// # Panics
/// If there can be no such class.
#[must_use]
pub fn sleepers_of(class: usize) -> usize {
    assert!(class < MAX_CLASSES, "a class's number is checked before it is used");
    CLASSES + class * CLASS_SIZE + C_SLEEPERS
}

#[cfg(test)]
#[test]
fn the_specification_has_the_same_words() {
    use crate::documented::assert_fields;
    assert_fields("The pool", FIELDS);
    assert_fields("Class of a pool", CLASS_FIELDS);
    assert_fields("Member of a pool", SEAT_FIELDS);
    assert_fields("Block of a pool", BLOCK_FIELDS);
}
