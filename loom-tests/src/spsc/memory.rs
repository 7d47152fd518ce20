//! An spsc ring made of loom's objects.

use std::rc::Rc;

use ipc_ring::platform::{Barrier, Platform};
use ipc_ring::ring::spsc::Memory;
use loom::cell::UnsafeCell;

use crate::{Loom, Word32, Word64, mutation};

/// A mistake: the consumer does not store its exact position.
pub const NOT_CONSUMED: &str = "the exact position is never stored";
/// A mistake: the consumer does not publish the head.
pub const NO_HEAD: &str = "the head is never stored";

/// A ring on the heap; clones share it.
#[derive(Clone, Debug)]
pub struct Heap(Rc<Words>);

#[derive(Debug)]
struct Words {
    barrier: Barrier,
    slots: Vec<Slot>,
    head: Word64,
    consumed: Word64,
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
        assert!(capacity.is_power_of_two());
        let slot = || Slot { sequence: Word64::contended(0), payload: UnsafeCell::new(0) };
        Self(Rc::new(Words {
            barrier,
            slots: (0..capacity).map(|_| slot()).collect(),
            head: if mutation::logic(NO_HEAD) { Word64::Deaf(0) } else { Word64::checked(0) },
            consumed: if mutation::logic(NOT_CONSUMED) { Word64::Deaf(0) } else { Word64::contended(0) },
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
}
