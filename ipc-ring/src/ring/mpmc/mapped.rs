//! The ring's words in real memory: addresses computed from a checked geometry.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::layout::{
    ATTACHED, CONSUMER_SLEEPERS, COUNTERS, ENDPOINTS, HEAD, ORPHANS, PRODUCER_SLEEPERS, SEAT_SIZE, SEATS,
    SLOTS_OFFSET, STATE, TAIL, TURN,
};
use super::memory::{Counter, Memory};
use super::tag::Shape;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{Geometry, LINE, MAX_CAPACITY};
use crate::message::Message;
use crate::platform::Native;
use crate::prefetch;
use crate::region::Region;
use crate::wait::slip;

/// So many bytes of slots are a run.
const RUN_BYTES: usize = 8 * 1024;

/// An mpmc ring of `T` in a [`Region`].
#[derive(Clone, Debug)]
pub struct Mapped<T> {
    base: NonNull<u8>,
    capacity: u64,
    /// Whether asking for lines ahead brings anything on this processor.
    hints: bool,
    /// Whether it brings anything to ask for the payload of a slot whose tag is being polled.
    polled: bool,
    region: Region,
    element: PhantomData<fn(T) -> T>,
}

// SAFETY: the pointer is the region's, which is shared between threads by design; all access to words is atomic and
// access to slots is arbitrated by their tags.
unsafe impl<T: Message> Send for Mapped<T> {}
// SAFETY: as above.
unsafe impl<T: Message> Sync for Mapped<T> {}

impl<T: Message> Mapped<T> {
    /// Bytes from the start of a slot, where its payload lies, to its word, as [`Geometry::new`] has it.
    const WORD: usize = size_of::<T>().next_multiple_of(8);
    /// Bytes from one slot to the next, as [`Geometry::new`] has it.
    const STRIDE: usize =
        (Self::WORD + 8).next_multiple_of(if align_of::<T>() > 8 { align_of::<T>() } else { 8 });
    /// How far ahead of the next slot lines are asked for, in bytes. Measured: one line for the smallest slots, three for
    /// others.
    const AHEAD: usize = if Self::STRIDE <= 16 { LINE } else { 3 * LINE };

    /// The geometry of a ring for `capacity` elements of `T`.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) when the capacity is 0 or too large, or the element
    /// larger than [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        const { assert!(size_of::<T>() > 0, "a message has at least one byte") };
        const { assert!(align_of::<T>() <= LINE, "a message is aligned to a cache line at most") };
        Some(capacity)
            .filter(|_| size_of::<T>() <= crate::message::MAX_MESSAGE_SIZE)
            .and_then(|capacity| Geometry::new(capacity, size_of::<T>(), align_of::<T>(), SLOTS_OFFSET))
            .ok_or_else(|| {
                AttachErrorKind::TooLarge { capacity, most: MAX_CAPACITY, element_size: size_of::<T>() }
                    .into()
            })
    }

    /// The ring in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) when the geometry is not that of a ring of `T`;
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not fit the
    /// memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly).
    pub fn new(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        region.writable()?;
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        assert!(own.stride() == Self::STRIDE && own.word_offset() == Self::WORD, "both are computed alike");
        assert!(region.base().addr().get().is_multiple_of(LINE), "a ring starts on a cache line");
        let hints = prefetch::pays();
        let polled = Self::STRIDE > 2 * LINE && prefetch::of_polled(Self::STRIDE);
        let capacity = own.capacity();
        Ok(Self { base: region.base(), capacity, hints, polled, region, element: PhantomData })
    }

    /// Sets every word of a fresh ring so that its first element has this position.
    ///
    /// Zeroed memory is a fresh ring at position 0 already.
    pub fn start_at(&self, position: u64) {
        let shape = Shape::new(self.capacity, self.lap_bits());
        for next in 0..self.capacity {
            let free = position.wrapping_add(next);
            let tag = self.tag(shape.index(free));
            tag.store(shape.empty(free).as_raw(), Ordering::Relaxed); // Before any end exists.
        }
        self.tail().store(position, Ordering::Relaxed); // Before any end exists.
        self.head().store(position, Ordering::Relaxed); // Before any end exists.
    }

    /// The memory the ring lies in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Which consumers sleep. Producers look at it after each push.
    #[inline(always)]
    #[must_use]
    pub fn consumer_sleepers(&self) -> &AtomicU64 {
        self.word(CONSUMER_SLEEPERS)
    }

    /// Whose turn it is to push, in a full ring. A hint.
    #[must_use]
    pub fn turn(&self) -> &AtomicU64 {
        self.word(TURN)
    }

    /// Which producers sleep. Consumers look at it after each pop.
    #[inline(always)]
    #[must_use]
    pub fn producer_sleepers(&self) -> &AtomicU64 {
        self.word(PRODUCER_SLEEPERS)
    }

    /// How many ends of a role, 1 for producers, 2 for consumers, have ever attached.
    pub(crate) fn attached(&self, role: u32) -> &AtomicU32 {
        self.region.half(ATTACHED + if role == 1 { 0 } else { 4 })
    }

    #[inline(always)]
    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= SLOTS_OFFSET && offset.is_multiple_of(8));
        // SAFETY: the offset is one of the layout's constants, below SLOTS_OFFSET, which `new` saw to be mapped.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: aligned to 8, mapped as long as `region`, and only ever accessed atomically with this width.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    /// The start of a slot. The index is below the capacity.
    #[inline(always)]
    fn slot(&self, index: u64) -> NonNull<u8> {
        debug_assert!(index < self.capacity);
        // SAFETY: index < capacity, and `new` saw that capacity * STRIDE bytes follow SLOTS_OFFSET.
        unsafe { self.base.add(SLOTS_OFFSET + index as usize * Self::STRIDE) }
    }
}

