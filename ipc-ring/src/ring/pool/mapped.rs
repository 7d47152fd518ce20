//! A pool's words and bytes, mapped into this process.

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use std::sync::Arc;

use super::layout::Shape;
use super::memory::Memory;
use super::words::Class;
use super::words::{Blocks, Classes, Seats, Sizes, Tables};
use crate::cache::prefetch;
use crate::error::{AttachError, AttachErrorKind};
use crate::memory::{self, Access as _};
use crate::region::Region;

/// A pool in a [`Region`].
pub type Mapped = memory::Mapped<Private>;

/// This process's private state of a pool; clones share it.
#[derive(Clone, Debug)]
pub struct Private(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    generation: u64,
    shape: Shape,
    readers: Box<[AtomicU32]>,
}

impl Mapped {
    /// The pool of this shape and generation in `region`. Zeroed memory is a fresh pool.
    ///
    /// # Errors
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) if the pool does not fit into the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly); [`BadClasses`](crate::AttachErrorKind::BadClasses) if
    /// the shape is not as [`Shape::new`] made it.
    pub fn new(region: Region, shape: Shape, generation: u64) -> Result<Self, AttachError> {
        region.writable()?;
        Self::of_any(region, shape, generation)
    }

    /// As [`new`](Self::new), also in memory that is mapped read-only: for a caller that stores nothing and
    /// does not pass the pool on.
    pub(crate) fn of_any(region: Region, shape: Shape, generation: u64) -> Result<Self, AttachError> {
        let own = Shape::new(&shape.as_asked()).map_err(|reason| AttachErrorKind::BadClasses { reason })?;
        if own != shape {
            return Err(
                AttachErrorKind::BadClasses { reason: "the shape is not the one of its classes" }.into()
            );
        }
        let (needed, readers) = (shape.total_size, (0..shape.blocks).map(|_| AtomicU32::new(0)).collect());
        let private = Private(Arc::new(Shared { generation, shape, readers }));
        // SAFETY: a shape's size includes its tables and all its blocks. A caller that passes memory mapped
        // read-only stores nothing.
        unsafe { Self::over_any(region, needed, private) }
    }

    /// The pool's shape.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.ring.0.shape
    }

    /// The first byte of a block. As many bytes as its class says are mapped there for as long as the region
    /// is, and belong to no other block.
    ///
    /// # Panics
    /// If there is no such block.
    #[inline(always)]
    #[must_use]
    pub fn bytes(&self, class: u32, block: u32) -> NonNull<u8> {
        let (offset, _) = self.block(class, block);
        // SAFETY: the block lies inside the class and the class inside the region, as `of_any` checked.
        unsafe { self.at(offset) }
    }

    /// The offset of a block's bytes, and their number.
    #[inline(always)]
    fn block(&self, class: u32, block: u32) -> (usize, usize) {
        let Class { size, count, first } = self.shape().classes[class as usize];
        let index = block.wrapping_sub(first);
        assert!(index < count, "a block lies in its class");
        (self.shape().offsets[class as usize] + index as usize * size as usize, size as usize)
    }

    /// Copies bytes to an offset in a block, even if others read or write there meanwhile.
    ///
    /// # Panics
    /// If they do not fit.
    #[inline]
    pub(crate) fn write(&self, class: u32, block: u32, offset: usize, bytes: &[u8]) {
        // SAFETY: inside the block; other users of the block meanwhile have copies of their own, or are kept
        // out by the tag.
        unsafe { self.store_bytes(self.stretch(class, block, offset, bytes.len()), bytes) }
    }

    /// Copies bytes out of a block, from an offset, even if others write there meanwhile.
    ///
    /// # Panics
    /// If the block has fewer bytes.
    #[inline]
    pub(crate) fn read(&self, class: u32, block: u32, offset: usize, out: &mut [u8]) {
        let from = self.stretch(class, block, offset, out.len());
        // SAFETY: only whole bytes are written there.
        let out: &mut [MaybeUninit<u8>] = unsafe { crate::copy::as_uninit(out) };
        // SAFETY: inside the block.
        unsafe { self.load_bytes(from, out) }
    }

    /// The offset of a range of `len` bytes of a block.
    fn stretch(&self, class: u32, block: u32, offset: usize, len: usize) -> usize {
        let (start, size) = self.block(class, block);
        assert!(offset <= size && len <= size - offset, "the bytes lie inside the block");
        start + offset
    }
}

// SAFETY: `of_any` is the only constructor, and checked that all of the pool is mapped.
unsafe impl Tables for Mapped {}
// SAFETY: as above; the shape is private.
unsafe impl Sizes for Mapped {
    #[inline(always)]
    fn classes(&self) -> &[Class] {
        &self.shape().classes
    }

    #[inline(always)]
    fn blocks(&self) -> u32 {
        self.shape().blocks
    }
}
// SAFETY: as above.
unsafe impl Classes for Mapped {}
// SAFETY: as above.
unsafe impl Seats for Mapped {}
// SAFETY: as above.
unsafe impl Blocks for Mapped {}

impl Memory for Mapped {
    #[inline(always)]
    fn generation(&self) -> u64 {
        self.ring.0.generation
    }

    #[inline(always)]
    fn readers(&self, block: u32) -> &AtomicU32 {
        &self.ring.0.readers[block as usize]
    }

    #[inline(always)]
    fn will_read(&self, class: usize, block: u32) {
        prefetch::for_reading(self.bytes(class as u32, block).as_ptr());
    }

    #[inline(always)]
    fn will_lend(&self, block: u32) {
        prefetch::for_writing(std::ptr::from_ref(self.tag(block)).cast());
    }
}
