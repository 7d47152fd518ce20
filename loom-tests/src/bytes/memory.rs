//! A bytes ring made of loom's objects.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::platform::{Barrier, Platform, Word};
use ipc_ring::ring::bytes::Memory;
use loom::cell::UnsafeCell;

use crate::{Loom, Word32, Word64, mutation, reached};

/// A mistake: what lies where the next header will be stays there.
pub const NOT_CLEARED: &str = "the next header is not cleared";
/// A mistake: it is cleared when the record before it is visible already.
pub const CLEARED_LATE: &str = "the next header is cleared after the publication";
/// A mistake: the consumer does not store its exact position.
pub const NOT_CONSUMED: &str = "the exact position is never stored (bytes)";
/// A mistake: the consumer does not say what it is about to give back.
pub const NOT_SAID: &str = "what is about to be given back is not said (bytes)";
/// A mistake: the consumer does not publish the head.
pub const NO_HEAD: &str = "the head is never stored (bytes)";

/// A mistake: the consumer takes the lines it has read after it has given them back.
pub const TAKEN_LATE: &str =
    "the lines that have been read are taken when they are given back already (bytes)";
/// A mistake: the producer takes lines of which it does not know that they are free.
pub const TAKEN_EARLY: &str = "the lines of the next record are taken though they are not known to be free";

/// Bytes of a line.
const LINE: u64 = 16;

/// A ring on the heap; clones share it.
#[derive(Clone, Debug)]
pub struct Heap(Rc<Words>);

#[derive(Debug)]
struct Words {
    barrier: Barrier,
    units: Vec<Unit>,
    /// The index to be cleared late, in that mistake.
    late: Cell<Option<u64>>,
    /// The index of a word of a line to be taken late, in that mistake.
    taken_late: Cell<Option<u64>>,
    /// Frames weighing so much are a stream.
    stream: u64,
    head: Word64,
    consumed: Word64,
    giving: Word64,
    consumer_signal: Word32,
    producer_signal: Word32,
    // Nothing depends on these.
    produced: Word64,
    frames_pushed: Word64,
    frames_popped: Word64,
    found_full: Word64,
    high_water: Word64,
    found_empty: Word64,
    dense: Word32,
}

/// Eight bytes of the ring: a header in one lap, payload in another.
#[derive(Debug)]
struct Unit {
    word: Word64,
    /// Touched with each payload access: loom reports two threads here at a time, and one that comes without having
    /// synchronised with the other.
    payload: UnsafeCell<()>,
}

impl Heap {
    /// An empty ring of so many bytes.
    #[must_use]
    pub fn new(capacity: u64, barrier: Barrier) -> Self {
        Self::with_stream(capacity, barrier, u64::MAX)
    }

    /// An empty ring of so many bytes, whose consumer takes frames that weigh so much for a stream.
    #[must_use]
    pub fn with_stream(capacity: u64, barrier: Barrier, stream: u64) -> Self {
        assert!(capacity.is_power_of_two() && capacity >= 16);
        let unit = || Unit { word: Word64::contended(0), payload: UnsafeCell::new(()) };
        Self(Rc::new(Words {
            barrier,
            units: (0..capacity / 8).map(|_| unit()).collect(),
            late: Cell::new(None),
            taken_late: Cell::new(None),
            stream,
            head: if mutation::logic(NO_HEAD) { Word64::Deaf(0) } else { Word64::checked(0) },
            consumed: if mutation::logic(NOT_CONSUMED) { Word64::Deaf(0) } else { Word64::contended(0) },
            giving: if mutation::logic(NOT_SAID) { Word64::Deaf(0) } else { Word64::contended(0) },
            consumer_signal: Word32::contended(0),
            producer_signal: Word32::contended(0),
            produced: Word64::plain(0),
            frames_pushed: Word64::plain(0),
            frames_popped: Word64::plain(0),
            found_full: Word64::plain(0),
            high_water: Word64::plain(0),
            found_empty: Word64::plain(0),
            dense: Word32::plain(0),
        }))
    }

    fn unit(&self, index: u64) -> &Unit {
        &self.0.units[usize::try_from(index / 8).expect("an index inside the ring")]
    }

