//! The ring's slots in real memory: addresses computed from a checked geometry.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use super::front::{Front, Mode, SLOTS_OFFSET, mode_of};
use super::memory::Memory;
use super::words::Words as _;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Expected, Geometry, Identity, Kind, LINE, MAX_CAPACITY};
use crate::message::{Fingerprint, Message};
use crate::platform::{Barrier, Native, Platform as _};
use crate::prefetch;
use crate::region::Region;

/// How far ahead of the next slot lines are asked for, in bytes.
const AHEAD: usize = 7 * LINE;

/// A broadcast ring of `T` in a [`Region`].
#[derive(Clone, Debug)]
pub struct Mapped<T> {
    front: Front,
    /// Slot number 0.
    slots: NonNull<u8>,
    hints: bool,
    /// Whether it brings anything to ask for the payload of a slot whose word is being polled.
    polled: bool,
    element: PhantomData<fn(T) -> T>,
}

// SAFETY: the pointer is the region's, which the front keeps mapped and which is shared between threads by design; all
// access to slots is atomic, or by copies that may race.
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
    /// memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
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

    /// As [`new`](Self::new), also in memory that is mapped read-only: for who stores nothing, and gives the ring to nobody.
    pub(crate) fn of_any(
        region: Region,
        geometry: &Geometry,
        barrier: Barrier,
        mode: Mode,
    ) -> Result<Self, AttachError> {
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        assert!(own.stride() == Self::STRIDE && own.word_offset() == Self::WORD, "both are computed alike");
        let front = Front::new(region.clone(), own.capacity(), barrier, mode);
        // SAFETY: `Front::new` saw that the region is not smaller than SLOTS_OFFSET.
        let slots = unsafe { region.base().add(SLOTS_OFFSET) };
        Ok(Self {
            front,
            slots,
            hints: prefetch::pays(),
            polled: prefetch::of_polled(Self::STRIDE),
            element: PhantomData,
        })
    }

    /// Sets every word of a fresh ring so that its first message has this position.
    ///
    /// Zeroed memory is a fresh ring at position 0 already.
    pub fn start_at(&self, position: u64) {
        let capacity = self.front.capacity();
        for next in 0..capacity {
            let coming = position.wrapping_add(next);
            let before = coming.wrapping_add(1).wrapping_sub(capacity);
            self.sequence(coming & (capacity - 1)).store(before, Ordering::Relaxed); // Before any end exists.
        }
        self.front.start_at(position);
    }

    /// Makes a fresh ring at the start of zeroed memory, header and all. Its first message has the position `first`.
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
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not fit the
    /// memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn make(
        region: Region,
        capacity: u64,
        barrier: Barrier,
        mode: Mode,
        first: u64,
    ) -> Result<Self, AttachError> {
        let geometry = Self::geometry(capacity)?;
        let ring = Self::new(region.clone(), &geometry, barrier, mode)?;
        ring.start_at(first);
        region.half(super::front::MODE).store(mode as u32, Ordering::Relaxed); // Before `ready`.
        let identity = Identity {
            kind: Kind::Broadcast,
            barrier,
            fingerprint: Fingerprint::of::<T>(),
            generation: 0,
            first_position: first,
            name: "",
        };
        layout::write(&region, &geometry, SLOTS_OFFSET, identity);
        Ok(ring)
    }

    /// The ring in this memory, after a check of its header against `T` and the size of the memory. Whatever the memory
    /// holds, the answer is an error or a ring whose every access lies inside it.
    ///
    /// # Errors
    /// [`AttachError`], the first thing that is not as it should be.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let expected = Expected {
            kind: Kind::Broadcast,
            fingerprint: Fingerprint::of::<T>(),
            slots_offset: SLOTS_OFFSET,
            geometry: Self::geometry,
            capacity: None,
            generation: None,
        };
        let checked = layout::check(&region, &expected)?;
        let mode = mode_of(&region).ok_or(AttachErrorKind::NotReady)?;
        Self::new(region, &checked.geometry, checked.barrier, mode)
    }

    /// The start of a slot. The index is below the capacity.
    #[inline(always)]
    fn slot(&self, index: u64) -> NonNull<u8> {
        debug_assert!(index < self.front.capacity());
        // SAFETY: index < capacity, and `new` saw that capacity * STRIDE bytes follow SLOTS_OFFSET.
        unsafe { self.slots.add(index as usize * Self::STRIDE) }
    }

    /// The payload of a slot. The index is below the capacity.
    #[inline(always)]
    fn payload(&self, index: u64) -> *mut T {
        self.slot(index).as_ptr().cast()
    }
}

// SAFETY: slots lie STRIDE bytes apart behind SLOTS_OFFSET, inside the region, which the front keeps mapped; STRIDE is a
// multiple of 8 and of the element's alignment, and the region starts on a cache line; `copy_out` writes the
// whole place.
unsafe impl<T: Message> Memory for Mapped<T> {
    type Platform = Native;
    type Words = Front;
    type Item = T;

    #[inline(always)]
    fn words(&self) -> &Front {
        &self.front
    }

    #[inline(always)]
    fn sequence(&self, index: u64) -> &AtomicU64 {
        // SAFETY: the word lies inside the slot.
        let word = unsafe { self.slot(index).add(Self::WORD) };
        // SAFETY: aligned to 8 because WORD and the stride are multiples of 8; these 8 bytes are the slot's sequence word
        // and only ever accessed as that.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    #[inline(always)]
    fn write(&self, index: u64, item: &T) {
        // SAFETY: the payload is valid for a whole element and aligned to 8; `item` is private; only the publisher writes,
        // and there is one, by the seat it holds. Others that read meanwhile find the copy void, [D2].
        unsafe { Native::copy_in(self.payload(index), item) }
    }

    #[inline(always)]
    fn read(&self, index: u64, place: &mut MaybeUninit<T>) {
        // SAFETY: the payload is valid for a whole element and aligned to 8; the place is private; every bit pattern is an
        // element.
        unsafe { Native::copy_out(place.as_mut_ptr(), self.payload(index)) }
    }

    #[inline(always)]
    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const T) -> R) -> R {
        f(self.payload(index))
    }

    #[inline(always)]
    fn prefetch_for_writing(&self, next: u64) {
        if !self.hints {
            return;
        }
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
    fn prefetch_polled(&self, index: u64) {
        if const { prefetch::is_in_one_line(Self::STRIDE) } || !self.polled {
            return;
        }
        prefetch::slot_for_reading(self.slot(index).as_ptr(), Self::WORD);
    }
}
