//! The ring's words in real memory: addresses computed from a checked geometry.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::layout::{
    CONSUMED, CONSUMER_SIGNAL, DENSE, FOUND_EMPTY, FOUND_FULL, GIVING, HEAD, HIGH_WATER, PRODUCER_SIGNAL,
    SLOTS_OFFSET,
};
use super::memory::Memory;
use crate::ahead;
use crate::error::AttachError;
use crate::layout::{Geometry, LINE, MAX_CAPACITY};
use crate::message::Message;
use crate::platform::{Barrier, Native};
use crate::prefetch;
use crate::region::Region;
use crate::stream;
use crate::wait::slip;

/// So many bytes of slots are a run.
const RUN_BYTES: usize = 32 * 1024;
/// How far ahead of the next slot lines are asked for, in bytes.
const AHEAD: usize = 7 * LINE;
/// Slots of these sizes are pushed towards the shared cache while traffic is sparse.
const DEMOTED_STRIDES: core::ops::RangeInclusive<usize> = 192..=2048;

/// An spsc ring of `T` in a [`Region`].
#[derive(Clone, Debug)]
pub struct Mapped<T> {
    base: NonNull<u8>,
    /// The capacity less one.
    mask: u64,
    barrier: Barrier,
    hints: bool,
    demotes: bool,
    /// Whether it brings anything to ask for the payload of a slot whose word is being polled.
    polled: bool,
    /// See [`Memory::stream`].
    stream: u64,
    /// So many bytes of a payload are [taken ahead](Memory::take_payload).
    ahead: usize,
    region: Region,
    element: PhantomData<fn(T) -> T>,
}

// SAFETY: the pointer is the region's, which is shared between threads by design; all access to words is atomic and
// access to slots is arbitrated by the two ends.
unsafe impl<T: Message> Send for Mapped<T> {}
// SAFETY: as above.
unsafe impl<T: Message> Sync for Mapped<T> {}

impl<T: Message> Mapped<T> {
    /// Bytes from the start of a slot, where its payload lies, to its word, as [`Geometry::new`] has it.
    const WORD: usize = size_of::<T>().next_multiple_of(8);
    /// Bytes from one slot to the next, as [`Geometry::new`] has it.
    const STRIDE: usize =
        (Self::WORD + 8).next_multiple_of(if align_of::<T>() > 8 { align_of::<T>() } else { 8 });

