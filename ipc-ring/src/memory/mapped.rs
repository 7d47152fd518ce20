//! A ring's memory, mapped into this process.

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use super::access::{Access, Ring};
use super::records::Records;
use super::shape::Shape;
use crate::copy;
use crate::error::AttachError;
use crate::layout::LINE;
use crate::platform::Native;
use crate::region::Region;

/// A ring in a [`Region`]. `R` is this process's private state of it: its geometry, as it was checked, and
/// parameters for this processor.
///
/// Each kind of ring names its own: [`spsc::Mapped`](crate::ring::spsc::Mapped) and so on.
#[derive(Clone, Debug)]
pub struct Mapped<R> {
    base: NonNull<u8>,
    pub(crate) ring: R,
    region: Region,
}

// SAFETY: the pointer is the region's, which is shared between threads by design. Words are accessed
// atomically; the other bytes by the side whose turn it is, or by copies that may race.
unsafe impl<R: Send> Send for Mapped<R> {}
// SAFETY: as above.
unsafe impl<R: Sync> Sync for Mapped<R> {}

impl<R> Mapped<R> {
    /// A ring of `needed` bytes at the start of the region.
    ///
    /// # Errors
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall); [`ReadOnly`](crate::AttachErrorKind::ReadOnly).
    ///
    /// # Safety
    /// All words and slots of the ring are below `needed`, according to `ring`.
    pub(crate) unsafe fn over(region: Region, needed: usize, ring: R) -> Result<Self, AttachError> {
        region.writable()?;
        // SAFETY: guaranteed by the caller.
        unsafe { Self::over_any(region, needed, ring) }
    }

    /// As [`over`](Self::over), also in memory that is mapped read-only: for an end that stores nothing and
    /// is not passed on.
    ///
    /// # Errors
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall).
    ///
    /// # Safety
    /// As for [`over`](Self::over); and if the region is mapped read-only, nothing is ever stored.
    pub(crate) unsafe fn over_any(region: Region, needed: usize, ring: R) -> Result<Self, AttachError> {
        region.holds(needed)?;
        assert!(region.base().addr().get().is_multiple_of(LINE), "a ring starts on a cache line");
        Ok(Self { base: region.base(), ring, region })
    }

    /// The memory that holds the ring.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The first byte, as the base for hints: these may point past the end.
    #[inline(always)]
    pub(crate) fn start(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// The address of an offset.
    ///
    /// # Safety
    /// It is that of one of the ring's words, or is in its slots or at their end.
    #[inline(always)]
    pub(crate) unsafe fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.region.len());
        // SAFETY: below what `over` checked to be mapped, as guaranteed by its caller and by this function's.
        unsafe { self.base.add(offset) }
    }
}

impl<R> Mapped<R>
where
    Self: Ring,
{
    /// Number of slots, or of bytes: as [`Ring::capacity`].
    #[inline(always)]
    #[must_use]
    pub fn capacity(&self) -> u64 {
        Ring::capacity(self)
    }
}

impl<R> Mapped<R>
where
    Self: Records,
{
    /// The byte at an index of a ring of frames.
    ///
    /// # Panics
    /// If there are fewer than `len` bytes from there to the end of the ring.
    #[inline(always)]
    #[must_use]
    pub fn address(&self, index: u64, len: usize) -> NonNull<u8> {
        // SAFETY: inside the ring, or at its end.
        unsafe { self.at(self.stretch(index, len)) }
    }
}

// SAFETY: an address is the offset's from a base that never changes, aligned to a cache line and mapped as
// long as `region`.
unsafe impl<R> Access for Mapped<R> {
    type Platform = Native;

    #[inline(always)]
    unsafe fn u64_at(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset.is_multiple_of(8) && offset + 8 <= self.region.len());
        // SAFETY: guaranteed by the caller.
        let word = unsafe { self.at(offset) };
        // SAFETY: aligned to 8, mapped as long as `region`, and a word is accessed atomically with this
        // width; bytes that were a payload before are ordered against this by the protocol.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    #[inline(always)]
    unsafe fn u32_at(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset.is_multiple_of(4) && offset + 4 <= self.region.len());
        // SAFETY: guaranteed by the caller.
        let word = unsafe { self.at(offset) };
        // SAFETY: as in `u64_at`, aligned to 4.
        unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
    }

    #[inline(always)]
    unsafe fn with_mut<T>(&self, offset: usize, f: impl FnOnce(*mut u8) -> T) -> T {
        // SAFETY: guaranteed by the caller.
        f(unsafe { self.at(offset) }.as_ptr())
    }

    #[inline(always)]
    unsafe fn with<T>(&self, offset: usize, f: impl FnOnce(*const u8) -> T) -> T {
        // SAFETY: guaranteed by the caller.
        f(unsafe { self.at(offset) }.as_ptr())
    }

    #[inline(always)]
    unsafe fn store_item<S: Shape>(&self, offset: usize, shape: S, item: &S::Item) {
        // SAFETY: guaranteed by the caller.
        let payload = unsafe { self.at(offset) };
        // SAFETY: a payload of this shape, as guaranteed by the caller. Others that access it meanwhile do so
        // atomically too, and the ring's words tell them that what they read, or leave, is invalid.
        unsafe { shape.copy_in::<Native>(payload.as_ptr(), item) }
    }

    #[inline(always)]
    unsafe fn load_item<S: Shape>(&self, offset: usize, shape: S, place: &mut S::Place) {
        // SAFETY: guaranteed by the caller.
        let payload = unsafe { self.at(offset) };
        // SAFETY: as in `store_item`.
        unsafe { shape.copy_out::<Native>(payload.as_ptr(), place) }
    }

    #[inline(always)]
    unsafe fn store_bytes(&self, offset: usize, bytes: &[u8]) {
        // SAFETY: guaranteed by the caller.
        let to = unsafe { self.at(offset) };
        // SAFETY: there are as many bytes, as guaranteed by the caller; a slice is never in shared memory.
        unsafe { copy::store_anywhere(to.as_ptr(), bytes) }
    }

    #[inline(always)]
    unsafe fn load_bytes(&self, offset: usize, out: &mut [MaybeUninit<u8>]) {
        // SAFETY: guaranteed by the caller.
        let from = unsafe { self.at(offset) };
        // SAFETY: as in `store_bytes`.
        unsafe { copy::load_anywhere(out, from.as_ptr()) }
    }
}
