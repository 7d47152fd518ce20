//! The shape of an element whose size is known only at run time.

use core::mem::MaybeUninit;

use super::shape::Shape;
use crate::copy;
use crate::layout::Geometry;
use crate::platform::Platform;

/// The shape of a slot according to a ring's header: a private copy, made when the header was checked. Later
/// writes of a peer to the header have no effect.
///
/// An element is its bytes. A slice of another length is the caller's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shaped {
    size: usize,
    align: usize,
    word: usize,
    stride: usize,
}

impl Shaped {
    /// As [`of`](Self::of), for callers that copy the first `size` bytes of each element.
    pub(crate) fn beginning(geometry: &Geometry, size: usize) -> Self {
        assert!((1..=geometry.element_size()).contains(&size), "as many bytes as there are");
        Self { size, ..Self::of(geometry) }
    }

    /// The shape of the slots of a geometry, which were computed with checks and compared with the memory.
    pub(crate) const fn of(geometry: &Geometry) -> Self {
        Self {
            size: geometry.element_size(),
            align: geometry.element_align(),
            word: geometry.word_offset(),
            stride: geometry.stride(),
        }
    }
}

// SAFETY: a geometry is made by `Geometry::new`, which rounds word and stride up as promised, and refuses an
// alignment above that of a cache line. A copy is of `size` bytes.
unsafe impl Shape for Shaped {
    type Item = [u8];
    type Place = [MaybeUninit<u8>];

    #[inline(always)]
    fn size(self) -> usize {
        self.size
    }

    #[inline(always)]
    fn align(self) -> usize {
        self.align
    }

    #[inline(always)]
    fn word(self) -> usize {
        self.word
    }

    #[inline(always)]
    fn stride(self) -> usize {
        self.stride
    }

    /// # Panics
    /// If the slice's length is not the element's.
    #[inline(always)]
    unsafe fn copy_in<P: Platform>(self, slot: *mut u8, item: &[u8]) {
        assert_eq!(item.len(), self.size, "an element has the size of the ring's elements");
        // SAFETY: a payload has room for `size` bytes and starts at a multiple of 8; a slice is never in
        // shared memory.
        unsafe { copy::store_bytes(slot, item.as_ptr(), self.size) }
    }

    /// # Panics
    /// As for `copy_in`.
    #[inline(always)]
    unsafe fn copy_out<P: Platform>(self, slot: *const u8, place: &mut [MaybeUninit<u8>]) {
        assert_eq!(place.len(), self.size, "an element has the size of the ring's elements");
        // SAFETY: as in `copy_in`, the other way round.
        unsafe { copy::load_bytes(place.as_mut_ptr().cast(), slot, self.size) }
    }
}
