//! What the algorithm needs of the memory that holds the messages.

use core::mem::MaybeUninit;

use super::words::Words;
use crate::message::Message;
use crate::platform::Platform;

/// The slots of one broadcast ring of fixed-size messages.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped) and over a model checker's objects by `loom-tests`.
/// An index is always `position & (capacity - 1)`, from a private position.
///
/// # Safety
/// `read` writes every byte of the place. For every index below the capacity `with_slot` gives a pointer to the same
/// `size_of::<Item>()` bytes of that slot, mapped as long as `self` and aligned to 8 and to the element.
pub unsafe trait Memory {
    /// The machine the words belong to.
    type Platform: Platform;
    /// The words in front of the slots.
    type Words: Words<Platform = Self::Platform>;
    /// The element.
    type Item: Message;

    /// The words in front of the slots.
    fn words(&self) -> &Self::Words;
    /// A slot's sequence word: `position + 1` once the slot holds the message of that position.
    fn sequence(&self, index: u64) -> &<Self::Platform as Platform>::U64;
    /// Copies a message into a slot. Others may be reading it.
    fn write(&self, index: u64, item: &Self::Item);
    /// Copies a message out of a slot. The publisher may be writing it; then the copy is some bytes.
    fn read(&self, index: u64, place: &mut MaybeUninit<Self::Item>);
    /// Gives the slot's payload to `f`, for reading.
    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const Self::Item) -> R) -> R;

    /// Asks for the lines the publisher will write soon. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_for_writing(&self, _next: u64) {}
    /// Asks for the payload of a slot whose word is being polled. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64) {}
}
