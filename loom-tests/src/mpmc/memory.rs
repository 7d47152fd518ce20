//! An mpmc ring made of loom's objects, and the oracle that knows who is dead.

use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ipc_ring::platform::{Platform, Word as _};
use ipc_ring::ring::mpmc::{Consumer, Counter, Memory, Producer, Seat, recovery};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;

use crate::{Loom, Word32, Word64, mutation};

/// A mistake of the oracle: that a process died is known before all it did.
pub const DEATH_NOT_RELEASED: &str = "a death is not ordered behind what the dead did";
/// A mistake of the oracle: who learns of a death does not see all that the dead did.
pub const DEATH_NOT_ACQUIRED: &str = "who learns of a death does not see what the dead did";
/// A mistake: consumers are never told of orphans.
pub const NO_GENERATION: &str = "the orphan generation is never raised";

/// Identities that models use.
const IDENTITIES: usize = 6;

/// A ring on the heap; clones share it.
#[derive(Clone, Debug)]
pub struct Heap(Rc<Words>);

#[derive(Debug)]
struct Words {
    slots: Vec<Slot>,
    seats: Vec<Word64>,
    tail: Word64,
    head: Word64,
    orphans: Word64,
    state: Word32,
    /// One for each identity: raised by the kernel, after everything its process did.
    dead: Vec<AtomicBool>,
    // Nothing depends on these.
    counters: [Word64; Counter::COUNT],
    lap_bits: u32,
    max_attempts: u32,
}

#[derive(Debug)]
struct Slot {
    tag: Word64,
    /// Loom reports two threads here at a time, and one that comes without having synchronised with the other.
    payload: UnsafeCell<u64>,
}

/// What differs from model to model.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Slots.
    pub capacity: usize,
    /// Seats.
    pub seats: usize,
    /// Whether somebody closes the ring: if not, its state is no concern of the checker.
    pub closes: bool,
    /// Whether somebody dies: if not, seats and orphans are none either.
    pub dies: bool,
    /// Bits of the lap.
    pub lap_bits: u32,
    /// Attempts before an element becomes a dead letter.
    pub max_attempts: u32,
}

impl Shape {
    /// A ring of this many slots with room for four ends.
    #[must_use]
    pub const fn of(capacity: usize) -> Self {
        Self { capacity, seats: 4, closes: false, dies: true, lap_bits: 46, max_attempts: 15 }
    }
}

impl Heap {
    /// An empty ring for a model in which everybody lives.
    #[must_use]
    pub fn peaceful(capacity: usize) -> Self {
        Self::shaped(Shape { dies: false, ..Shape::of(capacity) })
    }

    /// An empty ring.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::shaped(Shape::of(capacity))
    }

    /// An empty ring of a special kind.
    #[must_use]
    pub fn shaped(shape: Shape) -> Self {
        let deadly = |value| if shape.dies { Word64::contended(value) } else { Word64::plain(value) };
        let slot = || Slot { tag: Word64::contended(0), payload: UnsafeCell::new(0) };
        Self(Rc::new(Words {
            slots: (0..shape.capacity).map(|_| slot()).collect(),
            seats: (0..shape.seats).map(|_| deadly(0)).collect(),
            tail: Word64::contended(0),
            head: Word64::contended(0),
            orphans: if mutation::logic(NO_GENERATION) { Word64::Deaf(0) } else { deadly(0) },
            state: if shape.closes { Word32::contended(0) } else { Word32::plain(0) },
            dead: (0..IDENTITIES).map(|_| AtomicBool::new(false)).collect(),
            counters: [const { Word64::plain(0) }; Counter::COUNT],
            lap_bits: shape.lap_bits,
            max_attempts: shape.max_attempts,
        }))
    }

    fn slot(&self, index: u64) -> &Slot {
        &self.0.slots[usize::try_from(index).expect("an index below the capacity")]
    }

    fn seat_for(&self, identity: u64) -> Seat {
        Seat::take(self, NonZeroU64::new(identity).expect("not 0")).expect("a free seat")
    }

    /// A producing end of this process.
    #[must_use]
    pub fn producer(&self, identity: u64) -> Producer<Self> {
        Producer::attach(self.clone(), self.seat_for(identity))
    }

    /// A consuming end of this process.
    #[must_use]
    pub fn consumer(&self, identity: u64) -> Consumer<Self> {
        Consumer::attach(self.clone(), self.seat_for(identity))
    }

    /// The kernel's part in a death, after the last instruction.
    pub fn dies(&self, identity: u64) {
        let ordering =
            if mutation::logic(DEATH_NOT_RELEASED) { Ordering::Relaxed } else { Ordering::Release };
        self.0.dead[identity as usize].store(true, ordering);
    }

    /// The oracle.
    #[must_use]
    pub fn is_alive(&self, identity: u64) -> bool {
        let ordering =
            if mutation::logic(DEATH_NOT_ACQUIRED) { Ordering::Relaxed } else { Ordering::Acquire };
        !self.0.dead[identity as usize].load(ordering)
    }

    /// One run of the recovery.
    pub fn recover(&self) -> recovery::Report {
        super::reapers::recover(self)
    }

    /// How often something was repaired. Exact when all threads are joined.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        self.counter(counter).load(Ordering::Relaxed)
    }
}

// SAFETY: the capacity is the length of a vector that never changes, a power of two in every model (the ring's ends
// check it); each slot's payload is its own u64, aligned to 8 and alive as long as the last clone.
unsafe impl Memory for Heap {
    type Platform = Loom;
    type Item = u64;

    fn capacity(&self) -> u64 {
        self.0.slots.len() as u64
    }

    fn endpoints(&self) -> u16 {
        self.0.seats.len() as u16
    }

    fn max_attempts(&self) -> u32 {
        self.0.max_attempts
    }

    fn lap_bits(&self) -> u32 {
        self.0.lap_bits
    }

    fn tag(&self, index: u64) -> &<Loom as Platform>::U64 {
        &self.slot(index).tag
    }

    fn with_slot_mut<R>(&self, index: u64, f: impl FnOnce(*mut u64) -> R) -> R {
        self.slot(index).payload.with_mut(f)
    }

    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const u64) -> R) -> R {
        self.slot(index).payload.with(f)
    }

    fn tail(&self) -> &Word64 {
        &self.0.tail
    }

    fn head(&self) -> &Word64 {
        &self.0.head
    }

    fn state(&self) -> &Word32 {
        &self.0.state
    }

    fn orphans(&self) -> &Word64 {
        &self.0.orphans
    }

    fn seat(&self, number: u16) -> &Word64 {
        &self.0.seats[usize::from(number)]
    }

    fn counter(&self, counter: Counter) -> &Word64 {
        &self.0.counters[counter as usize]
    }

    fn polled_line_is_taken(&self) -> bool {
        true
    }
}
