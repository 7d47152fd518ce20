//! A broadcast ring made of loom's types, and the oracle that knows which processes are dead.

use std::rc::Rc;
use std::sync::atomic::Ordering::{self, Relaxed};

use ipc_ring::memory::{Field, Of, Ring, Shape as _, Slots};
use ipc_ring::platform::{Barrier, Word as _};
use ipc_ring::ring::broadcast::{Control, FIELDS, Mapped, Memory, Mode, SEAT_FIELDS, Seats, Words};
use loom::sync::atomic::AtomicBool;

use crate::memory::{self, Objects};
use crate::pair::NO_SECOND_LOOK;
use crate::{Word64, mutation, participants};

/// A mistake: the raised floor is never published.
pub const NO_FLOOR: &str = "the floor is never stored";
/// A mistake: the publisher of a gated ring does not publish how far it may raise the floor.
pub const NO_RISING: &str = "the coming floor is never stored";
/// A mistake: subscribers do not store their cursors.
pub const NO_CURSOR: &str = "cursors are never stored";
/// A mistake: a detected death is not recorded.
pub const NO_DROP: &str = "the dead are not noted";

/// Identities that models use.
const IDENTITIES: usize = 6;
/// Bytes of a seat's record, which begins with the identity of its process.
const SEAT: usize = 128;

/// A message: its number plus one, and the complement of that.
pub type Message = [u64; 2];

/// Message number `number`.
#[must_use]
pub const fn message(number: u64) -> Message {
    [number + 1, !(number + 1)]
}

/// A ring of messages on the heap; clones share it.
pub type Heap<T = Message> = memory::Heap<Private<Of<T>>>;

/// What each side knows of a ring, and what the kernel knows about the processes; `M` is about its messages.
#[derive(Clone, Debug)]
pub struct Private<M> {
    shape: Shape,
    messages: M,
    /// One for each identity: set by the kernel, after everything that the process did.
    dead: Rc<Vec<AtomicBool>>,
}

/// What differs between models.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Slots.
    pub capacity: usize,
    /// Lossy or gated.
    pub mode: Mode,
    /// The barrier.
    pub barrier: Barrier,
    /// Seats of subscribers; the publisher's is after them.
    pub subscribers: usize,
    /// Whether subscribers join or leave while the publisher runs: if not, the checker need not explore
    /// seats.
    pub moves: bool,
    /// Whether the stream is closed.
    pub closes: bool,
}

impl Shape {
    /// A lossy ring of this many slots.
    #[must_use]
    pub const fn lossy(capacity: usize) -> Self {
        let (mode, barrier) = (Mode::Lossy, Barrier::Asymmetric);
        Self { capacity, mode, barrier, subscribers: 2, moves: false, closes: false }
    }

    /// A gated ring of this many slots.
    #[must_use]
    pub const fn gated(capacity: usize, barrier: Barrier) -> Self {
        Self { mode: Mode::Gated, barrier, ..Self::lossy(capacity) }
    }
}

/// The words in front of a ring.
pub(super) fn words(shape: &Shape) -> Objects {
    assert!(shape.capacity.is_power_of_two());
    let gated = shape.mode == Mode::Gated;
    let moving = || if shape.moves { Word64::contended(0) } else { Word64::still(0) };
    let seat = |field: &Field| match field.name {
        "dropped" if mutation::logic(NO_DROP) => Word64::Deaf(0),
        "cursor" if mutation::logic(NO_CURSOR) => Word64::Deaf(0),
        "cursor" if gated => Word64::contended(0),
        "cursor" => Word64::still(0),
        _ => moving(),
    };
    Objects::of(&[FIELDS])
        .deaf("floor", NO_FLOOR)
        .still("rising", !gated)
        .deaf("rising", NO_RISING)
        .still("state", !shape.closes)
        .still("used", !shape.moves)
        .entries("seats", SEAT_FIELDS, shape.subscribers + 1, seat)
        .blind_to_slots(NO_SECOND_LOOK, participants::is_about_to_sleep)
        .blind("tail", NO_SECOND_LOOK, participants::is_about_to_sleep)
}

impl<M> memory::Heap<Private<M>> {
    /// A ring of these objects.
    pub(super) fn of(shape: Shape, messages: M, objects: Objects) -> Self {
        let dead = Rc::new((0..IDENTITIES).map(|_| AtomicBool::new(false)).collect());
        objects.ring(Private { shape, messages, dead })
    }

    /// The kernel's part in a death, after the last instruction.
    pub fn dies(&self, identity: u64) {
        self.ring.dead[identity as usize].store(true, Ordering::Release);
    }

    /// The oracle.
    #[must_use]
    pub fn is_alive(&self, identity: u64) -> bool {
        !self.ring.dead[identity as usize].load(Ordering::Acquire)
    }

    /// How many subscribers were dropped. Exact once all threads are joined.
    #[must_use]
    pub fn drops(&self) -> u64 {
        Words::drops(self).load(Relaxed)
    }
}

impl Heap {
    /// An empty ring.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self::with(shape, Word64::checked)
    }
}

impl<T: ipc_ring::Message> Heap<T> {
    /// An empty ring. `first` creates the first word of each payload, which is read while it is written.
    pub(crate) fn with(shape: Shape, first: impl Fn(u64) -> Word64) -> Self {
        let element = Of::<T>::new();
        let gated = shape.mode == Mode::Gated;
        let slot = |objects: Objects, index| {
            let slot = <Self as Slots>::OFFSET + index * element.stride();
            let objects = objects.word(slot + element.word(), Word64::contended(0));
            if gated {
                return objects.payload(slot);
            }
            let rest = (8..element.word()).step_by(8);
            rest.fold(objects.word(slot, first(0)), |all, at| all.word(slot + at, Word64::checked(0)))
        };
        Self::of(shape, element, (0..shape.capacity).fold(words(&shape), slot))
    }
}

// SAFETY: every one is made by `of`, with the words of the tables.
unsafe impl<M> Words for memory::Heap<Private<M>> {}
// SAFETY: as above, and as many seats as `seats` says.
unsafe impl<M> Seats for memory::Heap<Private<M>> {}

// SAFETY: `words` asserts a power of two, which never changes.
unsafe impl<M> Ring for memory::Heap<Private<M>> {
    fn mask(&self) -> u64 {
        self.ring.shape.capacity as u64 - 1
    }
}

impl<M> Control for memory::Heap<Private<M>> {
    fn barrier(&self) -> Barrier {
        self.ring.shape.barrier
    }

    fn gated(&self) -> bool {
        self.ring.shape.mode == Mode::Gated
    }

    fn seats(&self) -> u16 {
        self.ring.shape.subscribers as u16
    }
}

impl<M> participants::Ring for memory::Heap<Private<M>> {
    fn seats(&self) -> u16 {
        self.ring.shape.subscribers as u16 + 1
    }

    fn identity(&self, number: u16) -> &Word64 {
        self.word_at(self.offset("seats") + usize::from(number) * SEAT)
    }

    fn mask(&self, offset: usize) -> &Word64 {
        self.word_at(offset)
    }
}

// SAFETY: `with` has made this number of slots of this shape.
unsafe impl<T: ipc_ring::Message> Slots for Heap<T> {
    type Shape = Of<T>;
    const OFFSET: usize = <Mapped<T> as Slots>::OFFSET;

    fn shape(&self) -> Of<T> {
        self.ring.messages
    }
}

impl<T: ipc_ring::Message> Memory for Heap<T> {}
