//! The pool's words and bytes in real memory: addresses computed from a checked shape.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};
use std::sync::Arc;

use super::layout::{
    B_GENERATIONS, B_LOANS, B_ROUTE, B_TAG, BLOCK_SIZE, BLOCKS, C_COUNTERS, C_TOUCHED, CLASS_SIZE, CLASSES,
    SEAT_SIZE, SEATS, Shape,
};
use super::memory::{Class, Counter, Memory};
use super::tag::MAX_MEMBERS;
use crate::error::{AttachError, AttachErrorKind};
use crate::platform::Native;
use crate::prefetch;
use crate::region::Region;

/// A pool in a [`Region`].
#[derive(Clone, Debug)]
pub struct Mapped {
    base: NonNull<u8>,
    private: Arc<Private>,
    region: Region,
}

/// What this process knows of the pool.
#[derive(Debug)]
struct Private {
    generation: u64,
    shape: Shape,
    readers: Box<[AtomicU32]>,
}

// SAFETY: the pointer is the region's, which is shared between threads by design; all access to words is atomic and
// access to blocks is arbitrated by their tags.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// The pool of this shape and generation in `region`. Zeroed memory is a fresh pool.
    ///
    /// # Errors
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the pool does not fit the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly); [`BadClasses`](crate::AttachErrorKind::BadClasses)
    /// when the shape is not as [`Shape::new`] made it.
    pub fn new(region: Region, shape: Shape, generation: u64) -> Result<Self, AttachError> {
        region.writable()?;
        Self::of_any(region, shape, generation)
    }

    /// As [`new`](Self::new), also in memory that is mapped read-only: for who stores nothing, and gives the pool to nobody.
    pub(crate) fn of_any(region: Region, shape: Shape, generation: u64) -> Result<Self, AttachError> {
        let own = Shape::new(&shape.as_asked()).map_err(|reason| AttachErrorKind::BadClasses { reason })?;
        if own != shape {
            return Err(
                AttachErrorKind::BadClasses { reason: "the shape is not the one of its classes" }.into()
            );
        }
        region.holds(shape.total_size)?;
        assert!(region.base().addr().get().is_multiple_of(BLOCK_SIZE), "a pool starts on a cache line");
        let readers = (0..shape.blocks).map(|_| AtomicU32::new(0)).collect();
        Ok(Self { base: region.base(), private: Arc::new(Private { generation, shape, readers }), region })
    }

    /// The memory the pool lies in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The pool's shape.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.private.shape
    }

    /// The first byte of a block: as many bytes as its class says are mapped there, as long as the region is, and belong to
    /// no other block.
    ///
    /// # Panics
    /// When there is no such block.
    #[inline(always)]
    #[must_use]
    pub fn bytes(&self, class: u32, block: u32) -> NonNull<u8> {
        let shape = &self.private.shape;
        let Class { size, count, first } = shape.classes[class as usize];
        let index = block.wrapping_sub(first);
        assert!(index < count, "a block lies in its class");
        let offset = shape.offsets[class as usize] + index as usize * size as usize;
        // SAFETY: the block lies inside the class and the class inside the region, as `new` saw.
        unsafe { self.base.add(offset) }
    }

    /// Copies bytes to an offset in a block, whoever reads or writes there meanwhile.
    ///
    /// # Panics
    /// When they do not fit.
    #[inline]
    pub(crate) fn write(&self, class: u32, block: u32, offset: usize, bytes: &[u8]) {
        let to = self.stretch(class, block, offset, bytes.len());
        let (first, rest) = bytes.split_at(unaligned(to, bytes.len()));
        for (at, byte) in first.iter().enumerate() {
            // SAFETY: inside the block, as `stretch` saw; a byte is always aligned.
            let target = unsafe { AtomicU8::from_ptr(to.wrapping_add(at)) };
            target.store(*byte, Relaxed); // Ordered by the tag that follows, [P1].
        }
        // SAFETY: as many bytes as `rest` has lie inside the block behind the first ones, aligned to 8; a
        // caller's slice is private, or its maker promised that it is as good as that, and it is not of this
        // block, which the caller has for writing.
        unsafe { crate::copy::store_bytes(to.wrapping_add(first.len()), rest.as_ptr(), rest.len()) };
    }

    /// Copies bytes out, from an offset in a block, whoever writes there meanwhile.
    ///
    /// # Panics
    /// When there are not as many.
    #[inline]
    pub(crate) fn read(&self, class: u32, block: u32, offset: usize, out: &mut [u8]) {
        let from = self.stretch(class, block, offset, out.len());
        let (first, rest) = out.split_at_mut(unaligned(from, out.len()));
        for (at, byte) in first.iter_mut().enumerate() {
            // SAFETY: inside the block, as `stretch` saw; a byte is always aligned.
            let source = unsafe { AtomicU8::from_ptr(from.wrapping_add(at)) };
            *byte = source.load(Relaxed); // Ordered by the tag before, [P1].
        }
        // SAFETY: as in `write`, the other way round.
        unsafe { crate::copy::load_bytes(rest.as_mut_ptr(), from.wrapping_add(first.len()), rest.len()) };
    }

    /// So many bytes of a block.
    #[inline]
    fn stretch(&self, class: u32, block: u32, offset: usize, len: usize) -> *mut u8 {
        let size = self.private.shape.classes[class as usize].size as usize;
        assert!(offset <= size && len <= size - offset, "the bytes lie inside the block");
        self.bytes(class, block).as_ptr().wrapping_add(offset)
    }

    #[inline(always)]
    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= self.private.shape.offsets[0] && offset.is_multiple_of(8));
        // SAFETY: an offset of the layout's tables, below the first block, which `new` saw to be mapped.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: aligned to 8, mapped as long as `region`, and only ever accessed atomically with this width.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    /// A word of a block's entry.
    #[inline(always)]
    fn of_block(&self, block: u32, offset: usize) -> &AtomicU64 {
        assert!(block < self.private.shape.blocks, "a block's number is checked before it is used");
        self.word(BLOCKS + block as usize * BLOCK_SIZE + offset)
    }

    /// A word of a class's entry.
    fn of_class(&self, class: usize, offset: usize) -> &AtomicU64 {
        assert!(class < self.private.shape.classes.len(), "a class's number is checked before it is used");
        self.word(CLASSES + class * CLASS_SIZE + offset)
    }
}