// SAFETY: the capacity is checked in `new` and private; slots lie STRIDE bytes apart behind SLOTS_OFFSET, inside the
// region, which the value keeps mapped; STRIDE is a multiple of 8 and of the element's alignment, and the region starts on
// a cache line.
unsafe impl<T: Message> Memory for Mapped<T> {
    type Platform = Native;
    type Item = T;

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.capacity
    }

    #[inline(always)]
    fn endpoints(&self) -> u16 {
        ENDPOINTS
    }

    #[inline(always)]
    fn tag(&self, index: u64) -> &AtomicU64 {
        // SAFETY: the word lies inside the slot.
        let word = unsafe { self.slot(index).add(Self::WORD) };
        // SAFETY: aligned to 8 because WORD and the stride are multiples of 8; these 8 bytes are the slot's tag and only
        // ever accessed as that.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    #[inline(always)]
    fn with_slot_mut<R>(&self, index: u64, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.slot(index).as_ptr().cast())
    }

    #[inline(always)]
    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const T) -> R) -> R {
        f(self.slot(index).as_ptr().cast())
    }

    #[inline(always)]
    fn tail(&self) -> &AtomicU64 {
        self.word(TAIL)
    }

    #[inline(always)]
    fn head(&self) -> &AtomicU64 {
        self.word(HEAD)
    }

    #[inline(always)]
    fn state(&self) -> &AtomicU32 {
        // SAFETY: one of the layout's constants, below SLOTS_OFFSET, which `new` saw to be mapped.
        let word = unsafe { self.base.add(STATE) };
        // SAFETY: aligned to 4, mapped as long as `region`, and only ever accessed atomically with this width.
        unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
    }

    #[inline(always)]
    fn orphans(&self) -> &AtomicU64 {
        self.word(ORPHANS)
    }

    #[inline]
    fn seat(&self, number: u16) -> &AtomicU64 {
        assert!(number < ENDPOINTS, "a seat's number is checked before it is used");
        self.word(SEATS + usize::from(number) * SEAT_SIZE)
    }

    #[inline]
    fn counter(&self, counter: Counter) -> &AtomicU64 {
        self.word(COUNTERS + counter as usize * 8)
    }

    #[inline(always)]
    fn prefetch(&self, next: u64) {
        if !self.hints {
            return;
        }
        // Near the end of the ring this runs past it, which is harmless for a prefetch.
        let from = self.slot(next).as_ptr().wrapping_add(Self::AHEAD);
        let mut at = 0;
        while at < Self::STRIDE {
            prefetch::for_writing(from.wrapping_add(at));
            at += LINE;
        }
    }

    #[inline(always)]
    fn prefetch_polled(&self, index: u64) {
        if self.polled {
            prefetch::slot_for_reading(self.slot(index).as_ptr(), Self::WORD);
        }
    }

    #[inline(always)]
    fn prefetch_claimed(&self, index: u64) {
        if Self::STRIDE > LINE {
            prefetch::for_writing(self.slot(index).as_ptr().wrapping_add(Self::WORD));
        }
    }

    #[inline(always)]
    fn prefetch_taken(&self, index: u64) {
        if Self::STRIDE > LINE && Self::STRIDE <= 2048 {
            prefetch::slot_for_reading(self.slot(index).as_ptr(), Self::WORD);
        }
    }

    #[inline]
    fn polled_line_is_taken(&self) -> bool {
        prefetch::taking_lines_pays()
    }

    #[inline(always)]
    fn run(&self) -> u64 {
        if Self::STRIDE < LINE { 0 } else { slip::run(RUN_BYTES, Self::STRIDE, self.capacity) }
    }

    #[inline(always)]
    fn free_run(&self) -> u64 {
        // From slots of some lines on, copying takes longer than waiting for lines.
        if Self::STRIDE > 2 * LINE { 0 } else { self.run() }
    }
}
