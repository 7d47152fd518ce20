//! The words of two ends that face each other, as loom's types, and channels made of them.

use std::rc::Rc;

use ipc_ring::end::pair::{Endpoint, Holder, Side, Words};
use ipc_ring::end::room::Refusal;
use ipc_ring::platform::{Barrier, Site, Word as _};
use ipc_ring::wait::WaitStrategy;
use ipc_ring::wait::signal::{CLOSED, DETACHED};
use ipc_ring::{PeerExit, PopError};
use loom::sync::atomic::Ordering::Relaxed;

use crate::kernel::{Domain, Kernel};
use crate::{Loom, Word32, Word64, mutation, phase};

/// A mistake: the waiter sleeps without rechecking the ring.
pub const NO_SECOND_LOOK: &str = "the waiter sleeps without a second look at the ring";
/// A mistake: a producer sleeps although the consumer is about to release what it waits for.
pub const ROOM_AWAITED_ASLEEP: &str =
    "a producer sleeps though the consumer is about to give back what it waits for";
/// A mistake: a push that sees the closed bit does not check whether its element was popped.
pub const CLOSED_MEANS_REFUSED: &str =
    "a push that sees the closed bit does not ask whether its element was popped";
/// A mistake: the waiter sleeps without rechecking the other end's bits.
pub const NO_SECOND_LOOK_AT_BITS: &str = "the waiter sleeps without a second look at the other end's bits";
/// A mistake: a waiter goes to sleep on an end that has detached.
pub const DETACHED_IGNORED: &str = "a waiter goes to sleep on an end that has detached";
/// A mistake: the signal that a pop returns is not acted upon.
pub const POP_WAKES_NO_PEER: &str = "the signal that a pop gives is not acted upon";
/// A mistake: closing and detaching wake no one.
pub const SILENT_FLAGS: &str = "closing and detaching wake no peer";
/// A mistake: an end that sees the closed bit does not check the ring again.
pub const CLOSED_BELIEVED: &str = "an end that sees the closed bit does not look at the ring again";
/// A mistake: an end that takes a dead end's seat wakes no one.
pub const SILENT_SEAT: &str = "an end that takes a dead end's seat wakes no peer";

/// All of them, and those of the kernel.
pub const MISTAKES: [&str; 11] = [
    NO_SECOND_LOOK,
    ROOM_AWAITED_ASLEEP,
    CLOSED_MEANS_REFUSED,
    CLOSED_BELIEVED,
    NO_SECOND_LOOK_AT_BITS,
    DETACHED_IGNORED,
    POP_WAKES_NO_PEER,
    SILENT_FLAGS,
    SILENT_SEAT,
    crate::kernel::NO_TOKEN,
    crate::kernel::DEATH_IS_SILENT,
];

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The producer, or the caller.
    Producer,
    /// The consumer, or the responder.
    Consumer,
}

/// Memory that holds the signal words of the two ends.
pub trait Signals {
    /// The signal word of an end.
    fn signal(&self, role: Role) -> &Word32;
    /// Whether an end fences its looks at the other's signal word.
    fn fences(&self, role: Role) -> &Word32;
    /// The barrier scheme of sleepers and notifiers.
    fn barrier(&self) -> Barrier;
}

#[derive(Debug)]
struct Record {
    wake: Word32,
    // Nothing is modelled about these, see `docs/orderings.md`.
    owner: Word64,
    times: Word64,
    pid: Word32,
    armed: Word32,
    cpu: Word32,
    wakes: Word64,
}

impl Record {
    fn new() -> Self {
        Self {
            wake: Word32::checked(0),
            owner: Word64::plain(0),
            times: Word64::plain(0),
            pid: Word32::plain(0),
            armed: Word32::plain(0),
            cpu: Word32::plain(0),
            wakes: Word64::plain(0),
        }
    }
}

#[derive(Debug)]
struct Shared<M> {
    memory: M,
    records: [Record; 2],
    nothing: Word32,
    domain: Rc<Domain>,
}

/// A ring, the records of its ends, and the domain.
#[derive(Debug)]
pub struct Channel<M>(Rc<Shared<M>>);

impl<M> Clone for Channel<M> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<M: Signals + Clone> Channel<M> {
    /// A channel whose seats are free.
    pub fn new(memory: M) -> Self {
        Self::within(memory, &Domain::new(4))
    }

    /// As [`new`](Self::new), in a domain that it shares with others.
    pub fn within(memory: M, domain: &Rc<Domain>) -> Self {
        Self(Rc::new(Shared {
            memory,
            records: [Record::new(), Record::new()],
            nothing: Word32::Deaf(0),
            domain: Rc::clone(domain),
        }))
    }

    /// The ring.
    pub fn memory(&self) -> M {
        self.0.memory.clone()
    }

    /// The kernel.
    pub fn domain(&self) -> &Domain {
        &self.0.domain
    }

    /// Takes a seat, by a process of this number, which sleeps on the semaphore of the same number.
    pub fn seat(&self, role: Role, owner: u32) -> End<M> {
        let (sleeps, is_first) = match role {
            Role::Producer => ("the producer sleeps", owner == PRODUCER),
            Role::Consumer => ("the consumer sleeps", owner == CONSUMER),
        };
        let kernel = Kernel::new(&self.0.domain, u64::from(owner), owner, sleeps);
        let seat = Seat { channel: self.clone(), role };
        let holder = Holder { owner: u64::from(owner), pid: owner };
        let barrier = self.0.memory.barrier();
        let take = || Endpoint::take_seat(seat, kernel, barrier, holder, WaitStrategy::Sleep);
        if is_first { take() } else { self.0.domain.unless(SILENT_SEAT, take) }
    }

