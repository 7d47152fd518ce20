//! The table's words in real memory: addresses computed from a checked geometry.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::layout::{
    ANY_SLEEPERS, CELLS_OFFSET, CHANGES, ENTRIES, JOURNAL, KEY_SLEEPERS, MASKS, MAX_KEYS, STATE, TIME,
};
use super::memory::Memory;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Expected, Geometry, Identity, Kind, LINE};
use crate::message::{Fingerprint, Message};
use crate::platform::{Barrier, Native, Platform as _};
use crate::region::Region;

/// A table of latest values of `T` in a [`Region`].
#[derive(Clone, Debug)]
pub struct Mapped<T> {
    base: NonNull<u8>,
    keys: u32,
    region: Region,
    element: PhantomData<fn(T) -> T>,
}

// SAFETY: the pointer is the region's, which is shared between threads by design; all access to words is atomic and
// values are copied in ways that have a meaning when they race.
unsafe impl<T: Message> Send for Mapped<T> {}
// SAFETY: as above.
unsafe impl<T: Message> Sync for Mapped<T> {}

impl<T: Message> Mapped<T> {
    /// Slots of a key: how many publications a reader may be slower than the writer and still get a value.
    const SLOTS: u64 = 4;
    /// Bytes from the start of a slot to its value: behind the word and the time.
    const PAYLOAD: usize = if align_of::<T>() > 16 { align_of::<T>() } else { 16 };
    /// Bytes from one slot to the next. A slot that fits a cache line lies in one.
    const STRIDE: usize = {
        let bytes = Self::PAYLOAD + size_of::<T>();
        if bytes <= LINE / 2 { LINE / 2 } else { bytes.next_multiple_of(LINE) }
    };
    /// Bytes of all slots of a key.
    const CELL: usize = Self::SLOTS as usize * Self::STRIDE;

    /// The geometry of a table of so many values. Its capacity is the number of keys, which is not rounded.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) when there are no keys or too many, or the value is
    /// larger than [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
    pub fn geometry(keys: u64) -> Result<Geometry, AttachError> {
        const { assert!(size_of::<T>() > 0, "a message has at least one byte") };
        const { assert!(align_of::<T>() <= LINE, "a message is aligned to a cache line at most") };
        Some(keys)
            .filter(|keys| (1..=u64::from(MAX_KEYS)).contains(keys))
            .filter(|_| size_of::<T>() <= crate::message::MAX_MESSAGE_SIZE)
            .and_then(|keys| {
                Geometry::of_cells(keys, size_of::<T>(), align_of::<T>(), Self::CELL, CELLS_OFFSET)
            })
            .ok_or_else(|| {
                AttachErrorKind::TooLarge {
                    capacity: keys,
                    most: u64::from(MAX_KEYS),
                    element_size: size_of::<T>(),
                }
                .into()
            })
    }

