//! Where the words of a pool lie, and how large it is. The tables stand in `docs/layout.md` too.
//!
//! | offset | what | written by | read by |
//! |---|---|---|---|
//! | 0x000 | header | creator, once | whoever opens the pool |
//! | 0x100 | table of classes: 16 entries of 128 bytes | creator; counters by whoever lends, takes or repairs | who opens; monitoring |
//! | 0x900 | table of members: 32 seats of 128 bytes | members | recoverers |
//! | 0x1900 | table of blocks: 128 bytes each | holders | everybody |
//! | … | for each class, on a page boundary, the blocks themselves | holders | holders |

use super::memory::{Class, Counter};
use super::tag::MAX_MEMBERS;
use crate::layout::{APART, Geometry, HEADER_SIZE, LINE};

/// The table of classes.
pub(crate) const CLASSES: usize = HEADER_SIZE;
/// Bytes of an entry.
pub(crate) const CLASS_SIZE: usize = APART;
/// The largest number of size classes.
pub const MAX_CLASSES: usize = 16;
pub(crate) const C_SIZE: usize = 0x00;
pub(crate) const C_COUNT: usize = 0x08;
pub(crate) const C_FIRST: usize = 0x10;
pub(crate) const C_OFFSET: usize = 0x18;
pub(super) const C_TOUCHED: usize = 0x20;
pub(super) const C_COUNTERS: usize = 0x28;

/// The table of members.
pub(crate) const SEATS: usize = CLASSES + MAX_CLASSES * CLASS_SIZE;
/// Bytes of a seat: identity (8), process number (4), which is for display.
pub(crate) const SEAT_SIZE: usize = APART;
pub(crate) const S_PID: usize = 8;

/// The table of blocks.
pub(crate) const BLOCKS: usize = SEATS + MAX_MEMBERS as usize * SEAT_SIZE;
/// Bytes of an entry.
pub(crate) const BLOCK_SIZE: usize = APART;
pub(super) const B_TAG: usize = 0x00;
pub(super) const B_ROUTE: usize = 0x08;
pub(super) const B_LOANS: usize = 0x18;
pub(super) const B_GENERATIONS: usize = 0x20;

/// The smallest block, in bytes.
pub const MIN_BLOCK: usize = 64;
/// The largest block, in bytes.
pub const MAX_BLOCK: usize = 64 << 20;
/// The largest number of blocks of a pool.
pub const MAX_BLOCKS: u64 = 1 << 24;
/// Where the blocks of a class begin is a multiple of this.
const PAGE: usize = 4096;

const _: () = {
    assert!(CLASSES == 0x100);
    assert!(C_COUNTERS + Counter::COUNT * 8 <= CLASS_SIZE);
    assert!(SEATS == 0x900);
    assert!(BLOCKS == 0x1900);
    assert!(BLOCKS.is_multiple_of(APART));
    assert!(B_GENERATIONS + 8 <= LINE);
};

/// The shape of a pool: its classes and where their blocks lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The classes, the smallest blocks first.
    pub classes: Vec<Class>,
    /// For each class, where its first block begins, in bytes.
    pub offsets: Vec<usize>,
    /// Number of blocks.
    pub blocks: u32,
    /// Bytes of the whole pool.
    pub total_size: usize,
}

impl Shape {
    /// The shape of a pool of these classes, each a size in bytes and a number of blocks.
    ///
    /// Sizes are rounded up to a multiple of 64 and must grow from class to class.
    ///
    /// # Errors
    /// What is wrong with the classes.
    pub fn new(classes: &[(usize, u64)]) -> Result<Self, &'static str> {
        if classes.is_empty() || classes.len() > MAX_CLASSES {
            return Err("a pool has 1 to 16 size classes");
        }
        let (mut made, mut blocks, mut last) = (Vec::new(), 0_u64, 0);
        for &(size, count) in classes {
            if size == 0 || size > MAX_BLOCK {
                return Err("a block has 1 byte to 64 MiB");
            }
            if count == 0 || count > MAX_BLOCKS || blocks + count > MAX_BLOCKS {
                return Err("a class has at least one block, a pool 16777216 at most");
            }
            let size = size.next_multiple_of(LINE);
            if size <= last {
                return Err("the sizes of classes must grow");
            }
            last = size;
            made.push(Class { size: size as u32, count: count as u32, first: blocks as u32 });
            blocks += count;
        }
        let mut end = BLOCKS + blocks as usize * BLOCK_SIZE;
        let mut offsets = Vec::new();
        for class in &made {
            let start = end.next_multiple_of(PAGE);
            offsets.push(start);
            end = (class.size as usize)
                .checked_mul(class.count as usize)
                .and_then(|bytes| bytes.checked_add(start))
                .filter(|end| isize::try_from(*end).is_ok())
                .ok_or("the pool is larger than the address space")?;
        }
        Ok(Self { classes: made, offsets, blocks: blocks as u32, total_size: end })
    }

    /// What the header says of such a pool.
    pub(crate) fn geometry(&self) -> Geometry {
        Geometry::of_parts(u64::from(self.blocks), 1, LINE, BLOCK_SIZE, self.total_size)
    }

    /// The classes as they are asked for: size in bytes, number of blocks.
    #[must_use]
    pub fn as_asked(&self) -> Vec<(usize, u64)> {
        self.classes.iter().map(|class| (class.size as usize, u64::from(class.count))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::assert_table;

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table("The pool", &[("classes", CLASSES), ("members", SEATS), ("blocks", BLOCKS)]);
        assert_table(
            "Class of a pool",
            &[
                ("size", C_SIZE),
                ("count", C_COUNT),
                ("first", C_FIRST),
                ("offset", C_OFFSET),
                ("touched", C_TOUCHED),
                ("counters", C_COUNTERS),
            ],
        );
        assert_table("Member of a pool", &[("identity", 0), ("pid", S_PID)]);
        assert_table(
            "Block of a pool",
            &[("tag", B_TAG), ("route", B_ROUTE), ("loans", B_LOANS), ("generations", B_GENERATIONS)],
        );
    }

    #[test]
    fn shapes_are_checked() {
        let shape = Shape::new(&[(60, 3), (4096, 2), (MAX_BLOCK, 1)]).unwrap();
        assert_eq!(shape.as_asked(), [(64, 3), (4096, 2), (MAX_BLOCK, 1)]);
        assert_eq!(shape.classes[2], Class { size: MAX_BLOCK as u32, count: 1, first: 5 });
        assert_eq!(shape.offsets[0], (BLOCKS + 6 * BLOCK_SIZE).next_multiple_of(PAGE));
        assert_eq!(shape.total_size, shape.offsets[2] + MAX_BLOCK);
        assert_eq!(Shape::new(&shape.as_asked()).unwrap(), shape);
        for wrong in [
            &[][..],
            &[(0, 1)],
            &[(64, 0)],
            &[(MAX_BLOCK + 1, 1)],
            &[(64, 1), (64, 1)],
            &[(60, 1), (64, 1)],
            &[(128, 1), (64, 1)],
            &[(64, MAX_BLOCKS), (128, 1)],
            &[(64, u64::MAX)],
            &[(64, 1); MAX_CLASSES + 1],
        ] {
            assert!(Shape::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
