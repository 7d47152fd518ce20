//! What the algorithm needs of the memory that holds its words.

use crate::message::Message;
use crate::platform::{Barrier, Platform};

/// The words and slots of one spsc ring.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped) and over a model checker's objects by `loom-tests`.
/// An index is always `position & (capacity - 1)`, from a private position.
///
/// # Safety
/// The capacity is a power of two and never changes. For every index below it, `with_slot` and `with_slot_mut` give a
/// pointer to the same `size_of::<Item>()` bytes of that slot, mapped as long as `self`, aligned to 8 and to the
/// element, and overlapping nothing else.
pub unsafe trait Memory {
    /// The machine the words belong to.
    type Platform: Platform;
    /// The element.
    type Item: Message;

    /// Number of slots, a power of two, from private memory.
    fn capacity(&self) -> u64;
    /// How sleepers and notifiers of this ring agree, from private memory.
    fn barrier(&self) -> Barrier;

    /// A slot's sequence word: `position + 1` once the slot holds the element of that position.
    fn sequence(&self, index: u64) -> &<Self::Platform as Platform>::U64;
    /// Gives the slot's payload to `f`, for writing.
    fn with_slot_mut<R>(&self, index: u64, f: impl FnOnce(*mut Self::Item) -> R) -> R;
    /// Gives the slot's payload to `f`, for reading.
    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const Self::Item) -> R) -> R;

    /// Position below which all slots may be written again; at most a quarter ring behind.
    fn head(&self) -> &<Self::Platform as Platform>::U64;
    /// The consumer's exact position.
    fn consumed(&self) -> &<Self::Platform as Platform>::U64;
    /// The position up to which the consumer is about to give slots back, ahead of `consumed` from the look at the producer's
    /// signal until then. Looked at by a producer that is about to sleep.
    fn giving(&self) -> &<Self::Platform as Platform>::U64;
    /// The consumer's state, looked at by the producer on each push: see [`signal`](crate::wait::signal).
    fn consumer_signal(&self) -> &<Self::Platform as Platform>::U32;
    /// The producer's state, looked at by the consumer when it finds nothing and when it publishes the head.
    fn producer_signal(&self) -> &<Self::Platform as Platform>::U32;
    /// 1 while the consumer keeps finding messages waiting: then the producer neither pushes lines out of its cache nor
    /// [takes](Memory::take_payload) those of the next message.
    fn dense(&self) -> &<Self::Platform as Platform>::U32;
    /// How often the producer found the ring full.
    fn found_full(&self) -> &<Self::Platform as Platform>::U64;
    /// The largest number of waiting messages the producer has seen.
    fn high_water(&self) -> &<Self::Platform as Platform>::U64;
    /// How often the consumer found the ring empty.
    fn found_empty(&self) -> &<Self::Platform as Platform>::U64;

    /// Whether the hints below bring anything on this machine. Otherwise none of them is given.
    #[inline(always)]
    fn hints(&self) -> bool {
        false
    }
    /// Asks for the lines the producer will write soon. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_for_writing(&self, _next: u64) {}
    /// Asks for the lines the consumer will read soon. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_for_reading(&self, _next: u64) {}
    /// Asks for the payload of a slot whose word is being polled. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64) {}
    /// Whether [`demote`](Memory::demote) does anything for this ring.
    #[inline(always)]
    fn demotes(&self) -> bool {
        false
    }
    /// Pushes a written slot towards the cache both sides share. A hint; models do nothing.
    #[inline(always)]
    fn demote(&self, _index: u64) {}
    /// How many slots, this one and those after it, end in the same line; at least 1. None is beyond the last slot.
    #[inline(always)]
    fn end_together(&self, _index: u64) -> u64 {
        1
    }
    /// Takes the lines that end in this slot for the consumer that has read them: writes to each a word that is there
    /// already. Only before the slot is given back.
    #[inline(always)]
    fn take_lines(&self, _index: u64) {}
    /// Takes the lines that begin in this slot's payload for the producer, which will write them next: writes to each a word that
    /// is there already. Not when traffic is dense, and only if the slot is free.
    #[inline(always)]
    fn take_payload(&self, _index: u64, _is_free: impl FnOnce() -> bool) {}
    /// So many elements popped one after the other are a stream, whose lines the consumer [takes](Memory::take_lines).
    #[inline(always)]
    fn stream(&self) -> u64 {
        u64::MAX
    }
    /// How many slots ahead a consumer looks to know that it is behind.
    #[inline(always)]
    fn look_ahead(&self) -> u64 {
        1
    }
    /// How many elements a consumer that keeps catching up with the producer lets gather; 0 when it does not pay. A hint.
    #[inline(always)]
    fn run(&self) -> u64 {
        0
    }
}
