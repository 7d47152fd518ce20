//! The shape of a ring: from positions to addresses.

use super::LINE;
use crate::error::{AttachError, AttachErrorKind};
use crate::region::Region;

/// The shape of a ring: everything needed to turn positions into addresses.
///
/// Created by the `geometry` of a ring's `Mapped`, and by nothing else outside this library: so the sizes in
/// a value of this type were multiplied with overflow checks. `Mapped::new` still checks it.
///
/// ```compile_fail
/// use ipc_ring::layout::Geometry;
///
/// let geometry = Geometry::new(4, 8, 8, 1024).expect("a small ring");
/// let wraps = Geometry { capacity: 1 << 60, ..geometry }; // 2^60 slots of 16 bytes are 0 bytes.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    capacity: u64,
    element_size: usize,
    element_align: usize,
    word_offset: usize,
    stride: usize,
    total_size: usize,
}

/// The largest number of slots.
pub const MAX_CAPACITY: u64 = 1 << 32;

impl Geometry {
    /// The geometry of a ring of `capacity` elements of `size` bytes, its slots starting at `slots_offset`.
    ///
    /// The capacity is rounded up to a power of two. `None` when it is 0 or above [`MAX_CAPACITY`], or when
    /// the sum does not fit.
    #[must_use]
    pub fn new(capacity: u64, size: usize, align: usize, slots_offset: usize) -> Option<Self> {
        if capacity == 0 || capacity > MAX_CAPACITY || size == 0 || !align.is_power_of_two() || align > LINE {
            return None;
        }
        let word_offset = size.checked_next_multiple_of(8)?;
        let stride = word_offset.checked_add(8)?.checked_next_multiple_of(align.max(8))?;
        let shape = Self {
            capacity: capacity.next_power_of_two(),
            element_size: size,
            element_align: align,
            word_offset,
            stride,
            total_size: 0,
        };
        shape.behind(slots_offset)
    }

    /// The geometry of a ring of `count` elements of `size` bytes, each `stride` bytes after the previous
    /// one, from `slots_offset` on. `None` when the sum does not fit.
    pub(crate) fn of_cells(
        count: u64,
        size: usize,
        align: usize,
        stride: usize,
        slots_offset: usize,
    ) -> Option<Self> {
        let shape = Self {
            capacity: count,
            element_size: size,
            element_align: align,
            word_offset: 0,
            stride,
            total_size: 0,
        };
        shape.behind(slots_offset)
    }

    /// The geometry from the header for memory whose size does not follow from the number of its parts and
    /// their strides: the caller has computed the size.
    pub(crate) const fn of_parts(
        count: u64,
        size: usize,
        align: usize,
        stride: usize,
        total_size: usize,
    ) -> Self {
        Self { capacity: count, element_size: size, element_align: align, word_offset: 0, stride, total_size }
    }

    /// Including the offset, no larger than an object can be.
    fn behind(self, slots_offset: usize) -> Option<Self> {
        let slots = usize::try_from(self.capacity).ok()?.checked_mul(self.stride)?;
        let total_size = slots.checked_add(slots_offset)?;
        isize::try_from(total_size).ok()?;
        Some(Self { total_size, ..self })
    }

    /// Number of slots: a power of two, except in a table of latest values, whose keys are not rounded up.
    /// Bytes in a ring of frames.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Bytes of one element.
    #[must_use]
    pub const fn element_size(&self) -> usize {
        self.element_size
    }

    /// Alignment of one element, in bytes.
    #[must_use]
    pub const fn element_align(&self) -> usize {
        self.element_align
    }

    /// Bytes from the start of a slot, where its payload lies, to its word.
    #[must_use]
    pub const fn word_offset(&self) -> usize {
        self.word_offset
    }

    /// Bytes from one slot to the next. Not rounded up to lines.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// Bytes of memory that the whole ring takes.
    #[must_use]
    pub const fn total_size(&self) -> usize {
        self.total_size
    }

    /// Checks that this is `own`, which a ring computes for this capacity, and lies entirely in the region.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) for the geometry of another ring or element;
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall).
    pub(crate) fn is_of(&self, own: &Self, region: &Region) -> Result<(), AttachError> {
        if self != own {
            return Err(AttachErrorKind::Geometry {
                capacity: self.capacity,
                stride: self.stride as u64,
                total_size: self.total_size as u64,
                memory: region.len() as u64,
            }
            .into());
        }
        region.holds(own.total_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_geometries_are_refused() {
        assert!(Geometry::new(0, 8, 8, 1024).is_none());
        assert!(Geometry::new(MAX_CAPACITY + 1, 8, 8, 1024).is_none());
        assert!(Geometry::new(MAX_CAPACITY, usize::MAX / 2, 8, 1024).is_none());
        assert!(Geometry::new(8, usize::MAX - 3, 8, 1024).is_none());
        assert!(Geometry::new(8, 8, 3, 1024).is_none());
        assert!(Geometry::new(8, 0, 1, 1024).is_none());
    }

    #[test]
    fn strides_are_packed_not_rounded_to_lines() {
        for (size, align, stride) in
            [(1, 1, 16), (8, 8, 16), (56, 8, 64), (64, 8, 72), (112, 8, 120), (16, 16, 32)]
        {
            assert_eq!(Geometry::new(8, size, align, 1024).unwrap().stride, stride, "size {size}");
        }
        assert_eq!(Geometry::new(5, 8, 8, 1024).unwrap().capacity, 8);
    }
}
