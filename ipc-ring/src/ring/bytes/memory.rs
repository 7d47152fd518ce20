//! What the algorithm needs of the memory that holds its words.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use crate::platform::{Barrier, Platform, Word};

/// The words and bytes of one bytes ring.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped) and over a model checker's objects by `loom-tests`.
/// An index is always `position & (capacity - 1)`, from a private position; that of a header is a multiple of 8. What writes is for the end
/// whose bytes they are: from anybody else it makes as much nonsense of the ring as a hostile peer can, and no more.
///
/// # Safety
/// The capacity is a power of two from 16 to [`MAX_CAPACITY`](super::header::MAX_CAPACITY) and never changes. `read`
/// fills every byte of `out`.
pub unsafe trait Memory {
    /// The machine the words belong to.
    type Platform: Platform;

    /// Bytes of the ring, from private memory.
    fn capacity(&self) -> u64;
    /// How sleepers and notifiers of this ring agree, from private memory.
    fn barrier(&self) -> Barrier;

    /// The word at an index, as a header.
    fn header(&self, index: u64) -> &<Self::Platform as Platform>::U64;
    /// Makes the word at an index say that nothing is there yet.
    #[inline(always)]
    fn clear(&self, index: u64) {
        self.header(index).store(0, Relaxed); // Before the header that makes it the next one, [B1].
    }
    /// Copies private bytes to an index, any one.
    ///
    /// # Panics
    /// When they do not fit before the end of the ring.
    fn write(&self, index: u64, bytes: &[u8]);
    /// Copies bytes from an index, any one.
    ///
    /// # Panics
    /// When there are not as many before the end of the ring.
    fn read(&self, index: u64, out: &mut [MaybeUninit<u8>]);

    /// Position below which all bytes may be written again; at most a quarter ring behind.
    fn head(&self) -> &<Self::Platform as Platform>::U64;
    /// The consumer's exact position.
    fn consumed(&self) -> &<Self::Platform as Platform>::U64;
    /// The position up to which the consumer is about to give bytes back, ahead of `consumed` from the look at the producer's
    /// signal until then. Looked at by a producer that is about to sleep.
    fn giving(&self) -> &<Self::Platform as Platform>::U64;
    /// The producer's position; never behind by more than the push under way.
    fn produced(&self) -> &<Self::Platform as Platform>::U64;
    /// The consumer's state, looked at by the producer on each push: see [`signal`](crate::wait::signal).
    fn consumer_signal(&self) -> &<Self::Platform as Platform>::U32;
    /// The producer's state, looked at by the consumer when it finds nothing and when it publishes the head.
    fn producer_signal(&self) -> &<Self::Platform as Platform>::U32;
    /// 1 while frames come as a stream: then the producer does not [take](Memory::take_room) lines for the next one.
    fn dense(&self) -> &<Self::Platform as Platform>::U32;
    /// How many frames were pushed.
    fn frames_pushed(&self) -> &<Self::Platform as Platform>::U64;
    /// How many frames were popped.
    fn frames_popped(&self) -> &<Self::Platform as Platform>::U64;
    /// How often the producer found no room.
    fn found_full(&self) -> &<Self::Platform as Platform>::U64;
    /// The largest number of waiting bytes the producer has seen, headers and paddings included.
    fn high_water(&self) -> &<Self::Platform as Platform>::U64;
    /// How often the consumer found the ring empty.
    fn found_empty(&self) -> &<Self::Platform as Platform>::U64;

    /// Asks for the lines the producer will write soon, the last record having had `record` bytes. A hint; models do
    /// nothing.
    #[inline(always)]
    fn prefetch_for_writing(&self, _next: u64, _record: u64) {}
    /// Asks for the lines of a record whose header is being polled, if it has `record` bytes as the last one had. A hint; models do
    /// nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64, _record: u64) {}
    /// How many bytes of such records a consumer that keeps catching up with the producer lets gather; 0 when it does not pay. A
    /// hint.
    #[inline(always)]
    fn run(&self, _record: u64) -> u64 {
        0
    }
    /// Takes the lines that end in these bytes for the consumer that has read them: writes to each a word that is there
    /// already. Only before they are given back.
    #[inline(always)]
    fn take_lines(&self, _index: u64, _len: u64) {}
    /// Whether the producer is to [take](Memory::take_room) the lines of its next record, when the last one had so many bytes.
    #[inline(always)]
    fn takes_room(&self, _record: u64) -> bool {
        false
    }
    /// Takes the lines that begin in these bytes for the producer, which will write them next: writes to each a word that is
    /// there already. Only bytes that are free.
    #[inline(always)]
    fn take_room(&self, _index: u64, _len: u64) {}
    /// Frames that weigh so much, popped one after the other, are a stream, whose lines the consumer [takes](Memory::take_lines).
    #[inline(always)]
    fn stream(&self) -> u64 {
        u64::MAX
    }
}
