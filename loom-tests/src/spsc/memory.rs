//! An spsc ring made of loom's objects.

use std::rc::Rc;

use ipc_ring::platform::{Barrier, Platform, Word};
use ipc_ring::ring::spsc::Memory;
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::Relaxed;

use crate::{Loom, Word32, Word64, mutation, reached};

/// A mistake: the consumer does not store its exact position.
pub const NOT_CONSUMED: &str = "the exact position is never stored";
/// A mistake: the consumer does not say what it is about to give back.
pub const NOT_SAID: &str = "what is about to be given back is not said";
/// A mistake: the consumer does not publish the head.
pub const NO_HEAD: &str = "the head is never stored";

/// A mistake: the consumer takes the lines it has read after it has given their slots back.
pub const TAKEN_LATE: &str =
    "the lines that have been read are taken when their slots are given back already";

/// A mistake: the producer takes the lines of a slot that holds an element.
pub const TAKEN_EARLY: &str = "the lines of the next slot are taken though it is not known to be free";

/// A ring on the heap; clones share it.
#[derive(Clone, Debug)]
pub struct Heap(Rc<Words>);

#[derive(Debug)]
struct Words {
    barrier: Barrier,
    /// Slots in a line; 0 when none is ever taken.
    line: u64,
    slots: Vec<Slot>,
    head: Word64,
    consumed: Word64,
    giving: Word64,
    consumer_signal: Word32,
    producer_signal: Word32,
    // Nothing depends on these.
    found_full: Word64,
    high_water: Word64,
    found_empty: Word64,
    dense: Word32,
}

#[derive(Debug)]
struct Slot {
    sequence: Word64,
    /// Loom reports two threads here at a time, and one that comes without having synchronised with the other.
    payload: UnsafeCell<u64>,
}

impl Heap {
    /// An empty ring.
    #[must_use]
    pub fn new(capacity: usize, barrier: Barrier) -> Self {
        Self::with_lines(capacity, barrier, 0)
    }

    /// An empty ring with so many slots to a line, which a consumer takes when it has popped them one after the other.
    #[must_use]
    pub fn with_lines(capacity: usize, barrier: Barrier, line: u64) -> Self {
        assert!(capacity.is_power_of_two());
        let slot = || Slot { sequence: Word64::contended(0), payload: UnsafeCell::new(0) };
        Self(Rc::new(Words {
            barrier,
            line,
            slots: (0..capacity).map(|_| slot()).collect(),
            head: if mutation::logic(NO_HEAD) { Word64::Deaf(0) } else { Word64::checked(0) },
            consumed: if mutation::logic(NOT_CONSUMED) { Word64::Deaf(0) } else { Word64::contended(0) },
            giving: if mutation::logic(NOT_SAID) { Word64::Deaf(0) } else { Word64::contended(0) },
            consumer_signal: Word32::contended(0),
            producer_signal: Word32::contended(0),
            found_full: Word64::plain(0),
            high_water: Word64::plain(0),
            found_empty: Word64::plain(0),
            dense: Word32::plain(0),
        }))
    }

    fn slot(&self, index: u64) -> &Slot {
        &self.0.slots[usize::try_from(index).expect("an index below the capacity")]
    }
}

// SAFETY: the capacity is the length of a vector that never changes, checked to be a power of two; each slot's payload
// is its own u64, aligned to 8 and alive as long as the last clone.
unsafe impl Memory for Heap {
    type Platform = Loom;
    type Item = u64;

    fn capacity(&self) -> u64 {
        self.0.slots.len() as u64
    }

    fn barrier(&self) -> Barrier {
        self.0.barrier
    }

    fn sequence(&self, index: u64) -> &<Loom as Platform>::U64 {
        &self.slot(index).sequence
    }

    fn with_slot_mut<R>(&self, index: u64, f: impl FnOnce(*mut u64) -> R) -> R {
        self.slot(index).payload.with_mut(f)
    }

    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const u64) -> R) -> R {
        self.slot(index).payload.with(f)
    }

    fn head(&self) -> &Word64 {
        &self.0.head
    }

    fn consumed(&self) -> &Word64 {
        &self.0.consumed
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
        if self.0.line > 0 { 1 } else { u64::MAX }
    }

    fn end_together(&self, index: u64) -> u64 {
        let count = self.0.line - index % self.0.line;
        if count > 1 {
            reached("a line looked at whole");
        }
        count
    }

    fn take_payload(&self, index: u64, is_free: impl FnOnce() -> bool) {
        if is_free() || mutation::logic(TAKEN_EARLY) {
            reached("a payload taken ahead");
            self.slot(index).payload.with_mut(|_| ()); // Writes what is there.
        }
    }

    fn take_lines(&self, index: u64) {
        reached("a line taken");
        // Late is when the line before was to be taken.
        let before = (index + self.capacity() - self.0.line) % self.capacity();
        let slot = self.slot(if mutation::logic(TAKEN_LATE) { before } else { index });
        slot.payload.with_mut(|_| ()); // Writes what is there.
        slot.sequence.store(slot.sequence.load(Relaxed), Relaxed);
    }
}
