//! What the algorithm requires of the memory that holds its words.

use core::sync::atomic::Ordering::Relaxed;

use super::words::{CELLS_OFFSET, ENTRIES, JOURNAL, KEY_SLEEPERS, MASKS, Words};
use crate::layout::LINE;
use crate::memory::Shape;
use crate::platform::{Platform, Word as _};

/// Bytes from the start of a slot, which is its word, to its time.
const TIME: usize = 8;

/// Bytes from the start of a slot to its value, which follows the word and the time.
#[inline(always)]
const fn payload(align: usize) -> usize {
    if align > 16 { align } else { 16 }
}

/// Bytes from one slot to the next. A slot that fits into a cache line lies within one.
#[inline(always)]
pub(super) const fn stride(size: usize, align: usize) -> usize {
    let bytes = payload(align) + size;
    if bytes <= LINE / 2 { LINE / 2 } else { bytes.next_multiple_of(LINE) }
}

/// The memory of one table of latest values: its [`Words`], its journal and its cells.
///
/// A key is always below [`keys`](Memory::keys), a slot below [`slots`](Memory::slots), an index below
/// [`journal`](Memory::journal).
///
/// # Safety
/// The three numbers and the shape never change, and the last two numbers are powers of two (`journal` may be
/// 0). The memory holds as many cells and entries.
pub unsafe trait Memory: Words {
    /// The layout of a value in its slot.
    type Shape: Shape;

    /// The layout of a value in its slot, from private memory.
    fn shape(&self) -> Self::Shape;
    /// Number of keys, from private memory.
    fn keys(&self) -> u32;
    /// Slots of each key, a power of two, at least 2; from private memory.
    fn slots(&self) -> u64;
    /// Entries of the journal, a power of two; 0 if there is one key, for which a journal is useless.
    fn journal(&self) -> u64;

    /// The offset of a slot.
    #[inline(always)]
    fn slot_offset(&self, key: u32, slot: u64) -> usize {
        debug_assert!(key < self.keys() && slot < self.slots());
        let stride = stride(self.shape().size(), self.shape().align());
        CELLS_OFFSET + key as usize * (self.slots() as usize * stride) + slot as usize * stride
    }

    /// A slot's word.
    #[inline(always)]
    fn word(&self, key: u32, slot: u64) -> &<Self::Platform as Platform>::U64 {
        // SAFETY: the first word of one of the slots; strides are multiples of 32.
        unsafe { self.u64_at(self.slot_offset(key, slot)) }
    }

    /// Writes a slot's time and value. Others may be reading them.
    #[inline(always)]
    fn write(&self, key: u32, slot: u64, time_ns: u64, value: &<Self::Shape as Shape>::Item) {
        let slot = self.slot_offset(key, slot);
        // SAFETY: the second word of one of the slots.
        let time = unsafe { self.u64_at(slot + TIME) };
        time.store(time_ns, Relaxed); // Between the busy word and the ready one.
        let payload = slot + payload(self.shape().align());
        // SAFETY: the payload of one of the slots, at a multiple of its alignment, as the strides are
        // multiples of 32 or 64.
        unsafe { self.store_item(payload, self.shape(), value) }
    }

    /// Copies a slot's value out and returns its time. Others may be writing them: then the result is a
    /// mixture.
    #[inline(always)]
    fn read(&self, key: u32, slot: u64, value: &mut <Self::Shape as Shape>::Place) -> u64 {
        let slot = self.slot_offset(key, slot);
        let payload = slot + payload(self.shape().align());
        // SAFETY: as in `write`.
        unsafe { self.load_item(payload, self.shape(), value) };
        // SAFETY: as in `write`.
        let time = unsafe { self.u64_at(slot + TIME) };
        time.load(Relaxed) // Before the second load of the word.
    }

    /// The mask of readers that sleep until this key changes, or another one that shares the mask.
    #[inline(always)]
    fn key_sleepers(&self, key: u32) -> &<Self::Platform as Platform>::U64 {
        // SAFETY: one of the words of `key_sleepers`, of which there are `MASKS`.
        unsafe { self.u64_at(KEY_SLEEPERS + (key % MASKS) as usize * 8) }
    }

    /// An entry of the journal.
    #[inline(always)]
    fn entry(&self, index: u64) -> &<Self::Platform as Platform>::U64 {
        debug_assert!(index < ENTRIES);
        // SAFETY: one of the words of `journal`.
        unsafe { self.u64_at(JOURNAL + index as usize * 8) }
    }
}