    /// The holder of this number dies: the kernel does what was arranged.
    pub fn die(&self, owner: u32) {
        self.0.domain.die(u64::from(owner));
    }
}

/// The number of the first producer, and of its semaphore.
pub const PRODUCER: u32 = 1;
/// The number of the first consumer, and of its semaphore.
pub const CONSUMER: u32 = 2;
/// The number of a second consumer, and of its semaphore.
pub const NEXT_CONSUMER: u32 = 3;
/// The number of a second producer, and of its semaphore.
pub const NEXT_PRODUCER: u32 = 4;

/// An end of a model: that of production, over loom's words and a mock kernel.
pub type End<M> = Endpoint<Seat<M>, Kernel>;

/// The words of two ends, as one of them sees them.
#[derive(Debug)]
pub struct Seat<M> {
    channel: Channel<M>,
    role: Role,
}

impl<M: Signals> Seat<M> {
    fn role(&self, side: Side) -> Role {
        match (side, self.role) {
            (Side::Own, role) => role,
            (Side::Peer, Role::Producer) => Role::Consumer,
            (Side::Peer, Role::Consumer) => Role::Producer,
        }
    }

    fn record(&self, side: Side) -> &Record {
        &self.channel.0.records[self.role(side) as usize]
    }

    fn is_deaf_to_peer(&self, word: &Word32) -> bool {
        let is_about_to_sleep = is_about_to_sleep();
        is_about_to_sleep && mutation::logic(NO_SECOND_LOOK_AT_BITS)
            || is_about_to_sleep
                && mutation::logic(DETACHED_IGNORED)
                && word.load(Relaxed) & (CLOSED | DETACHED) == DETACHED
            || phase::is_behind(Site::WaitGiving) && mutation::logic(POP_WAKES_NO_PEER)
    }
}

impl<M: Signals> Words for Seat<M> {
    type Platform = Loom;

    fn signal(&self, side: Side) -> &Word32 {
        let word = self.channel.0.memory.signal(self.role(side));
        match side {
            Side::Own => phase::leave(),
            Side::Peer if self.is_deaf_to_peer(word) => return &self.channel.0.nothing,
            Side::Peer => {
                let has_one_look = [CLOSED_BELIEVED, CLOSED_MEANS_REFUSED].into_iter().any(mutation::logic);
                if has_one_look && word.load(Relaxed) & (CLOSED | DETACHED) != 0 {
                    phase::convince();
                }
            }
        }
        word
    }

    fn owner(&self, side: Side) -> &Word64 {
        &self.record(side).owner
    }

    fn times(&self, side: Side) -> &Word64 {
        &self.record(side).times
    }

    fn pid(&self, side: Side) -> &Word32 {
        &self.record(side).pid
    }

    fn wake(&self, side: Side) -> &Word32 {
        &self.record(side).wake
    }

    fn armed(&self, side: Side) -> &Word32 {
        &self.record(side).armed
    }

    fn cpu(&self, side: Side) -> &Word32 {
        &self.record(side).cpu
    }

    fn fences(&self, side: Side) -> &Word32 {
        self.channel.0.memory.fences(self.role(side))
    }

    fn wakes(&self) -> &Word64 {
        &self.record(Side::Own).wakes
    }
}

/// Whether the running thread has set its waiting bit and does not sleep yet.
#[must_use]
pub fn is_about_to_sleep() -> bool {
    phase::is_behind(Site::WaitingSet)
}

/// Why an end is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The other end has closed the channel.
    Closed,
    /// It has left it open.
    PeerDetached,
    /// It is dead.
    PeerDied,
    /// The wait was interrupted.
    Interrupted,
}

impl Ended {
    /// Of a push that has waited for room.
    ///
    /// # Panics
    /// For cases that do not occur in a model.
    #[must_use]
    pub fn of_push(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => Ended::Closed,
            Refusal::PeerGone(PeerExit::Detached) => Ended::PeerDetached,
            Refusal::PeerGone(PeerExit::Died { .. }) => Ended::PeerDied,
            other => panic!("{other:?}"),
        }
    }

    /// Of a pop. `None`: there is nothing yet.
    ///
    /// # Panics
    /// For cases that do not occur in a model.
    #[must_use]
    pub fn of_pop(error: PopError) -> Option<Self> {
        match error {
            PopError::Empty => None,
            PopError::Closed => Some(Ended::Closed),
            PopError::PeerGone(PeerExit::Detached) => Some(Ended::PeerDetached),
            PopError::PeerGone(PeerExit::Died { .. }) => Some(Ended::PeerDied),
            PopError::Interrupted => Some(Ended::Interrupted),
            other => panic!("{other}"),
        }
    }
}

/// Closes or detaches an end, with the wake-up that this implies.
pub fn set_flags<M: Signals>(end: &mut End<M>, bits: u32) {
    let domain = Rc::clone(&end.words().channel.0.domain);
    domain.unless(SILENT_FLAGS, || end.set_flags(bits));
}
