//! Words and bytes at offsets.

use core::mem::MaybeUninit;

use super::shape::Shape;
use crate::platform::Platform;

/// The memory of one ring as its algorithm accesses it: by offsets from its start.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped), and over a model checker's objects by
/// `loom-tests`.
///
/// # Safety
/// For an offset that the ring's table of words names, or that is in one of its slots, each method returns
/// the same word or the same bytes every time, for as long as `self` lives. Nothing else overlaps them; they
/// are aligned to 8, and payloads to what their elements need. `load_item` and `load_bytes` fill all of the
/// place.
pub unsafe trait Access {
    /// The platform of the words.
    type Platform: Platform;

    /// The 64-bit word at an offset.
    ///
    /// # Safety
    /// The offset is a multiple of 8; the word is one of the ring's table, or of a slot of the ring.
    unsafe fn u64_at(&self, offset: usize) -> &<Self::Platform as Platform>::U64;

    /// The 32-bit word at an offset.
    ///
    /// # Safety
    /// The offset is a multiple of 4; the word is one of the ring's table.
    unsafe fn u32_at(&self, offset: usize) -> &<Self::Platform as Platform>::U32;

    /// Passes the bytes at an offset to `f`, which writes them. The protocol excludes all other accesses
    /// meanwhile.
    ///
    /// # Safety
    /// The bytes from the offset on that `f` touches are a payload of the ring.
    unsafe fn with_mut<R>(&self, offset: usize, f: impl FnOnce(*mut u8) -> R) -> R;

    /// Passes the bytes at an offset to `f`, which reads them. The protocol excludes writers meanwhile.
    ///
    /// # Safety
    /// As for [`with_mut`](Self::with_mut).
    unsafe fn with<R>(&self, offset: usize, f: impl FnOnce(*const u8) -> R) -> R;

    /// Copies an element into the memory, even if others access its bytes meanwhile.
    ///
    /// # Safety
    /// There is a payload of this shape at the offset.
    unsafe fn store_item<S: Shape>(&self, offset: usize, shape: S, item: &S::Item);

    /// Copies an element out of the memory. If others write it meanwhile, the result is arbitrary bytes.
    ///
    /// # Safety
    /// As for [`store_item`](Self::store_item).
    unsafe fn load_item<S: Shape>(&self, offset: usize, shape: S, place: &mut S::Place);

    /// Copies bytes into the memory, to any offset, even if others access them meanwhile.
    ///
    /// # Safety
    /// As many bytes from the offset on are payload.
    unsafe fn store_bytes(&self, offset: usize, bytes: &[u8]);

    /// Copies bytes out of the memory, from any offset. If others write them meanwhile, the result is
    /// arbitrary bytes.
    ///
    /// # Safety
    /// As for [`store_bytes`](Self::store_bytes).
    unsafe fn load_bytes(&self, offset: usize, out: &mut [MaybeUninit<u8>]);
}

/// Memory in which positions map to indices: the index is the position modulo the capacity.
///
/// # Safety
/// The capacity is a power of two, comes from private memory and never changes.
pub unsafe trait Ring: Access {
    /// The capacity minus one.
    fn mask(&self) -> u64;

    /// Number of slots, or of bytes, a power of two.
    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.mask() + 1
    }
}
