//! What the algorithm needs of the memory that holds its words.

use core::mem::MaybeUninit;

use crate::message::Message;
use crate::platform::Platform;

/// The words and slots of one table of latest values.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped) and over a model checker's objects by `loom-tests`. A key
/// is always below [`keys`](Memory::keys), a slot below [`slots`](Memory::slots), an index below
/// [`journal`](Memory::journal).
///
/// # Safety
/// The three numbers never change, and the last two are powers of two (`journal` may be 0). `read` writes every byte of
/// `value`, whatever it returns and whoever writes the slot meanwhile.
pub unsafe trait Memory {
    /// The machine the words belong to.
    type Platform: Platform;
    /// The value.
    type Item: Message;

    /// Number of keys, from private memory.
    fn keys(&self) -> u32;
    /// Slots of each key, a power of two, at least 2; from private memory.
    fn slots(&self) -> u64;
    /// Entries of the journal, a power of two; 0 when there is one key, whose journal would say nothing.
    fn journal(&self) -> u64;

    /// A slot's word.
    fn word(&self, key: u32, slot: u64) -> &<Self::Platform as Platform>::U64;
    /// Writes a slot's time and value. Others may be reading them.
    fn write(&self, key: u32, slot: u64, time_ns: u64, value: &Self::Item);
    /// Copies a slot's value out and gives its time. Others may be writing them: then what comes is a mixture.
    fn read(&self, key: u32, slot: u64, value: &mut MaybeUninit<Self::Item>) -> u64;

    /// An entry of the journal.
    fn entry(&self, index: u64) -> &<Self::Platform as Platform>::U64;
    /// The number of the newest entry, or of one before.
    fn changes(&self) -> &<Self::Platform as Platform>::U64;
}
