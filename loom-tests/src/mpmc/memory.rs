//! An mpmc ring made of loom's types, and the oracle that knows which processes are dead.

use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ipc_ring::memory::{Of, Ring, Shape as _, Slots};
use ipc_ring::platform::{Site, Word as _};
use ipc_ring::ring::mpmc::{
    Consumer, Counter, FIELDS, Mapped, Memory, Producer, SEAT_FIELDS, Seat, Seats, Words,
};
use loom::sync::atomic::AtomicBool;

use crate::memory::{self, Objects};
use crate::pair::NO_SECOND_LOOK;
use crate::{Word64, mutation, participants, phase};

/// A mistake of the oracle: a death is visible before everything that the process did.
pub const DEATH_NOT_RELEASED: &str = "a death is not ordered behind what the dead did";
/// A mistake of the oracle: a process that learns of a death does not see everything that the dead process
/// did.
pub const DEATH_NOT_ACQUIRED: &str = "a process that learns of a death does not see what the dead one did";
/// A mistake: consumers are never notified of orphans.
pub const NO_GENERATION: &str = "the orphan generation is never raised";

/// A mistake: a consumer that was woken and finds more than it takes does not wake the next one.
pub const NO_BATON: &str = "a consumer that was woken and pops wakes no other consumer";
/// A mistake: a consumer frees a slot and wakes no producer.
pub const POP_WAKES_NO_PRODUCER: &str = "a consumer that frees a slot wakes no producer";

/// Identities that models use.
const IDENTITIES: usize = 6;

/// A ring on the heap; clones share it.
pub type Heap = memory::Heap<Private>;

/// What each side knows of the ring, and what the kernel knows about the processes.
#[derive(Clone, Debug)]
pub struct Private {
    shape: Shape,
    /// One for each identity: set by the kernel, after everything that the process did.
    dead: Rc<Vec<AtomicBool>>,
}

/// What differs between models.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Slots.
    pub capacity: usize,
    /// Seats.
    pub seats: usize,
    /// Whether the ring is closed: if not, the checker need not explore its state.
    pub closes: bool,
    /// Whether a process dies: if not, nor seats and orphans.
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

impl Private {
    fn new(shape: Shape) -> Self {
        Self { shape, dead: Rc::new((0..IDENTITIES).map(|_| AtomicBool::new(false)).collect()) }
    }
}

impl Heap {
    /// An empty ring for a model without deaths.
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
        let element = Of::<u64>::new();
        let objects = Self::objects(shape);
        let voids = objects.offset("voids");
        objects
            .word(voids, Word64::plain(0)) // No model with this heap has a tap.
            .slots(<Self as Slots>::OFFSET, element.stride(), element.word(), shape.capacity)
            .ring(Private::new(shape))
    }

    /// An empty ring for a tap; its payloads are words that may be read while they are written.
    #[must_use]
    pub fn tapped(capacity: usize, dies: bool) -> Self {
        let shape = Shape { dies, ..Shape::of(capacity) };
        let element = Of::<u64>::new();
        let slots = (0..capacity).map(|index| <Self as Slots>::OFFSET + index * element.stride());
        let objects = slots.fold(Self::objects(shape), |objects, slot| {
            objects.word(slot, Word64::contended(0)).word(slot + element.word(), Word64::contended(0))
        });
        objects.tapped(Private::new(shape))
    }

    /// The words in front of the slots.
    fn objects(shape: Shape) -> Objects {
        assert!(shape.capacity.is_power_of_two());
        Objects::of(&[FIELDS])
            .still("orphans", !shape.dies)
            .deaf("orphans", NO_GENERATION)
            .still("state", !shape.closes)
            .plain_words("counters", Counter::COUNT)
            .plain_halves("attached", 2)
            .blind_to_slots(NO_SECOND_LOOK, participants::is_about_to_sleep)
            .blind("consumer_sleepers", NO_BATON, has_copied)
            .blind("producer_sleepers", POP_WAKES_NO_PRODUCER, has_copied)
            .entries("seats", SEAT_FIELDS, shape.seats, |_| {
                if shape.dies { Word64::contended(0) } else { Word64::still(0) }
            })
    }

    pub(super) fn seat_for(&self, identity: u64) -> Seat {
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
        self.ring.dead[identity as usize].store(true, ordering);
    }

    /// The oracle.
    #[must_use]
    pub fn is_alive(&self, identity: u64) -> bool {
        let ordering =
            if mutation::logic(DEATH_NOT_ACQUIRED) { Ordering::Relaxed } else { Ordering::Acquire };
        !self.ring.dead[identity as usize].load(ordering)
    }

    /// How often something was repaired. Exact once all threads are joined.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        self.counter(counter).load(Ordering::Relaxed)
    }
}

/// Whether the running thread has popped an element and has not released its slot.
fn has_copied() -> bool {
    phase::is_behind(Site::MpmcCopied)
}

impl participants::Ring for Heap {
    fn seats(&self) -> u16 {
        self.endpoints()
    }

    fn identity(&self, number: u16) -> &Word64 {
        Seats::identity(self, number)
    }

    fn mask(&self, offset: usize) -> &Word64 {
        self.word_at(offset)
    }
}

// SAFETY: `shaped` makes the words of the table.
unsafe impl Words for Heap {}
// SAFETY: as above, and as many seats as `endpoints` says.
unsafe impl Seats for Heap {}

// SAFETY: `shaped` asserts a power of two, which never changes.
unsafe impl Ring for Heap {
    fn mask(&self) -> u64 {
        self.ring.shape.capacity as u64 - 1
    }
}

// SAFETY: `shaped` has made this number of slots of this shape.
unsafe impl Slots for Heap {
    type Shape = Of<u64>;
    const OFFSET: usize = <Mapped<u64> as Slots>::OFFSET;

    fn shape(&self) -> Of<u64> {
        Of::new()
    }
}

impl Memory for Heap {
    fn endpoints(&self) -> u16 {
        self.ring.shape.seats as u16
    }

    fn max_attempts(&self) -> u32 {
        self.ring.shape.max_attempts
    }

    fn lap_bits(&self) -> u32 {
        self.ring.shape.lap_bits
    }

    fn polled_line_is_taken(&self) -> bool {
        true
    }
}
