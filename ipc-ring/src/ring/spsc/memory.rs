//! What the algorithm needs of the memory that holds its words.

use super::words::Words;
use crate::memory::Slots;
use crate::platform::Barrier;

/// The memory of one spsc ring: its [`Words`], its [`Slots`], and hints about the processor's cache.
///
/// A slot's word is `position + 1` once the slot holds the element of that position.
pub trait Memory: Words + Slots {
    /// How sleepers and notifiers of this ring agree, from private memory.
    fn barrier(&self) -> Barrier;

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
    /// How many slots, this one and those after it, end in the same line; at least 1. None is beyond the last
    /// slot.
    #[inline(always)]
    fn end_together(&self, _index: u64) -> u64 {
        1
    }
    /// Takes the lines that end in this slot for the consumer that has read them: writes to each a word that
    /// is there already. Only before the slot is given back.
    #[inline(always)]
    fn take_lines(&self, _index: u64) {}
    /// Takes the lines that begin in this slot's payload for the producer, which will write them next: writes
    /// to each a word that is there already. Not when traffic is dense, and only if the slot is free.
    #[inline(always)]
    fn take_payload(&self, _index: u64, _is_free: impl FnOnce() -> bool) {}
    /// So many elements popped one after the other are a stream, whose lines the consumer
    /// [takes](Memory::take_lines).
    #[inline(always)]
    fn stream(&self) -> u64 {
        u64::MAX
    }
    /// How many slots ahead a consumer looks to know that it is behind.
    #[inline(always)]
    fn look_ahead(&self) -> u64 {
        1
    }
    /// How many elements a consumer that keeps catching up with the producer lets gather; 0 when it does not
    /// pay. A hint.
    #[inline(always)]
    fn run(&self) -> u64 {
        0
    }
}
