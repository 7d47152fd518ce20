//! Words and bytes at offsets.

use crate::platform::Platform;

/// The memory of one ring as its algorithm reaches it: by offsets from its start.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped), and over a model checker's objects by `loom-tests`.
///
/// # Safety
/// For an offset that the ring's table of words names, or that lies in one of its slots, each method gives the same word or the
/// same bytes every time, for as long as `self` lives. Nothing else overlaps them; an address has the alignment of its offset, up
/// to that of a cache line.
pub unsafe trait Access {
    /// The machine the words belong to.
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

    /// Gives the bytes at an offset to `f`, which writes them. The protocol keeps everybody else away from them meanwhile.
    ///
    /// # Safety
    /// The bytes from the offset on that `f` touches are a payload of the ring.
    unsafe fn with_mut<R>(&self, offset: usize, f: impl FnOnce(*mut u8) -> R) -> R;

    /// Gives the bytes at an offset to `f`, which reads them. The protocol keeps writers away from them meanwhile.
    ///
    /// # Safety
    /// As for [`with_mut`](Self::with_mut).
    unsafe fn with<R>(&self, offset: usize, f: impl FnOnce(*const u8) -> R) -> R;
}
