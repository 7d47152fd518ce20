//! The ring's memory as it is mapped into this process.

use core::sync::atomic::Ordering;

use super::memory::Memory;
use super::tag;
use super::words::{SLOTS_OFFSET, Seats, Words};
use crate::cache::{batching, prefetch, processor};
use crate::error::AttachError;
use crate::layout::{Geometry, LINE};
use crate::memory::{self, Of, Ring, Shape, Shaped, Slots};
use crate::message::Message;
use crate::region::Region;

/// This number of bytes of slots is a batch.
const BATCH_BYTES: usize = 8 * 1024;
/// Slots of up to this size are prefetched whole before they are claimed.
const CLAIMED_WHOLE: usize = 8 * 1024;

/// An mpmc ring of `T` in a [`Region`].
pub type Mapped<T> = MappedOf<Of<T>>;

/// An mpmc ring of elements of this shape in a [`Region`].
pub type MappedOf<S> = memory::Mapped<Private<S>>;

/// The private data of this process about an mpmc ring.
#[derive(Clone, Copy, Debug)]
pub struct Private<S> {
    shape: S,
    capacity: u64,
    /// Whether prefetching lines ahead pays on this processor.
    hints: bool,
    /// Whether prefetching the payload of a slot whose tag is being polled pays.
    polled: bool,
}

impl<T: Message> Mapped<T> {
    /// The geometry of a ring for `capacity` elements of `T`.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) when the capacity is 0 or too large, or the element
    /// larger than [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        Of::<T>::geometry(capacity, SLOTS_OFFSET)
    }

    /// The ring in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) when the geometry is not that of a ring of `T`;
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not fit the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly).
    pub fn new(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        region.writable()?;
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        Self::of_shape(region, &own, Of::new())
    }
}

impl MappedOf<Shaped> {
    /// The ring in `region`, whose header was checked and is of this geometry. The first `size` bytes of each
    /// element are copied; a pushing end copies all of them.
    ///
    /// # Errors
    /// As [`Mapped::new`].
    pub(crate) fn of_checked(region: Region, geometry: &Geometry, size: usize) -> Result<Self, AttachError> {
        region.writable()?;
        region.holds(geometry.total_size())?;
        Self::of_shape(region, geometry, Shaped::beginning(geometry, size))
    }
}

impl MappedOf<Shaped> {
    /// The ring in memory that may be mapped read-only, whose header was checked: for a tap, which stores
    /// nothing.
    pub(crate) fn to_be_read(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        Self::of_shape(region, geometry, Shaped::of(geometry))
    }
}

impl<S: Shape> memory::Mapped<Private<S>> {
    /// The ring in `region`, of this geometry and shape, which match.
    fn of_shape(region: Region, own: &Geometry, shape: S) -> Result<Self, AttachError> {
        let stride = shape.stride();
        assert!(own.stride() == stride && own.word_offset() == shape.word(), "the slots are of this shape");
        let polled = stride > 2 * LINE && processor::prefetches_polled(stride);
        let private =
            Private { shape, capacity: own.capacity(), hints: processor::prefetches_ahead(), polled };
        // SAFETY: a geometry's size counts what lies in front of SLOTS_OFFSET and as many strides behind it
        // as the capacity says. The users of one in memory that is mapped read-only store nothing.
        unsafe { Self::over_any(region, own.total_size(), private) }
    }

    /// Sets every word of a fresh ring so that its first element has this position.
    ///
    /// Zeroed memory is a fresh ring at position 0 already.
    pub fn start_at(&self, position: u64) {
        let shape = tag::Shape::new(self.capacity(), self.lap_bits());
        for next in 0..self.capacity() {
            let free = position.wrapping_add(next);
            let tag = self.tag(shape.index(free));
            tag.store(shape.empty(free).as_raw(), Ordering::Relaxed); // Before any end exists.
        }
        self.tail().store(position, Ordering::Relaxed); // Before any end exists.
        self.head().store(position, Ordering::Relaxed); // Before any end exists.
    }

    /// How far ahead of the next slot lines are prefetched, in bytes. Measured: one line for the smallest
    /// slots, three for others.
    #[inline(always)]
    fn ahead(&self) -> usize {
        if self.shape().stride() <= 16 { LINE } else { 3 * LINE }
    }
}

// SAFETY: `new` is the only way to one, and saw that the geometry is that of an mpmc ring of this shape.
unsafe impl<S: Shape> Words for memory::Mapped<Private<S>> {}
// SAFETY: as above.
unsafe impl<S: Shape> Seats for memory::Mapped<Private<S>> {}

// SAFETY: as above. A geometry's capacity is a power of two, and private.
unsafe impl<S: Shape> Ring for memory::Mapped<Private<S>> {
    #[inline(always)]
    fn mask(&self) -> u64 {
        self.ring.capacity - 1
    }

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.ring.capacity
    }
}

// SAFETY: as above, and the shape is private too.
unsafe impl<S: Shape> Slots for memory::Mapped<Private<S>> {
    type Shape = S;
    const OFFSET: usize = SLOTS_OFFSET;

    #[inline(always)]
    fn shape(&self) -> S {
        self.ring.shape
    }
}

impl<S: Shape> Memory for memory::Mapped<Private<S>> {
    #[inline(always)]
    fn prefetch(&self, next: u64) {
        if self.ring.hints {
            // Near the end of the ring the address lies past it, which is harmless for a prefetch.
            let from = self.start().wrapping_add(self.slot_offset(next) + self.ahead());
            prefetch::lines(from, self.shape().stride(), prefetch::for_writing);
        }
    }

    #[inline(always)]
    fn prefetch_polled(&self, index: u64) {
        if self.ring.polled {
            prefetch::slot_for_reading(
                self.start().wrapping_add(self.slot_offset(index)),
                self.shape().word(),
            );
        }
    }

    #[inline(always)]
    fn prefetch_claimed(&self, index: u64) {
        let (stride, word) = (self.shape().stride(), self.shape().word());
        let from = self.start().wrapping_add(self.slot_offset(index));
        if stride > LINE || self.ring.hints {
            prefetch::for_writing(from.wrapping_add(word));
        }
        if self.ring.hints && stride <= CLAIMED_WHOLE {
            // The lines of the payload arrive at the same time as that of the tag, instead of one after the
            // other: stores become visible in order.
            prefetch::lines(from, word, prefetch::for_writing);
        }
    }

    #[inline(always)]
    fn prefetch_taken(&self, index: u64) {
        if self.shape().stride() > LINE && self.shape().stride() <= 2048 {
            prefetch::slot_for_reading(
                self.start().wrapping_add(self.slot_offset(index)),
                self.shape().word(),
            );
        }
    }

    #[inline]
    fn polled_line_is_taken(&self) -> bool {
        processor::acquires_lines() || self.ring.hints
    }

    #[inline(always)]
    fn batch_len(&self) -> u64 {
        if self.shape().stride() < LINE && !self.ring.hints {
            0
        } else {
            batching::batch_len(BATCH_BYTES, self.shape().stride(), self.capacity())
        }
    }

    #[inline(always)]
    fn free_batch_len(&self) -> u64 {
        // For slots of several lines or more, copying takes longer than waiting for lines.
        if self.shape().stride() > 2 * LINE { 0 } else { self.batch_len() }
    }
}
