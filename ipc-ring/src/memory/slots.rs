//! The slots of a ring of fixed-size elements.

use super::access::Ring;
use super::shape::Shape;
use crate::platform::Platform;

/// An element of a ring.
pub type Item<M> = <<M as Slots>::Shape as Shape>::Item;
/// Private room for an element of a ring.
pub type Place<M> = <<M as Slots>::Shape as Shape>::Place;

/// A ring's slots: from [`OFFSET`](Slots::OFFSET) on, one stride after the other.
///
/// An index is always below the capacity: a position, taken modulo the capacity.
///
/// # Safety
/// The shape never changes. There are as many slots of that shape as the capacity says from the offset on.
pub unsafe trait Slots: Ring {
    /// The layout of an element in its slot.
    type Shape: Shape;
    /// Bytes from the start of the memory to the first slot.
    const OFFSET: usize;

    /// The layout of an element in its slot, from private memory.
    fn shape(&self) -> Self::Shape;
    /// The offset of a slot.
    #[inline(always)]
    fn slot_offset(&self, index: u64) -> usize {
        debug_assert!(index <= self.mask());
        Self::OFFSET + index as usize * self.shape().stride()
    }

    /// A slot's word.
    #[inline(always)]
    fn slot_word(&self, index: u64) -> &<Self::Platform as Platform>::U64 {
        // SAFETY: of one of the ring's slots, as the index is below the capacity; at a multiple of 8, as the
        // stride and the word's offset in it are.
        unsafe { self.u64_at(self.slot_offset(index) + self.shape().word()) }
    }

    /// Copies an element into a slot. For the end that owns the slot: a call by any other end corrupts the
    /// ring as far as a hostile peer can, and no further.
    #[inline(always)]
    fn write(&self, index: u64, item: &Item<Self>) {
        // SAFETY: the payload of one of the ring's slots, all of which are of this shape.
        unsafe { self.store_item(self.slot_offset(index), self.shape(), item) }
    }

    /// Copies an element out of a slot.
    #[inline(always)]
    fn read(&self, index: u64, place: &mut Place<Self>) {
        // SAFETY: as in `write`.
        unsafe { self.load_item(self.slot_offset(index), self.shape(), place) }
    }

    /// Passes a slot's payload to `f`, which writes it.
    #[inline(always)]
    fn with_slot_mut<R>(&self, index: u64, f: impl FnOnce(*mut u8) -> R) -> R {
        // SAFETY: the payload of one of the ring's slots. `f` is responsible for its use of the pointer.
        unsafe { self.with_mut(self.slot_offset(index), f) }
    }

    /// Passes a slot's payload to `f`, which reads it.
    #[inline(always)]
    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const u8) -> R) -> R {
        // SAFETY: as in `with_slot_mut`.
        unsafe { self.with(self.slot_offset(index), f) }
    }
}
