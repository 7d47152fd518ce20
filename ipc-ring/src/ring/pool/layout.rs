//! The size of a pool, and the position of its blocks.

use super::words::Class;
use super::words::{BLOCK_SIZE, BLOCKS, MAX_CLASSES};
use crate::layout::{Geometry, LINE};

/// The smallest block, in bytes.
pub const MIN_BLOCK: usize = 64;
/// The largest block, in bytes.
pub const MAX_BLOCK: usize = 64 << 20;
/// The largest number of blocks of a pool.
pub const MAX_BLOCKS: u64 = 1 << 24;
/// The blocks of each class start at a multiple of this.
const PAGE: usize = 4096;

/// The shape of a pool: its classes and the position of their blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The classes, smallest blocks first.
    pub classes: Vec<Class>,
    /// For each class, the offset of its first block, in bytes.
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

    /// What the header says about such a pool.
    pub(crate) fn geometry(&self) -> Geometry {
        Geometry::of_parts(u64::from(self.blocks), 1, LINE, BLOCK_SIZE, self.total_size)
    }

    /// The classes as requested: size in bytes, number of blocks.
    #[must_use]
    pub fn as_asked(&self) -> Vec<(usize, u64)> {
        self.classes.iter().map(|class| (class.size as usize, u64::from(class.count))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