    /// The table in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) when the geometry is not that of a table of `T`;
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the table does not fit the
    /// memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn new(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        region.writable()?;
        Self::of_any(region, geometry)
    }

    /// As [`new`](Self::new), also in memory that is mapped read-only: for who stores nothing, and gives the table to nobody.
    pub(crate) fn of_any(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        assert!(region.base().addr().get().is_multiple_of(LINE), "a table starts on a cache line");
        Ok(Self { base: region.base(), keys: own.capacity() as u32, region, element: PhantomData })
    }

    /// Makes a fresh table at the start of zeroed memory, header and all.
    ///
    /// ```
    /// use ipc_ring::ring::latest::{Mapped, Reader, Writer};
    /// use ipc_ring::{Barrier, Region};
    ///
    /// let region = Region::heap(Mapped::<u64>::geometry(1)?.total_size());
    /// let mut writer = Writer::attach(Mapped::<u64>::make(region.clone(), 1, Barrier::Fence)?);
    /// let mut reader = Reader::attach(Mapped::<u64>::open(region)?);
    /// writer.publish(0, 1, &7).expect("key 0 is there");
    /// let newest = reader.newest_value(0).expect("key 0 is there").expect("a value");
    /// assert_eq!((newest.value, newest.sequence, newest.time_ns), (7, 1, 1));
    /// # Ok::<(), ipc_ring::AttachError>(())
    /// ```
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) as [`geometry`](Self::geometry);
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the table does not fit the
    /// memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn make(region: Region, keys: u64, barrier: Barrier) -> Result<Self, AttachError> {
        let geometry = Self::geometry(keys)?;
        barrier.join()?;
        let table = Self::new(region.clone(), &geometry)?;
        let fingerprint = Fingerprint::of::<T>();
        let identity =
            Identity { kind: Kind::Latest, barrier, fingerprint, generation: 0, first_position: 0, name: "" };
        layout::write(&region, &geometry, CELLS_OFFSET, identity);
        Ok(table)
    }

    /// The table in this memory, after a check of its header against `T` and the size of the memory.
    ///
    /// # Errors
    /// [`AttachError`], the first thing that is not as it should be.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let expected = Expected {
            kind: Kind::Latest,
            fingerprint: Fingerprint::of::<T>(),
            slots_offset: CELLS_OFFSET,
            geometry: Self::geometry,
            capacity: None,
            generation: None,
        };
        let checked = layout::check(&region, &expected)?;
        checked.barrier.join()?;
        Self::new(region, &checked.geometry)
    }

    /// The memory the table lies in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Which readers sleep until any key changes. The writer looks at it after each publication.
    #[inline(always)]
    #[must_use]
    pub fn any_sleepers(&self) -> &AtomicU64 {
        self.front(ANY_SLEEPERS)
    }

    /// Which readers sleep until this key changes, or another one that shares its mask.
    #[inline(always)]
    #[must_use]
    pub fn key_sleepers(&self, key: u32) -> &AtomicU64 {
        self.front(KEY_SLEEPERS + (key % MASKS) as usize * 8)
    }

    /// Bits about the writer, see [`signal`](crate::wait::signal).
    #[must_use]
    pub fn state(&self) -> &AtomicU32 {
        self.region.half(STATE)
    }

    /// A word before the cells.
    #[inline(always)]
    fn front(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= CELLS_OFFSET && offset.is_multiple_of(8));
        // SAFETY: below CELLS_OFFSET, which `new` saw to be mapped.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: aligned to 8, mapped as long as `region`, and only ever accessed atomically with this width.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    /// The start of a slot.
    #[inline(always)]
    fn slot(&self, key: u32, slot: u64) -> NonNull<u8> {
        debug_assert!(key < self.keys && slot < Self::SLOTS);
        // SAFETY: key < keys and slot < SLOTS, and `new` saw that keys * CELL bytes follow CELLS_OFFSET.
        unsafe { self.base.add(CELLS_OFFSET + key as usize * Self::CELL + slot as usize * Self::STRIDE) }
    }

    #[inline(always)]
    fn time(&self, key: u32, slot: u64) -> &AtomicU64 {
        // SAFETY: a slot has more than 16 bytes.
        let word = unsafe { self.slot(key, slot).add(TIME) };
        // SAFETY: aligned to 8 because strides are multiples of 32, and only ever accessed atomically.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    #[inline(always)]
    fn value(&self, key: u32, slot: u64) -> *mut T {
        // SAFETY: the value lies inside the slot.
        unsafe { self.slot(key, slot).add(Self::PAYLOAD) }.as_ptr().cast()
    }
}

// SAFETY: the number of keys is checked in `new` and private, the others are constants; `read` copies all of the value.
unsafe impl<T: Message> Memory for Mapped<T> {
    type Platform = Native;
    type Item = T;

    #[inline(always)]
    fn keys(&self) -> u32 {
        self.keys
    }

    #[inline(always)]
    fn slots(&self) -> u64 {
        Self::SLOTS
    }

    #[inline(always)]
    fn journal(&self) -> u64 {
        if self.keys == 1 { 0 } else { ENTRIES }
    }

    #[inline(always)]
    fn word(&self, key: u32, slot: u64) -> &AtomicU64 {
        // SAFETY: the first 8 bytes of a slot, aligned to 8, are its word and only ever accessed as that.
        unsafe { AtomicU64::from_ptr(self.slot(key, slot).as_ptr().cast()) }
    }

    #[inline(always)]
    fn write(&self, key: u32, slot: u64, time_ns: u64, value: &T) {
        self.time(key, slot).store(time_ns, Ordering::Relaxed); // Between the busy word and the ready one.
        // SAFETY: the value lies in the slot, aligned to 8 because strides are multiples of 32 and PAYLOAD of 16; the
        // writer alone writes it; `value` is private.
        unsafe { Native::copy_in(self.value(key, slot), value) }
    }

    #[inline(always)]
    fn read(&self, key: u32, slot: u64, value: &mut MaybeUninit<T>) -> u64 {
        // SAFETY: as in `write`; `value` is private.
        unsafe { Native::copy_out(value.as_mut_ptr(), self.value(key, slot)) };
        self.time(key, slot).load(Ordering::Relaxed) // Before the second look at the word.
    }

    #[inline(always)]
    fn entry(&self, index: u64) -> &AtomicU64 {
        debug_assert!(index < ENTRIES);
        self.front(JOURNAL + index as usize * 8)
    }

    #[inline(always)]
    fn changes(&self) -> &AtomicU64 {
        self.front(CHANGES)
    }
}
