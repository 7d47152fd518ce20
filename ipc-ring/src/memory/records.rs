//! The bytes of a ring of frames.

use core::mem::MaybeUninit;

use super::access::Ring;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::Geometry;
use crate::platform::Platform;
use crate::ring::bytes::header::{MAX_CAPACITY, WORD};

/// The minimum capacity, in bytes.
const MIN_CAPACITY: u64 = 64;

/// A ring's bytes, from [`OFFSET`](Records::OFFSET) on: records of any length, each after a header word.
///
/// An index is always below the capacity: a position, taken modulo the capacity. The writing methods are for
/// the end that owns the bytes: a call by any other end corrupts the ring as far as a hostile peer can, and
/// no further.
///
/// # Safety
/// The capacity is a multiple of 8, and there are as many bytes from the offset on.
pub unsafe trait Records: Ring {
    /// Bytes from the start of the memory to the first byte of the ring.
    const OFFSET: usize;

    /// The word at an index that is a multiple of 8: a header, or what a payload left there.
    #[inline(always)]
    fn word(&self, index: u64) -> &<Self::Platform as Platform>::U64 {
        debug_assert!(index.is_multiple_of(WORD) && index < self.capacity());
        let index = index & self.mask() & !(WORD - 1);
        // SAFETY: index + 8 <= capacity, whatever the index was, and there are `capacity` bytes from OFFSET
        // on; both are multiples of 8.
        unsafe { self.u64_at(Self::OFFSET + index as usize) }
    }

    /// Copies private bytes to any index.
    ///
    /// # Panics
    /// If they do not fit before the end of the ring.
    #[inline(always)]
    fn write(&self, index: u64, bytes: &[u8]) {
        // SAFETY: inside the ring.
        unsafe { self.store_bytes(self.stretch(index, bytes.len()), bytes) }
    }

    /// As [`write`](Records::write), for a whole frame, whose index is a multiple of 8. Where that is of use,
    /// its first bytes, next to the header, are written last.
    ///
    /// # Panics
    /// As [`write`](Records::write).
    #[inline(always)]
    fn write_frame(&self, index: u64, bytes: &[u8]) {
        self.write(index, bytes);
    }

    /// Copies bytes from any index.
    ///
    /// # Panics
    /// If there are fewer bytes before the end of the ring.
    #[inline(always)]
    fn read(&self, index: u64, out: &mut [MaybeUninit<u8>]) {
        // SAFETY: inside the ring.
        unsafe { self.load_bytes(self.stretch(index, out.len()), out) }
    }

    /// As [`read`](Records::read), for a whole frame, whose index is a multiple of 8.
    ///
    /// # Panics
    /// As [`read`](Records::read).
    #[inline(always)]
    fn read_frame(&self, index: u64, out: &mut [MaybeUninit<u8>]) {
        self.read(index, out);
    }

    /// The offset of a range of `len` bytes from an index on.
    ///
    /// # Panics
    /// If there are fewer bytes before the end of the ring.
    #[inline(always)]
    fn stretch(&self, index: u64, len: usize) -> usize {
        let capacity = self.capacity();
        assert!(index <= capacity && len as u64 <= capacity - index, "the bytes lie inside the ring");
        Self::OFFSET + index as usize
    }
}

/// The geometry of a ring of `capacity` bytes, rounded up to a power of two and to 64, from an offset on.
///
/// # Errors
/// [`TooLarge`](crate::AttachErrorKind::TooLarge) if the capacity is 0 or above [`MAX_CAPACITY`].
pub(crate) fn geometry(capacity: u64, offset: usize) -> Result<Geometry, AttachError> {
    Some(capacity)
        .filter(|capacity| (1..=MAX_CAPACITY).contains(capacity))
        .map(|capacity| capacity.next_power_of_two().max(MIN_CAPACITY))
        .and_then(|capacity| Geometry::of_cells(capacity, 1, 1, 1, offset))
        .ok_or_else(|| AttachErrorKind::TooLarge { capacity, most: MAX_CAPACITY, element_size: 1 }.into())
}
