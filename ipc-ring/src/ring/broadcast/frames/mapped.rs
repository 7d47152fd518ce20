//! The ring's bytes in real memory.

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::memory::Memory;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Expected, Geometry, Identity, Kind, LINE};
use crate::message::Fingerprint;
use crate::platform::{Barrier, Native};
use crate::prefetch;
use crate::region::Region;
use crate::ring::broadcast::Words as _;
use crate::ring::broadcast::front::{FRAMES, Front, LANDMARKS, LAST, MODE, Mode, SLOTS_OFFSET, mode_of};
use crate::ring::bytes::header::{MAX_CAPACITY, WORD};

/// How far ahead of the next record lines are asked for, in bytes.
const AHEAD: usize = 7 * LINE;
/// No more than this many bytes are asked for after one record.
const ASKED: usize = 8 * LINE;
/// The least capacity, in bytes.
const MIN_CAPACITY: u64 = 64;

/// A broadcast ring of frames in a [`Region`].
#[derive(Clone, Debug)]
pub struct Mapped {
    front: Front,
    /// Byte number 0.
    bytes: NonNull<u8>,
    hints: bool,
}

// SAFETY: the pointer is the region's, which the front keeps mapped and which is shared between threads by design; all
// access to it is atomic, or by copies that may race.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// The geometry of a ring of `capacity` bytes, rounded up to a power of two and to 64.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) when the capacity is 0 or above [`MAX_CAPACITY`].
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        if capacity == 0 || capacity > MAX_CAPACITY {
            return Err(AttachErrorKind::TooLarge { capacity, most: MAX_CAPACITY, element_size: 1 }.into());
        }
        let capacity = capacity.next_power_of_two().max(MIN_CAPACITY);
        Geometry::of_cells(capacity, 1, 1, 1, SLOTS_OFFSET)
            .ok_or_else(|| AttachErrorKind::TooLarge { capacity, most: MAX_CAPACITY, element_size: 1 }.into())
    }

    /// The ring in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) when the geometry is not one of
    /// [`geometry`](Self::geometry); [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not
    /// fit the memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
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
        let front = Front::new(region.clone(), own.capacity(), barrier, mode);
        // SAFETY: `Front::new` saw that the region is not smaller than SLOTS_OFFSET.
        let bytes = unsafe { region.base().add(SLOTS_OFFSET) };
        Ok(Self { front, bytes, hints: prefetch::pays() })
    }

    /// Makes a fresh ring at the start of zeroed memory, header and all.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) as [`geometry`](Self::geometry);
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not fit the
    /// memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn make(region: Region, capacity: u64, barrier: Barrier, mode: Mode) -> Result<Self, AttachError> {
        let geometry = Self::geometry(capacity)?;
        let ring = Self::new(region.clone(), &geometry, barrier, mode)?;
        region.half(MODE).store(mode as u32, Ordering::Relaxed); // Before `ready`.
        let identity = Identity {
            kind: Kind::BroadcastBytes,
            barrier,
            fingerprint: Fingerprint::of::<u8>(),
            generation: 0,
            first_position: 0,
            name: "",
        };
        layout::write(&region, &geometry, SLOTS_OFFSET, identity);
        Ok(ring)
    }

    /// The ring in this memory, after a check of its header against the size of the memory.
    ///
    /// # Errors
    /// [`AttachError`], the first thing that is not as it should be.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let expected = Expected {
            kind: Kind::BroadcastBytes,
            fingerprint: Fingerprint::of::<u8>(),
            slots_offset: SLOTS_OFFSET,
            geometry: Self::geometry,
            capacity: None,
            generation: None,
        };
        let checked = layout::check(&region, &expected)?;
        let mode = mode_of(&region).ok_or(AttachErrorKind::NotReady)?;
        Self::new(region, &checked.geometry, checked.barrier, mode)
    }

    /// The byte at an index.
    ///
    /// # Panics
    /// When there are not `len` bytes from there to the end of the ring.
    #[inline(always)]
    #[must_use]
    pub fn address(&self, index: u64, len: usize) -> NonNull<u8> {
        let capacity = self.front.capacity();
        assert!(index <= capacity && len as u64 <= capacity - index, "the bytes lie inside the ring");
        // SAFETY: index <= capacity, and `new` saw that capacity bytes follow SLOTS_OFFSET.
        unsafe { self.bytes.add(index as usize) }
    }
}

