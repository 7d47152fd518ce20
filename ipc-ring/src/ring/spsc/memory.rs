//! What the algorithm requires of the memory that holds its words.

use super::words::Words;
use crate::memory::Slots;
use crate::platform::Barrier;

/// The memory of one spsc ring: its [`Words`], its [`Slots`], and hints about the processor's cache.
///
/// A slot's word is `position + 1` once the slot holds the element of that position.
pub trait Memory: Words + Slots {
    /// The barrier scheme of this ring's sleepers and notifiers, from private memory.
    fn barrier(&self) -> Barrier;

    /// Whether the consumer checks further ahead, by [`look_ahead`](Memory::look_ahead), while messages
    /// arrive one after the other, and prefetches the lines ahead of those it knows to be ready.
    #[inline(always)]
    fn asks_ahead(&self) -> bool {
        false
    }
    /// The producer's cache hints after a publication: prefetch the lines that it will write soon, and in
    /// sparse traffic push the slot of this index towards the cache that both sides share. `next` is the next
    /// position. A hint; models do nothing.
    #[inline(always)]
    fn hint_published(&self, _index: u64, _next: u64) {}
    /// Prefetches the lines the consumer will read soon, where that is of use; `next` is the next position. A
    /// hint; models do nothing.
    #[inline(always)]
    fn prefetch_for_reading(&self, _next: u64) {}
    /// Prefetches the payload of a slot whose word is being polled. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64) {}
    /// Whether the producer uses the `dense` word, which says that messages arrive one after the other.
    #[inline(always)]
    fn is_dense_of_use(&self) -> bool {
        true
    }
    /// Whether the consumer of a stream [acquires](Memory::acquire_read) the lines that it has read.
    #[inline(always)]
    fn acquires_read(&self) -> bool {
        true
    }
    /// How many slots, this one and those after it, end in the same line; at least 1. None is beyond the last
    /// slot.
    #[inline(always)]
    fn end_together(&self, _index: u64) -> u64 {
        1
    }
    /// Acquires ownership of the lines that end in this slot for the consumer that has read them, by storing
    /// to each a word that it already holds. Only before the slot is released.
    #[inline(always)]
    fn acquire_read(&self, _index: u64) {}
    /// Acquires ownership of the lines that begin in this slot's payload for the producer, which will write
    /// them next, by storing to each a word that it already holds. Not when traffic is dense, and only if the
    /// slot is free.
    #[inline(always)]
    fn acquire_next(&self, _index: u64, _is_free: impl FnOnce() -> bool) {}
    /// This number of elements popped one after the other is a stream.
    #[inline(always)]
    fn stream(&self) -> u64 {
        u64::MAX
    }
    /// How many elements a consumer that checks ahead knows to be ready when the last of them is.
    #[inline(always)]
    fn look_ahead(&self) -> u64 {
        1
    }
    /// How many elements a consumer that keeps catching up with the producer waits for as a batch; 0 when
    /// that does not pay. A hint.
    #[inline(always)]
    fn batch_len(&self) -> u64 {
        0
    }
}
