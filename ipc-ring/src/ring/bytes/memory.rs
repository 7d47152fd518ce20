//! What the algorithm needs of the memory that holds its words.

use core::sync::atomic::Ordering::Relaxed;

use super::words::Words;
use crate::memory::Records;
use crate::platform::{Barrier, Word};

/// The memory of one bytes ring: its [`Words`], its [`Records`], and hints about the processor's cache.
pub trait Memory: Words + Records {
    /// How sleepers and notifiers of this ring agree, from private memory.
    fn barrier(&self) -> Barrier;

    /// Makes the word at an index say that nothing is there yet.
    #[inline(always)]
    fn clear(&self, index: u64) {
        self.word(index).store(0, Relaxed); // Before the header that makes it the next one, [B1].
    }

    /// Asks for the lines the producer will write soon, the last record having had `record` bytes. A hint;
    /// models do nothing.
    #[inline(always)]
    fn prefetch_for_writing(&self, _next: u64, _record: u64) {}
    /// Asks for the lines of a record whose header is being polled, if it has `record` bytes as the last one
    /// had. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64, _record: u64) {}
    /// How many bytes of such records a consumer that keeps catching up with the producer lets gather; 0 when
    /// it does not pay. A hint.
    #[inline(always)]
    fn run(&self, _record: u64) -> u64 {
        0
    }
    /// Takes the lines that end in these bytes for the consumer that has read them: writes to each a word
    /// that is there already. Only before they are given back.
    #[inline(always)]
    fn take_lines(&self, _index: u64, _len: u64) {}
    /// Whether the producer is to [take](Memory::take_room) the lines of its next record, when the last one
    /// had so many bytes.
    #[inline(always)]
    fn takes_room(&self, _record: u64) -> bool {
        false
    }
    /// Takes the lines that begin in these bytes for the producer, which will write them next: writes to each
    /// a word that is there already. Only bytes that are free.
    #[inline(always)]
    fn take_room(&self, _index: u64, _len: u64) {}
    /// Frames that weigh so much, popped one after the other, are a stream, whose lines the consumer
    /// [takes](Memory::take_lines).
    #[inline(always)]
    fn stream(&self) -> u64 {
        u64::MAX
    }
}