/// How many of `len` bytes from `address` on lie before the next multiple of 8.
#[inline(always)]
fn unaligned(address: *const u8, len: usize) -> usize {
    (address.addr().wrapping_neg() & (WORD as usize - 1)).min(len)
}

// SAFETY: `read` copies as many bytes as `out` has.
unsafe impl Memory for Mapped {
    type Platform = Native;
    type Words = Front;

    #[inline(always)]
    fn words(&self) -> &Front {
        &self.front
    }

    #[inline(always)]
    fn word(&self, index: u64) -> &AtomicU64 {
        let address = self.address(index & !(WORD - 1), WORD as usize);
        // SAFETY: 8 bytes inside the ring, aligned to 8 because SLOTS_OFFSET and the index are; bytes that are also
        // accessed with another width, as payload, are ordered against this by the protocol, or found void.
        unsafe { AtomicU64::from_ptr(address.as_ptr().cast()) }
    }

    #[inline(always)]
    fn write(&self, index: u64, bytes: &[u8]) {
        let to = self.address(index, bytes.len()).as_ptr();
        let first = unaligned(to, bytes.len());
        for (at, byte) in bytes[..first].iter().enumerate() {
            // SAFETY: `at` is below the length, which `address` has checked; a byte is always aligned.
            let target = unsafe { AtomicU8::from_ptr(to.wrapping_add(at)) };
            target.store(*byte, Ordering::Relaxed); // Ordered by the header that follows, [D1].
        }
        let rest = &bytes[first..];
        // SAFETY: `rest` lies inside the ring from here, as checked by `address`; the address is aligned to 8 unless
        // nothing is left; a slice never lies in shared memory.
        unsafe { crate::copy::store_bytes(to.wrapping_add(first), rest.as_ptr(), rest.len()) };
    }

    #[inline(always)]
    fn read(&self, index: u64, out: &mut [MaybeUninit<u8>]) {
        let from = self.address(index, out.len()).as_ptr();
        let first = unaligned(from, out.len());
        for (at, byte) in out[..first].iter_mut().enumerate() {
            // SAFETY: as in `write`.
            let source = unsafe { AtomicU8::from_ptr(from.wrapping_add(at)) };
            byte.write(source.load(Ordering::Relaxed)); // Ordered by the header before, [D1], and the fence behind, [D2].
        }
        let rest = &mut out[first..];
        // SAFETY: as in `write`, the other way round.
        unsafe { crate::copy::load_bytes(rest.as_mut_ptr().cast(), from.wrapping_add(first), rest.len()) };
    }

    #[inline(always)]
    fn frames(&self) -> &AtomicU64 {
        self.front.word(FRAMES)
    }

    #[inline(always)]
    fn last(&self) -> &AtomicU64 {
        self.front.word(LAST)
    }

    #[inline]
    fn landmark(&self, number: u64) -> &AtomicU64 {
        assert!(number < super::LANDMARKS, "there are so many landmarks");
        self.front.word(LANDMARKS + number as usize * 8)
    }

    #[inline(always)]
    fn prefetch_for_writing(&self, next: u64, record: u64) {
        if !self.hints {
            return;
        }
        // Near the end of the ring this runs past it, which is harmless for a prefetch.
        let from = self.bytes.as_ptr().wrapping_add(next as usize + AHEAD);
        let record = (record as usize).min(ASKED);
        if record < LINE && from.addr() % LINE >= record {
            return; // The record before asked for this line.
        }
        let mut at = 0;
        while at < record {
            prefetch::for_writing(from.wrapping_add(at));
            at += LINE;
        }
    }
}
