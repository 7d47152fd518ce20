//! What the algorithm requires of the memory that holds its words.

use core::sync::atomic::Ordering::Relaxed;

use super::words::Words;
use crate::memory::Records;
use crate::platform::{Barrier, Word};

/// The memory of one bytes ring: its [`Words`], its [`Records`], and hints about the processor's cache.
pub trait Memory: Words + Records {
    /// The barrier scheme of this ring's sleepers and notifiers, from private memory.
    fn barrier(&self) -> Barrier;

    /// Clears the word at an index: no record is published there.
    #[inline(always)]
    fn clear(&self, index: u64) {
        self.word(index).store(0, Relaxed); // Before the header that makes this the next one, [B1].
    }

    /// The producer's cache hints after a publication: prefetch the lines that it will write soon, and in
    /// sparse traffic push the record towards the cache that both sides share. `next` is the index after the
    /// record, which had `record` bytes. A hint; models do nothing.
    #[inline(always)]
    fn hint_published(&self, _next: u64, _record: u64) {}
    /// Prefetches the lines of a record whose header is being polled, assuming `record` bytes, as the last
    /// one had. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64, _record: u64) {}
    /// As [`prefetch_polled`](Memory::prefetch_polled), at each of the cheap checks between two complete
    /// polls.
    #[inline(always)]
    fn prefetch_awaited(&self, _index: u64, _record: u64) {}
    /// Whether the consumer of a stream of records of this many bytes [prefetches](Memory::prefetch_ready)
    /// lines that are ready.
    #[inline(always)]
    fn reads_ahead(&self, _record: u64) -> bool {
        false
    }
    /// Prefetches the line at an index for reading. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_ready(&self, _index: u64) {}
    /// How many bytes of such records a consumer that keeps catching up with the producer waits for as a
    /// batch; 0 when that does not pay. A hint.
    #[inline(always)]
    fn batch_len(&self, _record: u64) -> u64 {
        0
    }
    /// Whether the consumer of a stream [acquires](Memory::acquire_read) the lines that it has read.
    #[inline(always)]
    fn acquires_read(&self) -> bool {
        true
    }
    /// Whether the producer of records of this many bytes asks whether there is a stream.
    #[inline(always)]
    fn is_dense_of_use(&self, _record: u64) -> bool {
        true
    }
    /// Acquires ownership of the lines that end in these bytes for the consumer that has read them, by
    /// storing to each a word that it already holds. Only before the bytes are released.
    #[inline(always)]
    fn acquire_read(&self, _index: u64, _len: u64) {}
    /// Whether the producer is to [acquire](Memory::acquire_next) the lines of its next record, if the last
    /// one had this many bytes.
    #[inline(always)]
    fn acquires_next(&self, _record: u64) -> bool {
        false
    }
    /// Acquires ownership of the lines that begin in these bytes for the producer, which will write them
    /// next, by storing to each a word that it already holds. Only for free bytes.
    #[inline(always)]
    fn acquire_next(&self, _index: u64, _len: u64) {}
    /// Frames of this total weight, popped one after the other, are a stream.
    #[inline(always)]
    fn stream(&self) -> u64 {
        u64::MAX
    }
}
