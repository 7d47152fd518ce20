//! The ring's memory as it is mapped into this process.

use core::sync::atomic::Ordering;

use super::memory::Memory;
use super::words::{SLOTS_OFFSET, Words};
use crate::cache::{batching, ownership, prefetch, processor, traffic};
use crate::error::AttachError;
use crate::layout::{self, Expected, Geometry, Identity, Kind, LINE};
use crate::memory::{self, Of, Ring, Shape, Slots};
use crate::message::{Fingerprint, Message};
use crate::platform::Barrier;
use crate::region::Region;

/// This number of bytes of slots is a batch.
const BATCH_BYTES: usize = 32 * 1024;
/// How far ahead of the next slot lines are prefetched, in bytes.
const AHEAD: usize = 7 * LINE;

/// An spsc ring of `T` in a [`Region`].
pub type Mapped<T> = memory::Mapped<Private<Of<T>>>;

/// The private data of this process about an spsc ring.
#[derive(Clone, Copy, Debug)]
pub struct Private<S> {
    shape: S,
    /// The capacity less one.
    mask: u64,
    barrier: Barrier,
    /// Whether lines ahead are prefetched.
    prefetches: bool,
    /// As [`prefetches`](Self::prefetches), for slots that lie entirely in one line: hints are given only at
    /// positions that have none of these bits set, which are the first of each line, or at none.
    asks: u64,
    /// Whether single messages are pushed towards the shared cache.
    demotes: bool,
    /// Whether each end acquires lines for the end that writes them next.
    acquires: bool,
    /// Whether prefetching the payload of a slot whose word is being polled is of use.
    polled: bool,
    /// See [`Memory::stream`].
    stream: u64,
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
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not fit the
    /// memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn new(region: Region, geometry: &Geometry, barrier: Barrier) -> Result<Self, AttachError> {
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        Self::of_shape(region, &own, Of::new(), barrier)
    }

    /// Makes a fresh ring at the start of zeroed memory, header and all. Its first element has the position
    /// `first`.
    ///
    /// ```
    /// use ipc_ring::ring::spsc::{Consumer, Mapped, Pop, Producer};
    /// use ipc_ring::{Barrier, Region};
    ///
    /// let region = Region::heap(Mapped::<u64>::geometry(8)?.total_size());
    /// let ring = Mapped::<u64>::make(region.clone(), 8, Barrier::Fence, 0)?;
    /// let mut producer = Producer::attach(ring).expect("a fresh ring");
    /// let mut consumer = Consumer::attach(Mapped::<u64>::open(region)?);
    /// let _ = producer.try_push(&7);
    /// assert_eq!(consumer.try_pop(), Pop::Item { item: 7, signal: 0 });
    /// # Ok::<(), ipc_ring::AttachError>(())
    /// ```
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) as [`geometry`](Self::geometry);
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not fit the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn make(region: Region, capacity: u64, barrier: Barrier, first: u64) -> Result<Self, AttachError> {
        let geometry = Self::geometry(capacity)?;
        let ring = Self::new(region.clone(), &geometry, barrier)?;
        ring.start_at(first);
        let identity = Identity {
            kind: Kind::Spsc,
            barrier,
            fingerprint: Fingerprint::of::<T>(),
            generation: 0,
            first_position: first,
            name: "",
            description: "",
        };
        layout::write(&region, &geometry, SLOTS_OFFSET, identity);
        Ok(ring)
    }

    /// The ring in this memory, after a check of its header against `T` and the size of the memory. Whatever
    /// the memory holds, the result is an error or a ring whose every access lies inside it.
    ///
    /// # Errors
    /// [`AttachError`], the first mismatch found.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let expected = Expected {
            kind: Kind::Spsc,
            fingerprint: Fingerprint::of::<T>(),
            slots_offset: SLOTS_OFFSET,
            geometry: &Self::geometry,
            capacity: None,
            generation: None,
        };
        let checked = layout::check(&region, &expected)?;
        Self::new(region, &checked.geometry, checked.barrier)
    }
}

impl<S: Shape> memory::Mapped<Private<S>> {
    /// The ring in `region`, of this geometry and shape, which match.
    pub(super) fn of_shape(
        region: Region,
        own: &Geometry,
        shape: S,
        barrier: Barrier,
    ) -> Result<Self, AttachError> {
        region.writable()?;
        barrier.join()?;
        Self::of_any_shape(region, own, shape, barrier)
    }

    /// As [`of_shape`](Self::of_shape), also for memory that is mapped read-only: for users that store
    /// nothing.
    pub(super) fn of_any_shape(
        region: Region,
        own: &Geometry,
        shape: S,
        barrier: Barrier,
    ) -> Result<Self, AttachError> {
        let stride = shape.stride();
        assert!(own.stride() == stride && own.word_offset() == shape.word(), "the slots are of this shape");
        let prefetches = processor::prefetches_ahead();
        let private = Private {
            shape,
            mask: own.capacity() - 1,
            barrier,
            prefetches,
            asks: if prefetches { (LINE / stride.min(LINE)) as u64 - 1 } else { u64::MAX },
            demotes: processor::demotes(),
            acquires: processor::acquires_lines(),
            polled: processor::prefetches_polled(stride),
            stream: traffic::stream_len(stride),
        };
        // SAFETY: a geometry's size counts what lies in front of SLOTS_OFFSET and as many strides behind it
        // as the capacity says. The users of one in memory that is mapped read-only store nothing.
        unsafe { Self::over_any(region, own.total_size(), private) }
    }

