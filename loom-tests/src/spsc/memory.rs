//! An spsc ring made of loom's types.

use ipc_ring::memory::{Of, Ring, Shape as _, Slots};
use ipc_ring::platform::{Barrier, Word};
use ipc_ring::ring::spsc::{FIELDS, Mapped, Memory, Words};
use loom::sync::atomic::Ordering::Relaxed;

use crate::memory::{self, Objects};
use crate::pair::{
    self, CLOSED_BELIEVED, CLOSED_MEANS_REFUSED, NO_SECOND_LOOK, ROOM_AWAITED_ASLEEP, Role, Signals,
};
use crate::{Word32, Word64, mutation, phase, reached};

/// A mistake: the consumer does not store its exact position.
pub const NOT_CONSUMED: &str = "the exact position is never stored";
/// A mistake: the consumer does not store in `giving` what it is about to release.
pub const NOT_SAID: &str = "what is about to be given back is not said";
/// A mistake: the consumer does not publish the head.
pub const NO_HEAD: &str = "the head is never stored";

/// A mistake: the consumer acquires the lines it has read after it has released their slots.
pub const TAKEN_LATE: &str =
    "the lines that have been read are taken when their slots are given back already";

/// A mistake: the producer acquires the lines of a slot that holds an element.
pub const TAKEN_EARLY: &str = "the lines of the next slot are taken though it is not known to be free";

/// A ring on the heap; clones share it.
pub type Heap = memory::Heap<Private>;

/// What each side knows of the ring.
#[derive(Clone, Copy, Debug)]
pub struct Private {
    mask: u64,
    barrier: Barrier,
    /// Slots in a line; 0 if no line is ever acquired.
    line: u64,
    /// Whether payloads are read while they are written.
    tapped: bool,
    /// The number of elements known from one check; 0 when each is checked.
    ahead: u64,
}

impl Heap {
    /// An empty ring.
    #[must_use]
    pub fn new(capacity: usize, barrier: Barrier) -> Self {
        Self::with_lines(capacity, barrier, 0)
    }

    /// An empty ring whose consumer checks this number of elements ahead when they arrive one after the
    /// other.
    #[must_use]
    pub fn looking_ahead(capacity: usize, barrier: Barrier, ahead: u64) -> Self {
        Self::of(capacity, Private { mask: capacity as u64 - 1, barrier, line: 0, ahead, tapped: false })
    }

    /// An empty ring with this number of slots to a line; a consumer acquires a line when it has popped its
    /// slots one after the other.
    #[must_use]
    pub fn with_lines(capacity: usize, barrier: Barrier, line: u64) -> Self {
        Self::of(capacity, Private { mask: capacity as u64 - 1, barrier, line, ahead: 0, tapped: false })
    }

    fn of(capacity: usize, ring: Private) -> Self {
        assert!(capacity.is_power_of_two());
        let shape = Of::<u64>::new();
        Objects::of(&[FIELDS])
            .checked("head")
            .deaf("head", NO_HEAD)
            .deaf("consumed", NOT_CONSUMED)
            .deaf("giving", NOT_SAID)
            .slots(<Self as Slots>::OFFSET, shape.stride(), shape.word(), capacity)
            .blind_to_slots(NO_SECOND_LOOK, pair::is_about_to_sleep)
            .blind("consumed", NO_SECOND_LOOK, pair::is_about_to_sleep)
            .blind("giving", ROOM_AWAITED_ASLEEP, pair::is_about_to_sleep)
            .blind_to_slots(CLOSED_BELIEVED, phase::takes_for_granted)
            .blind("consumed", CLOSED_MEANS_REFUSED, phase::takes_for_granted)
            .ring(ring)
    }

    /// An empty ring for a tap; its payloads are words that may be read while they are written.
    #[must_use]
    pub fn tapped(capacity: usize) -> Self {
        assert!(capacity.is_power_of_two());
        let shape = Of::<u64>::new();
        let slots = (0..capacity).map(|index| <Self as Slots>::OFFSET + index * shape.stride());
        let objects = slots.fold(Objects::of(&[FIELDS]), |objects, slot| {
            objects.word(slot, Word64::contended(0)).word(slot + shape.word(), Word64::contended(0))
        });
        let mask = capacity as u64 - 1;
        objects.tapped(Private { mask, barrier: Barrier::Asymmetric, line: 0, ahead: 0, tapped: true })
    }
}

impl Signals for Heap {
    fn signal(&self, role: Role) -> &Word32 {
        match role {
            Role::Producer => self.producer_signal(),
            Role::Consumer => self.consumer_signal(),
        }
    }

    fn fences(&self, role: Role) -> &Word32 {
        match role {
            Role::Producer => self.producer_fences(),
            Role::Consumer => self.consumer_fences(),
        }
    }

    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }
}

// SAFETY: `of` makes the words of the table.
unsafe impl Words for Heap {}

// SAFETY: `of` asserts a power of two, which never changes.
unsafe impl Ring for Heap {
    fn mask(&self) -> u64 {
        self.ring.mask
    }
}

// SAFETY: `of` has made this number of slots of this shape.
unsafe impl Slots for Heap {
    type Shape = Of<u64>;
    const OFFSET: usize = <Mapped<u64> as Slots>::OFFSET;

    fn shape(&self) -> Of<u64> {
        Of::new()
    }
}

impl Memory for Heap {
    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }

    fn asks_ahead(&self) -> bool {
        self.ring.ahead > 0
    }

    fn look_ahead(&self) -> u64 {
        reached("looked ahead");
        self.ring.ahead
    }

    fn stream(&self) -> u64 {
        if self.ring.line > 0 { 1 } else { u64::MAX }
    }

    fn end_together(&self, index: u64) -> u64 {
        let count = self.ring.line - index % self.ring.line;
        if count > 1 {
            reached("a line looked at whole");
        }
        count
    }

    fn acquire_next(&self, index: u64, is_free: impl FnOnce() -> bool) {
        // Rewriting the same value makes no difference to a tap.
        if !self.ring.tapped && (is_free() || mutation::logic(TAKEN_EARLY)) {
            reached("a payload taken ahead");
            self.with_slot_mut(index, |_| ()); // Stores the value it already holds.
        }
    }

    fn acquire_read(&self, index: u64) {
        reached("a line taken");
        // Late: when the previous line was to be acquired.
        let before = index.wrapping_sub(self.ring.line) & self.ring.mask;
        let index = if mutation::logic(TAKEN_LATE) { before } else { index };
        self.with_slot_mut(index, |_| ()); // Stores the value it already holds.
        let word = self.slot_word(index);
        word.store(word.load(Relaxed), Relaxed);
    }
}