    /// Writes to a word what is there.
    fn rewrite(&self, index: u64) {
        let unit = self.unit(index);
        unit.payload.with_mut(|_| unit.word.store(unit.word.load(Relaxed), Relaxed));
    }
}

// SAFETY: the capacity is the length of a vector that never changes, checked to be a power of two; `read` fills `out`.
unsafe impl Memory for Heap {
    type Platform = Loom;

    fn capacity(&self) -> u64 {
        8 * self.0.units.len() as u64
    }

    fn barrier(&self) -> Barrier {
        self.0.barrier
    }

    fn header(&self, index: u64) -> &<Loom as Platform>::U64 {
        assert_eq!(index % 8, 0, "headers are aligned");
        &self.unit(index).word
    }

    fn clear(&self, index: u64) {
        if mutation::logic(CLEARED_LATE) {
            self.0.late.set(Some(index));
        } else if !mutation::logic(NOT_CLEARED) {
            self.header(index).store(0, Relaxed);
        }
    }

    fn write(&self, index: u64, bytes: &[u8]) {
        assert_eq!((index % 8, bytes.len() % 8), (0, 0), "models move whole words");
        for (at, word) in bytes.chunks(8).enumerate() {
            let unit = self.unit(index + 8 * at as u64);
            let word = u64::from_ne_bytes(word.try_into().expect("eight bytes"));
            unit.payload.with_mut(|_| unit.word.store(word, Relaxed));
        }
    }

    fn read(&self, index: u64, out: &mut [MaybeUninit<u8>]) {
        assert_eq!((index % 8, out.len() % 8), (0, 0), "models move whole words");
        for (at, bytes) in out.chunks_mut(8).enumerate() {
            let unit = self.unit(index + 8 * at as u64);
            let word = unit.payload.with(|_| unit.word.load(Relaxed));
            for (place, byte) in bytes.iter_mut().zip(word.to_ne_bytes()) {
                place.write(byte);
            }
        }
    }

    fn head(&self) -> &Word64 {
        &self.0.head
    }

    fn consumed(&self) -> &Word64 {
        &self.0.consumed
    }

    fn produced(&self) -> &Word64 {
        // The first thing after a publication.
        if let Some(index) = self.0.late.take() {
            self.header(index).store(0, Relaxed);
        }
        &self.0.produced
    }

    fn giving(&self) -> &Word64 {
        &self.0.giving
    }

    fn consumer_signal(&self) -> &Word32 {
        &self.0.consumer_signal
    }

    fn producer_signal(&self) -> &Word32 {
        &self.0.producer_signal
    }

    fn dense(&self) -> &Word32 {
        &self.0.dense
    }

    fn frames_pushed(&self) -> &Word64 {
        &self.0.frames_pushed
    }

    fn frames_popped(&self) -> &Word64 {
        // The first thing after the bytes are given back.
        if let Some(index) = self.0.taken_late.take() {
            self.rewrite(index);
        }
        &self.0.frames_popped
    }

    fn found_full(&self) -> &Word64 {
        &self.0.found_full
    }

    fn high_water(&self) -> &Word64 {
        &self.0.high_water
    }

    fn found_empty(&self) -> &Word64 {
        &self.0.found_empty
    }

    fn stream(&self) -> u64 {
        self.0.stream
    }

    fn take_lines(&self, index: u64, len: u64) {
        for last in (index..index + len).step_by(8).filter(|at| (at + 8) % LINE == 0) {
            reached("a line taken");
            if mutation::logic(TAKEN_LATE) {
                self.0.taken_late.set(Some(last));
            } else {
                self.rewrite(last);
            }
        }
    }

    fn takes_room(&self, _record: u64) -> bool {
        true
    }

    fn take_room(&self, index: u64, len: u64) {
        let early = if mutation::logic(TAKEN_EARLY) { LINE } else { 0 };
        let end = (index + len + early).min(self.capacity());
        for first in (index..end).step_by(8).filter(|at| at % LINE == 0) {
            reached("room taken ahead");
            self.rewrite(first);
        }
    }
}