    /// Calls `ask` for the lines of the slot [`AHEAD`] of this position's, unless the previous slot has done
    /// so or it is of no use on this processor.
    #[inline(always)]
    fn for_lines_ahead(&self, next: u64, ask: impl Fn(*const u8)) {
        let stride = self.shape().stride();
        let is_whole = prefetch::is_in_one_line(stride);
        if if is_whole { next & self.ring.asks != 0 } else { !self.ring.prefetches } {
            return;
        }
        // Near the end of the ring the address lies past it, which is harmless for a prefetch.
        let from = self.start().wrapping_add(self.slot_offset(next & self.ring.mask) + AHEAD);
        if is_whole { ask(from) } else { prefetch::new_lines(from, stride, ask) }
    }

    /// Sets every word of a fresh ring so that its first element has this position.
    ///
    /// Zeroed memory is a fresh ring at position 0 already.
    pub fn start_at(&self, position: u64) {
        // Zero is the word of the message at the highest position, and so, to a tap, that of a later message
        // than all those of the upper half. A lap that comes there must not begin with zeros: each slot gets
        // the word of the message that it would have held a lap before.
        let last = position.wrapping_add(self.capacity() - 1);
        if position.cast_signed() < 0 || last.cast_signed() < 0 {
            for next in 0..self.capacity() {
                let coming = position.wrapping_add(next);
                let before = coming.wrapping_add(1).wrapping_sub(self.capacity());
                self.slot_word(coming & self.mask()).store(before, Ordering::Relaxed); // As below.
            }
        }
        for word in [self.consumed(), self.head(), self.giving()] {
            word.store(position, Ordering::Relaxed); // Before `ready` is published, or before any end exists.
        }
    }
}

// SAFETY: `of_shape` is the only way to one, and saw that the geometry is that of an spsc ring of this shape.
unsafe impl<S: Shape> Words for memory::Mapped<Private<S>> {}

// SAFETY: as above. A geometry's capacity is a power of two, and the mask is private.
unsafe impl<S: Shape> Ring for memory::Mapped<Private<S>> {
    #[inline(always)]
    fn mask(&self) -> u64 {
        self.ring.mask
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
    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }

    #[inline(always)]
    fn asks_ahead(&self) -> bool {
        self.ring.prefetches
    }

    #[inline(always)]
    fn hint_published(&self, index: u64, next: u64) {
        let stride = self.shape().stride();
        let if_dense = prefetch::PREFETCHED_IN_STREAMS.contains(&stride);
        let asks = prefetch::DEMOTED.contains(&stride) && (self.ring.demotes || self.ring.prefetches);
        if asks && self.dense().load(Ordering::Relaxed) == 0 {
            // A hint about hints.
            if self.ring.demotes {
                let from = self.start().wrapping_add(self.slot_offset(index));
                prefetch::lines(from, stride, prefetch::demote);
            }
            if if_dense {
                return;
            }
        }
        self.for_lines_ahead(next, prefetch::for_writing);
    }

    #[inline(always)]
    fn prefetch_for_reading(&self, next: u64) {
        self.for_lines_ahead(next, prefetch::for_reading);
    }

    #[inline(always)]
    fn is_dense_of_use(&self) -> bool {
        let stride = self.shape().stride();
        self.ring.acquires || prefetch::DEMOTED.contains(&stride)
    }

    #[inline(always)]
    fn acquires_read(&self) -> bool {
        self.ring.acquires
    }

    #[inline(always)]
    fn prefetch_polled(&self, index: u64) {
        if prefetch::is_in_one_line(self.shape().stride()) || !self.ring.polled {
            return;
        }
        prefetch::slot_for_reading(self.start().wrapping_add(self.slot_offset(index)), self.shape().word());
    }

    #[inline(always)]
    fn end_together(&self, index: u64) -> u64 {
        let stride = self.shape().stride();
        if stride >= LINE {
            return 1;
        }
        if LINE.is_multiple_of(stride) {
            // The same number of slots in each line, or all slots in one.
            let last = (LINE / stride - 1) as u64 & self.mask();
            return last - (index & last) + 1;
        }
        let left = LINE - (SLOTS_OFFSET + index as usize * stride) % LINE;
        (left.div_ceil(stride) as u64).min(self.capacity() - index)
    }

    #[inline(always)]
    fn acquire_read(&self, index: u64) {
        let stride = self.shape().stride();
        self.with_slot_mut(index, |slot| {
            // A slot lies on multiples of 8, and is the consumer's until released; observers read its word
            // atomically.
            if LINE.is_multiple_of(stride) {
                // SAFETY: as above; the last word of the slot, and of its line.
                unsafe { ownership::acquire_line(slot.wrapping_add(stride - 8)) };
            } else {
                // SAFETY: as above.
                unsafe { ownership::acquire_ended(slot, stride) };
            }
        });
    }

    #[inline(always)]
    fn acquire_next(&self, index: u64, is_free: impl FnOnce() -> bool) {
        if self.shape().stride() < LINE {
            // Mostly the same line as this slot's; in streams of small messages each instruction counts.
            return;
        }
        if !self.ring.acquires {
            return;
        }
        let allowed = || self.dense().load(Ordering::Relaxed) == 0 && is_free(); // Relaxed: a hint.
        // SAFETY: the payload lies on multiples of 8 and is the producer's, when it is free, until it is
        // pushed.
        self.with_slot_mut(index, |slot| unsafe {
            ownership::acquire_begun(slot, self.shape().word(), allowed)
        });
    }

    #[inline(always)]
    fn stream(&self) -> u64 {
        self.ring.stream
    }

    #[inline(always)]
    fn look_ahead(&self) -> u64 {
        let slots = 16 * LINE / self.shape().stride();
        slots.max(1).min((self.capacity() / 4).max(1) as usize) as u64
    }

    #[inline(always)]
    fn batch_len(&self) -> u64 {
        batching::batch_len(BATCH_BYTES, self.shape().stride(), self.capacity())
    }
}
