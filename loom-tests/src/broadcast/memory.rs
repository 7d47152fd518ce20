//! A broadcast ring made of loom's objects, and the oracle that knows who is dead.

use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::atomic::Ordering::{self, Relaxed};

use ipc_ring::platform::{Barrier, Platform, Word as _};
use ipc_ring::ring::broadcast::{Memory, Mode, Words};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicU64};

use crate::{Loom, Word32, Word64, mutation};

/// A mistake: the floor is never raised for others to see.
pub const NO_FLOOR: &str = "the floor is never stored";
/// A mistake: the publisher of a gated ring does not say how far it may raise the floor.
pub const NO_RISING: &str = "the coming floor is never stored";
/// A mistake: subscribers do not store their cursors.
pub const NO_CURSOR: &str = "cursors are never stored";
/// A mistake: who was found dead is not noted.
pub const NO_DROP: &str = "the dead are not noted";

/// Identities that models use.
const IDENTITIES: usize = 6;
/// Seats.
const SEATS: usize = 2;

/// A message: its number plus one, and the complement of that.
pub type Message = [u64; 2];

/// Message number `number`.
#[must_use]
pub const fn message(number: u64) -> Message {
    [number + 1, !(number + 1)]
}

/// A ring on the heap; clones share it.
#[derive(Clone, Debug)]
pub struct Heap(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    slots: Vec<Slot>,
    words: Front,
    /// One for each identity: raised by the kernel, after everything its process did.
    dead: Vec<AtomicBool>,
}

#[derive(Debug)]
struct Slot {
    sequence: Word64,
    payload: Payload,
}

/// What a slot holds.
#[derive(Debug)]
enum Payload {
    /// A lossy ring's, read while it is written.
    Raced([AtomicU64; 2]),
    /// A gated ring's. Loom reports two threads here at a time, and one that comes without having synchronised with the
    /// other.
    Guarded(UnsafeCell<Message>),
}

/// The words in front of the slots.
#[derive(Debug)]
pub struct Front {
    capacity: u64,
    mode: Mode,
    barrier: Barrier,
    tail: Word64,
    floor: Word64,
    rising: Word64,
    state: Word32,
    identities: [Word64; SEATS],
    cursors: [Word64; SEATS],
    dropped: [Word64; SEATS],
    used: Word32,
    // Nothing depends on these.
    counters: [Word64; 4],
}

impl Words for Front {
    type Platform = Loom;

    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn barrier(&self) -> Barrier {
        self.barrier
    }

    fn gated(&self) -> bool {
        self.mode == Mode::Gated
    }

    fn seats(&self) -> u16 {
        SEATS as u16
    }

    fn tail(&self) -> &Word64 {
        &self.tail
    }

    fn floor(&self) -> &Word64 {
        &self.floor
    }

    fn rising(&self) -> &Word64 {
        &self.rising
    }

    fn state(&self) -> &Word32 {
        &self.state
    }

    fn identity(&self, number: u16) -> &Word64 {
        &self.identities[usize::from(number)]
    }

    fn cursor(&self, number: u16) -> &Word64 {
        &self.cursors[usize::from(number)]
    }

    fn dropped(&self, number: u16) -> &Word64 {
        &self.dropped[usize::from(number)]
    }

    fn used(&self) -> &Word32 {
        &self.used
    }

    fn found_full(&self) -> &Word64 {
        &self.counters[0]
    }

    fn high_water(&self) -> &Word64 {
        &self.counters[1]
    }

    fn drops(&self) -> &Word64 {
        &self.counters[2]
    }

    fn missed(&self) -> &Word64 {
        &self.counters[3]
    }
}

/// What differs from model to model.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Slots.
    pub capacity: usize,
    /// Lossy or gated.
    pub mode: Mode,
    /// The barrier.
    pub barrier: Barrier,
    /// Whether subscribers come or go while the publisher runs: if not, seats are no concern of the checker.
    pub moves: bool,
    /// Whether somebody closes the stream.
    pub closes: bool,
}

impl Shape {
    /// A lossy ring of this many slots.
    #[must_use]
    pub const fn lossy(capacity: usize) -> Self {
        Self { capacity, mode: Mode::Lossy, barrier: Barrier::Asymmetric, moves: false, closes: false }
    }

