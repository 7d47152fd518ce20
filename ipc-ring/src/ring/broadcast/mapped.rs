//! The ring's slots, mapped into this process.

use core::sync::atomic::Ordering;

use super::front::{self, Mode, Private};
use super::memory::Memory;
use super::words::SLOTS_OFFSET;
use crate::cache::{prefetch, processor};
use crate::error::AttachError;
use crate::layout::{Geometry, Kind, LINE};
use crate::memory::{self, Of, Shape, Shaped, Slots};
use crate::message::{Fingerprint, Message};
use crate::platform::Barrier;
use crate::region::Region;

/// How far ahead of the next slot lines are prefetched, in bytes.
const AHEAD: usize = 7 * LINE;

/// A broadcast ring of `T` in a [`Region`].
pub type Mapped<T> = MappedOf<Of<T>>;

/// A broadcast ring of elements of this shape in a [`Region`].
pub type MappedOf<S> = memory::Mapped<Private<InSlots<S>>>;

/// This process's private state of the slots of a broadcast ring.
#[derive(Clone, Copy, Debug)]
pub struct InSlots<S> {
    shape: S,
    hints: bool,
    /// Whether it pays to prefetch the payload of a slot whose word is being polled.
    polled: bool,
}

impl<S: Shape> InSlots<S> {
    fn new(shape: S) -> Self {
        Self {
            shape,
            hints: processor::prefetches_ahead(),
            polled: processor::prefetches_polled(shape.stride()),
        }
    }
}

impl MappedOf<Shaped> {
    /// The ring in `region`, whose header was checked and has this geometry. The first `size` bytes of each
    /// element are copied; a caller that provides copies provides all of these bytes.
    ///
    /// # Errors
    /// As [`Mapped::new`].
    pub(crate) fn of_checked(
        region: Region,
        geometry: &Geometry,
        size: usize,
        (barrier, mode): (Barrier, Mode),
    ) -> Result<Self, AttachError> {
        region.writable()?;
        barrier.join()?;
        let slots = InSlots::new(Shaped::beginning(geometry, size));
        // SAFETY: a checked geometry is that of such slots, as `Geometry::new` computes it, and the region is
        // writable.
        unsafe { Self::of_messages(region, (geometry, geometry), barrier, mode, slots) }
    }
}