/// How many bytes, of `len`, lie before the first address that is a multiple of 8.
fn unaligned(address: *const u8, len: usize) -> usize {
    (address.addr().wrapping_neg() & 7).min(len)
}

impl Memory for Mapped {
    type Platform = Native;

    #[inline(always)]
    fn generation(&self) -> u64 {
        self.private.generation
    }

    #[inline(always)]
    fn classes(&self) -> &[Class] {
        &self.private.shape.classes
    }

    fn seats(&self) -> u16 {
        MAX_MEMBERS
    }

    #[inline(always)]
    fn tag(&self, block: u32) -> &AtomicU64 {
        self.of_block(block, B_TAG)
    }

    #[inline(always)]
    fn route(&self, block: u32) -> [&AtomicU64; 2] {
        [self.of_block(block, B_ROUTE), self.of_block(block, B_ROUTE + 8)]
    }

    #[inline(always)]
    fn generations(&self, block: u32) -> &AtomicU64 {
        self.of_block(block, B_GENERATIONS)
    }

    #[inline(always)]
    fn loans(&self, block: u32) -> &AtomicU64 {
        self.of_block(block, B_LOANS)
    }

    #[inline(always)]
    fn touched(&self, class: usize) -> &AtomicU64 {
        self.of_class(class, C_TOUCHED)
    }

    fn seat(&self, number: u16) -> &AtomicU64 {
        assert!(number < MAX_MEMBERS, "a seat's number is checked before it is used");
        self.word(SEATS + usize::from(number) * SEAT_SIZE)
    }

    fn counter(&self, class: usize, counter: Counter) -> &AtomicU64 {
        self.of_class(class, C_COUNTERS + counter as usize * 8)
    }

    #[inline(always)]
    fn readers(&self, block: u32) -> &AtomicU32 {
        &self.private.readers[block as usize]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped() -> Mapped {
        let shape = Shape::new(&[(64, 1), (512, 2)]).unwrap();
        Mapped::new(Region::heap(shape.total_size), shape, 1).unwrap()
    }

    #[test]
    fn bytes_go_to_any_place_of_their_block_and_nowhere_else() {
        let memory = mapped();
        let source: Vec<u8> = (1..=255).chain(1..=255).collect();
        for (offset, len) in [(0, 0), (0, 510), (1, 1), (3, 2), (5, 20), (8, 16), (7, 300), (511, 1)] {
            memory.write(1, 1, 0, &[0; 512]);
            memory.write(1, 1, offset, &source[..len]);
            let mut all = [0xff; 512];
            memory.read(1, 1, 0, &mut all);
            assert_eq!(all[offset..offset + len], source[..len], "{len} at {offset}");
            let beside = all[..offset].iter().chain(&all[offset + len..]);
            assert!(beside.clone().all(|byte| *byte == 0), "beside {len} at {offset}");
            let mut part = vec![0; len];
            memory.read(1, 1, offset, &mut part);
            assert_eq!(part, source[..len], "{len} from {offset}");
        }
        for block in [(0, 0, 64), (1, 2, 512)] {
            let mut other = vec![0xff; block.2];
            memory.read(block.0, block.1, 0, &mut other);
            assert!(other.iter().all(|byte| *byte == 0), "{block:?}");
        }
    }

    /// As by a process that breaks the protocol. An interpreter knows whether it has a meaning.
    #[test]
    fn a_block_may_be_read_while_it_is_written() {
        let memory = mapped();
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=20).for_each(|round| memory.write(1, 1, 3, &[round; 30])));
            for _ in 0..20 {
                let mut out = [0xff; 30];
                memory.read(1, 1, 3, &mut out);
                assert!(out.iter().all(|byte| *byte <= 20), "{out:?}");
            }
        });
    }
}