    /// A gated ring of this many slots.
    #[must_use]
    pub const fn gated(capacity: usize, barrier: Barrier) -> Self {
        Self { mode: Mode::Gated, barrier, ..Self::lossy(capacity) }
    }
}

impl Heap {
    /// The words in front of a ring without slots, for a ring of frames. The capacity is in bytes.
    #[must_use]
    pub fn words_only(shape: Shape) -> Self {
        Self::with_slots(shape, 0)
    }

    /// An empty ring.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self::with_slots(shape, shape.capacity)
    }

    fn with_slots(shape: Shape, slots: usize) -> Self {
        assert!(shape.capacity.is_power_of_two());
        let gated = shape.mode == Mode::Gated;
        let payload = || {
            if gated {
                Payload::Guarded(UnsafeCell::new([0; 2]))
            } else {
                Payload::Raced([AtomicU64::new(0), AtomicU64::new(0)])
            }
        };
        let slot = || Slot { sequence: Word64::contended(0), payload: payload() };
        let deaf = |mistake, word| if mutation::logic(mistake) { Word64::Deaf(0) } else { word };
        let moving = || if shape.moves { Word64::contended(0) } else { Word64::plain(0) };
        let cursor = || {
            let word = if gated { Word64::contended(0) } else { Word64::plain(0) };
            deaf(NO_CURSOR, word)
        };
        let words = Front {
            capacity: shape.capacity as u64,
            mode: shape.mode,
            barrier: shape.barrier,
            tail: Word64::contended(0),
            floor: deaf(NO_FLOOR, Word64::contended(0)),
            rising: deaf(NO_RISING, if gated { Word64::contended(0) } else { Word64::plain(0) }),
            state: if shape.closes { Word32::contended(0) } else { Word32::plain(0) },
            identities: std::array::from_fn(|_| moving()),
            cursors: std::array::from_fn(|_| cursor()),
            dropped: std::array::from_fn(|_| deaf(NO_DROP, moving())),
            used: if shape.moves { Word32::contended(0) } else { Word32::plain(0) },
            counters: [const { Word64::plain(0) }; 4],
        };
        Self(Rc::new(Shared {
            slots: (0..slots).map(|_| slot()).collect(),
            words,
            dead: (0..IDENTITIES).map(|_| AtomicBool::new(false)).collect(),
        }))
    }

    fn slot(&self, index: u64) -> &Slot {
        &self.0.slots[usize::try_from(index).expect("an index below the capacity")]
    }

    /// The kernel's part in a death, after the last instruction.
    pub fn dies(&self, identity: u64) {
        self.0.dead[identity as usize].store(true, Ordering::Release);
    }

    /// The oracle.
    #[must_use]
    pub fn is_alive(&self, identity: u64) -> bool {
        !self.0.dead[identity as usize].load(Ordering::Acquire)
    }

    /// How many subscribers were dropped. Exact when all threads are joined.
    #[must_use]
    pub fn drops(&self) -> u64 {
        self.0.words.drops().load(Relaxed)
    }
}

// SAFETY: `read` writes the whole place; each slot's payload is its own pair, alive as long as the last clone.
unsafe impl Memory for Heap {
    type Platform = Loom;
    type Words = Front;
    type Item = Message;

    fn words(&self) -> &Front {
        &self.0.words
    }

    fn sequence(&self, index: u64) -> &<Loom as Platform>::U64 {
        &self.slot(index).sequence
    }

    fn write(&self, index: u64, item: &Message) {
        match &self.slot(index).payload {
            Payload::Raced(words) => {
                words[0].store(item[0], Relaxed);
                words[1].store(item[1], Relaxed);
            }
            // SAFETY: loom's cell has checked that no other thread is here.
            Payload::Guarded(cell) => cell.with_mut(|to| unsafe { to.write(*item) }),
        }
    }

    fn read(&self, index: u64, place: &mut MaybeUninit<Message>) {
        place.write(match &self.slot(index).payload {
            Payload::Raced(words) => [words[0].load(Relaxed), words[1].load(Relaxed)],
            // SAFETY: loom's cell has checked that no other thread writes here.
            Payload::Guarded(cell) => cell.with(|from| unsafe { from.read() }),
        });
    }

    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const Message) -> R) -> R {
        match &self.slot(index).payload {
            Payload::Raced(_) => unreachable!("only a gated ring lends what it holds"),
            Payload::Guarded(cell) => cell.with(f),
        }
    }
}