impl<T: Message> Mapped<T> {
    /// The geometry of a ring for `capacity` elements of `T`.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) if the capacity is 0 or too large, or the element
    /// larger than [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        Of::<T>::geometry(capacity, SLOTS_OFFSET)
    }

    /// The ring in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) if the geometry is not that of a ring of `T`;
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) if the ring does not fit into the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn new(
        region: Region,
        geometry: &Geometry,
        barrier: Barrier,
        mode: Mode,
    ) -> Result<Self, AttachError> {
        region.writable()?;
        barrier.join()?;
        Self::of_any(region, geometry, barrier, mode)
    }

    /// As [`new`](Self::new), also in memory that is mapped read-only: for a caller that stores nothing and
    /// does not pass the ring on.
    pub(crate) fn of_any(
        region: Region,
        geometry: &Geometry,
        barrier: Barrier,
        mode: Mode,
    ) -> Result<Self, AttachError> {
        let own = Self::geometry(geometry.capacity())?;
        let slots = InSlots::new(Of::new());
        // SAFETY: the geometry of such slots. A caller that passes memory mapped read-only stores nothing.
        unsafe { Self::of_messages(region, (geometry, &own), barrier, mode, slots) }
    }

    /// Sets every word of a fresh ring so that its first message has this position.
    ///
    /// Zeroed memory already is a fresh ring at position 0.
    pub fn start_at(&self, position: u64) {
        let capacity = self.capacity();
        for next in 0..capacity {
            let coming = position.wrapping_add(next);
            let before = coming.wrapping_add(1).wrapping_sub(capacity);
            self.slot_word(coming & (capacity - 1)).store(before, Ordering::Relaxed); // Before any end exists.
        }
        self.start_words_at(position);
    }

    /// Makes a fresh ring at the start of zeroed memory, including its header. Its first message has the
    /// position `first`.
    ///
    /// ```
    /// use ipc_ring::ring::broadcast::{Mapped, Mode, Pop, Publisher, Resume, Start, Subscriber};
    /// use ipc_ring::{Barrier, Region};
    ///
    /// let region = Region::heap(Mapped::<u64>::geometry(8)?.total_size());
    /// let ring = Mapped::<u64>::make(region.clone(), 8, Barrier::Fence, Mode::Lossy, 0)?;
    /// let mut publisher = Publisher::attach(ring).expect("a fresh ring");
    /// let mut reader = Subscriber::watch(Mapped::<u64>::open(region)?, Start::Oldest, Resume::Oldest);
    /// let _ = publisher.try_publish(&7);
    /// assert_eq!(reader.try_pop(), Pop::Item { item: 7, look: false });
    /// # Ok::<(), ipc_ring::AttachError>(())
    /// ```
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) as [`geometry`](Self::geometry);
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) if the ring does not fit into the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn make(
        region: Region,
        capacity: u64,
        barrier: Barrier,
        mode: Mode,
        first: u64,
    ) -> Result<Self, AttachError> {
        let geometry = Self::geometry(capacity)?;
        let ring = Self::new(region, &geometry, barrier, mode)?;
        ring.start_at(first);
        ring.write_header(&geometry, Kind::Broadcast, Fingerprint::of::<T>(), first);
        Ok(ring)
    }

    /// The ring in this memory, after checking its header against `T` and the size of the memory. Whatever
    /// the memory holds, the result is an error or a ring whose every access lies inside it.
    ///
    /// # Errors
    /// [`AttachError`], for the first thing that is wrong.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let (geometry, barrier, mode) =
            front::read_header(&region, Kind::Broadcast, Fingerprint::of::<T>(), Self::geometry)?;
        Self::new(region, &geometry, barrier, mode)
    }
}

impl MappedOf<Shaped> {
    /// The ring in memory that may be mapped read-only, whose header was checked: for a reader without a
    /// seat, which stores nothing.
    pub(crate) fn to_be_read(region: Region, geometry: &Geometry, mode: Mode) -> Result<Self, AttachError> {
        let slots = InSlots { shape: Shaped::of(geometry), hints: false, polled: false };
        // SAFETY: slots of the shape that the geometry has. A reader without a seat stores nothing.
        unsafe { Self::of_messages(region, (geometry, geometry), Barrier::Fence, mode, slots) }
    }
}

// SAFETY: `of_any`, `of_checked` and `to_be_read` are the only constructors; the geometry is that of slots
// of this shape, which is private.
unsafe impl<S: Shape> Slots for memory::Mapped<Private<InSlots<S>>> {
    type Shape = S;
    const OFFSET: usize = SLOTS_OFFSET;

    #[inline(always)]
    fn shape(&self) -> S {
        self.ring.messages.shape
    }
}

impl<S: Shape> Memory for memory::Mapped<Private<InSlots<S>>> {
    #[inline(always)]
    fn prefetch_for_writing(&self, next: u64) {
        if !self.ring.messages.hints {
            return;
        }
        let stride = self.shape().stride();
        // Near the end of the ring this runs past it, which is harmless for a prefetch.
        let from = self.start().wrapping_add(self.slot_offset(next) + AHEAD);
        prefetch::new_lines(from, stride, prefetch::for_writing);
    }

    #[inline(always)]
    fn prefetch_polled(&self, index: u64) {
        if prefetch::is_in_one_line(self.shape().stride()) || !self.ring.messages.polled {
            return;
        }
        prefetch::slot_for_reading(self.start().wrapping_add(self.slot_offset(index)), self.shape().word());
    }
}