    /// The geometry of a ring for `capacity` elements of `T`.
    ///
    /// # Errors
    /// [`AttachError::TooLarge`] when the capacity is 0 or too large, or the element larger than
    /// [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        const { assert!(size_of::<T>() > 0, "a message has at least one byte") };
        const { assert!(align_of::<T>() <= LINE, "a message is aligned to a cache line at most") };
        Some(capacity)
            .filter(|_| size_of::<T>() <= crate::message::MAX_MESSAGE_SIZE)
            .and_then(|capacity| Geometry::new(capacity, size_of::<T>(), align_of::<T>(), SLOTS_OFFSET))
            .ok_or(AttachError::TooLarge { capacity, most: MAX_CAPACITY, element_size: size_of::<T>() })
    }

    /// The ring in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`AttachError::Geometry`] when the geometry is not that of a ring of `T`; [`AttachError::TooSmall`] when the ring does not fit the
    /// memory; [`AttachError::ReadOnly`]; [`AttachError::NoMembarrier`].
    pub fn new(region: Region, geometry: &Geometry, barrier: Barrier) -> Result<Self, AttachError> {
        region.writable()?;
        barrier.join()?;
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        assert!(own.stride() == Self::STRIDE && own.word_offset() == Self::WORD, "both are computed alike");
        assert!(region.base().addr().get().is_multiple_of(LINE), "a ring starts on a cache line");
        let demotes = DEMOTED_STRIDES.contains(&Self::STRIDE) && prefetch::can_demote();
        Ok(Self {
            base: region.base(),
            mask: own.capacity() - 1,
            barrier,
            hints: prefetch::pays(),
            demotes,
            polled: prefetch::of_polled(Self::STRIDE),
            stream: stream::after(Self::STRIDE),
            ahead: ahead::of(Self::WORD),
            region,
            element: PhantomData,
        })
    }

    /// Sets every word of a fresh ring so that its first element has this position.
    ///
    /// Zeroed memory is a fresh ring at position 0 already.
    pub fn start_at(&self, position: u64) {
        // Zero is the word of the message at the highest position. A lap that contains it may not begin with zeros: each slot gets the word
        // of the message it would have held a lap before.
        let before_zero = position.wrapping_neg();
        if position != 0 && before_zero <= self.capacity() {
            for next in 0..self.capacity() {
                let coming = position.wrapping_add(next);
                let before = coming.wrapping_add(1).wrapping_sub(self.capacity());
                self.sequence(coming & self.mask).store(before, Ordering::Relaxed); // As below.
            }
        }
        for word in [CONSUMED, HEAD, GIVING] {
            self.word(word).store(position, Ordering::Relaxed); // Before `ready` is published, or before any end exists.
        }
    }

    /// The memory the ring lies in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    #[inline(always)]
    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= SLOTS_OFFSET && offset.is_multiple_of(8));
        // SAFETY: the offset is one of the layout's constants, below SLOTS_OFFSET, which `new` saw to be mapped.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: aligned to 8, mapped as long as `region`, and only ever accessed atomically with this width.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    #[inline(always)]
    fn half(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset + 4 <= SLOTS_OFFSET && offset.is_multiple_of(4));
        // SAFETY: as in `word`.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: as in `word`, aligned to 4.
        unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
    }

    /// The start of a slot. The index is below the capacity.
    #[inline(always)]
    fn slot(&self, index: u64) -> NonNull<u8> {
        debug_assert!(index <= self.mask);
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
        self.mask + 1
    }

    #[inline(always)]
    fn barrier(&self) -> Barrier {
        self.barrier
    }

    #[inline(always)]
    fn sequence(&self, index: u64) -> &AtomicU64 {
        // SAFETY: the word lies inside the slot.
        let word = unsafe { self.slot(index).add(Self::WORD) };
        // SAFETY: aligned to 8 because WORD and the stride are multiples of 8; these 8 bytes are the slot's sequence word and only
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
    fn head(&self) -> &AtomicU64 {
        self.word(HEAD)
    }

    #[inline(always)]
    fn consumed(&self) -> &AtomicU64 {
        self.word(CONSUMED)
    }

    #[inline(always)]
    fn giving(&self) -> &AtomicU64 {
        self.word(GIVING)
    }

    #[inline(always)]
    fn consumer_signal(&self) -> &AtomicU32 {
        self.half(CONSUMER_SIGNAL)
    }

    #[inline(always)]
    fn producer_signal(&self) -> &AtomicU32 {
        self.half(PRODUCER_SIGNAL)
    }

    #[inline(always)]
    fn dense(&self) -> &AtomicU32 {
        self.half(DENSE)
    }

    #[inline(always)]
    fn found_full(&self) -> &AtomicU64 {
        self.word(FOUND_FULL)
    }

    #[inline(always)]
    fn high_water(&self) -> &AtomicU64 {
        self.word(HIGH_WATER)
    }

    #[inline(always)]
    fn found_empty(&self) -> &AtomicU64 {
        self.word(FOUND_EMPTY)
    }

    #[inline(always)]
    fn hints(&self) -> bool {
        self.hints
    }

    #[inline(always)]
    fn prefetch_for_writing(&self, next: u64) {
        // Near the end of the ring this runs past it, which is harmless for a prefetch.
        let from = self.slot(next).as_ptr().wrapping_add(AHEAD);
        if Self::STRIDE < LINE && from.addr() % LINE >= Self::STRIDE {
            return; // The slot before asked for this line.
        }
        let mut at = 0;
        while at < Self::STRIDE {
            prefetch::for_writing(from.wrapping_add(at));
            at += LINE;
        }
    }

    #[inline(always)]
    fn prefetch_for_reading(&self, next: u64) {
        let from = self.slot(next).as_ptr().wrapping_add(AHEAD);
        if Self::STRIDE < LINE && from.addr() % LINE >= Self::STRIDE {
            return; // The slot before asked for this line.
        }
        let mut at = 0;
        while at < Self::STRIDE {
            prefetch::for_reading(from.wrapping_add(at));
            at += LINE;
        }
    }

    #[inline(always)]
    fn prefetch_polled(&self, index: u64) {
        if const { prefetch::is_in_one_line(Self::STRIDE) } || !self.polled {
            return;
        }
        prefetch::slot_for_reading(self.slot(index).as_ptr(), Self::WORD);
    }

    #[inline(always)]
    fn demotes(&self) -> bool {
        DEMOTED_STRIDES.contains(&Self::STRIDE) && self.demotes
    }

    #[inline(always)]
    fn demote(&self, index: u64) {
        let from = self.slot(index).as_ptr();
        let mut at = 0;
        while at < Self::STRIDE {
            prefetch::demote(from.wrapping_add(at));
            at += LINE;
        }
    }

    #[inline(always)]
    fn end_together(&self, index: u64) -> u64 {
        if Self::STRIDE >= LINE {
            return 1;
        }
        if LINE.is_multiple_of(Self::STRIDE) {
            // As many slots in each line, or all slots in one.
            let last = (LINE / Self::STRIDE - 1) as u64 & self.mask;
            return last - (index & last) + 1;
        }
        let left = LINE - (SLOTS_OFFSET + index as usize * Self::STRIDE) % LINE;
        (left.div_ceil(Self::STRIDE) as u64).min(self.capacity() - index)
    }

    #[inline(always)]
    fn take_lines(&self, index: u64) {
        let slot = self.slot(index).as_ptr();
        // SAFETY, of both: a slot lies on multiples of 8, and is the consumer's until it gives it back; observers read its word atomically.
        if LINE.is_multiple_of(Self::STRIDE) {
            // SAFETY: as above; the last word of the slot, and of its line.
            unsafe { stream::take_line(slot.wrapping_add(Self::STRIDE - 8)) };
        } else {
            // SAFETY: as above.
            unsafe { stream::take_lines(slot, Self::STRIDE) };
        }
    }

    #[inline(always)]
    fn take_payload(&self, index: u64, is_free: impl FnOnce() -> bool) {
        if Self::STRIDE < LINE {
            return; // The next slot mostly lies in the line of this one, and streams of small messages are counted in instructions.
        }
        let allowed = || self.dense().load(Ordering::Relaxed) == 0 && is_free(); // Relaxed: a hint.
        // SAFETY: the payload lies on multiples of 8 and is the producer's, when it is free, until it is pushed.
        unsafe { ahead::take_lines(self.slot(index).as_ptr(), self.ahead, allowed) };
    }

    #[inline(always)]
    fn stream(&self) -> u64 {
        self.stream
    }

    #[inline(always)]
    fn look_ahead(&self) -> u64 {
        (16 * LINE / Self::STRIDE).max(1).min((self.capacity() / 4).max(1) as usize) as u64
    }

    #[inline(always)]
    fn run(&self) -> u64 {
        slip::run(RUN_BYTES, Self::STRIDE, self.capacity())
    }
}
