//! The ends of a channel: how `channel/{end,pair}.rs` and `channel/spsc/{producer,consumer}.rs` of `ipc-ring` use the ring
//! and the sleep protocol.
//!
//! Those files talk to the kernel, so they cannot run here. This is a copy of their steps, one for one, over mock
//! semaphores; time is left out, so an end that has nothing to do sleeps at once and until it is woken. The functions
//! of [`signal`] and of the ring are production's own.

use std::rc::Rc;

use ipc_ring::platform::Word;
use ipc_ring::ring::spsc::{Memory as _, Words as _};
use ipc_ring::wait::signal::{self, CLOSED, DETACHED, WAITING};
use loom::sync::atomic::Ordering::Relaxed;

use super::Heap;
use super::moves::{self, Consuming, Producing};
use crate::{Loom, Semaphore, Word32, mutation};

/// Mistakes in the steps below.
pub const NO_SECOND_LOOK: &str = "the waiter sleeps without a second look at the ring";
/// See [`NO_SECOND_LOOK`].
pub const NO_SECOND_LOOK_AT_BITS: &str = "the waiter sleeps without a second look at the other end's bits";
/// See [`NO_SECOND_LOOK`].
pub const NO_TOKEN: &str = "the notifier takes the waiting bit and posts no token";
/// See [`NO_SECOND_LOOK`].
pub const CLOSED_BELIEVED: &str = "a pop that sees the closed bit does not look at the ring again";
/// See [`NO_SECOND_LOOK`].
pub const VIEW_CLOSED_BELIEVED: &str = "a view that sees the closed bit does not look at the ring again";
/// See [`NO_SECOND_LOOK`].
pub const CLOSED_MEANS_REFUSED: &str =
    "a push that sees the closed bit does not ask whether its element was popped";
/// See [`NO_SECOND_LOOK`].
pub const SILENT_RAISE: &str = "closing and detaching wake nobody";
/// See [`NO_SECOND_LOOK`].
pub const DETACHED_IGNORED: &str = "a producer goes to sleep on a consumer that has detached";
/// See [`NO_SECOND_LOOK`].
pub const POP_WAKES_NOBODY: &str = "the signal that a pop gives is not acted upon";

/// See [`NO_SECOND_LOOK`].
pub const SILENT_SEAT: &str = "who takes a dead end's seat wakes nobody";

/// See [`NO_SECOND_LOOK`].
pub const ROOM_AWAITED_ASLEEP: &str = "a producer sleeps though the consumer is about to give a slot back";

/// All of them.
pub const MISTAKES: [&str; 11] = [
    ROOM_AWAITED_ASLEEP,
    SILENT_SEAT,
    NO_SECOND_LOOK,
    NO_SECOND_LOOK_AT_BITS,
    NO_TOKEN,
    CLOSED_BELIEVED,
    VIEW_CLOSED_BELIEVED,
    CLOSED_MEANS_REFUSED,
    SILENT_RAISE,
    DETACHED_IGNORED,
    POP_WAKES_NOBODY,
];

/// Why an end has nothing more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Closed,
    PeerDetached,
}

/// The producer's wake semaphore.
pub(super) const PRODUCER: u32 = 1;
/// The consumer's wake semaphore.
pub(super) const CONSUMER: u32 = 2;
/// The wake semaphore of a second consumer.
pub(super) const SUCCESSOR: u32 = 3;

/// What both ends share: the ring, the numbers of their semaphores, the semaphores.
#[derive(Clone, Debug)]
pub(super) struct Channel(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    ring: Heap,
    producer_wake: Word32,
    consumer_wake: Word32,
    semaphores: [Semaphore; 3],
}

impl Channel {
    /// A channel with both seats taken.
    pub(super) fn new(ring: Heap) -> Self {
        Self(Rc::new(Shared {
            ring,
            producer_wake: Word32::checked(PRODUCER),
            consumer_wake: Word32::checked(CONSUMER),
            semaphores: [Semaphore::new(), Semaphore::new(), Semaphore::new()],
        }))
    }

    pub(super) fn semaphore(&self, wake: u32) -> &Semaphore {
        &self.0.semaphores[wake as usize - 1]
    }

    /// The holder of the producer's seat.
    pub(super) fn producer(&self) -> ProducerEnd {
        ProducerEnd { ring: moves::producer(&self.0.ring), end: self.end(PRODUCER) }
    }

    /// The holder of the consumer's seat.
    pub(super) fn consumer(&self) -> ConsumerEnd {
        ConsumerEnd { ring: moves::consumer(&self.0.ring), end: self.end(CONSUMER) }
    }

    /// A producer that takes the seat of one that died, with its semaphore.
    pub(super) fn next_producer(&self) -> ProducerEnd {
        let end = self.end(PRODUCER);
        end.take_seat();
        ProducerEnd { ring: moves::producer(&self.0.ring), end }
    }

    /// A consumer that takes the seat of one that died, with a semaphore of its own.
    pub(super) fn next_consumer(&self) -> ConsumerEnd {
        let end = self.end(SUCCESSOR);
        end.take_seat();
        ConsumerEnd { ring: moves::consumer(&self.0.ring), end }
    }

    fn end(&self, wake: u32) -> End {
        End { channel: self.clone(), wake }
    }
}

/// As `channel::end::End`.
#[derive(Debug)]
pub(super) struct End {
    channel: Channel,
    wake: u32,
}

impl End {
    fn is_producer(&self) -> bool {
        self.wake == PRODUCER
    }

    fn ring(&self) -> &Heap {
        &self.channel.0.ring
    }

    fn own_signal(&self) -> &Word32 {
        if self.is_producer() { self.ring().producer_signal() } else { self.ring().consumer_signal() }
    }

    fn peer_signal(&self) -> &Word32 {
        if self.is_producer() { self.ring().consumer_signal() } else { self.ring().producer_signal() }
    }

    fn own_wake(&self) -> &Word32 {
        if self.is_producer() { &self.channel.0.producer_wake } else { &self.channel.0.consumer_wake }
    }

    fn peer_wake(&self) -> &Word32 {
        if self.is_producer() { &self.channel.0.consumer_wake } else { &self.channel.0.producer_wake }
    }

    fn take_seat(&self) {
        self.own_signal().fetch_and(!(WAITING | DETACHED), Relaxed);
        self.own_wake().store(self.wake, Relaxed);
        if !mutation::logic(SILENT_SEAT) {
            self.wake_peer_if(signal::look::<Loom>(self.peer_signal(), self.ring().barrier()));
        }
    }

    fn peer_bits(&self) -> u32 {
        signal::seen::<Loom>(self.peer_signal())
    }

    pub(super) fn wake_peer_if(&self, bits: u32) {
        if bits & WAITING == 0 || !signal::take::<Loom>(self.peer_signal()) {
            return;
        }
        let wake = self.peer_wake().load(Relaxed);
        if !mutation::logic(NO_TOKEN) {
            self.channel.semaphore(wake).post();
        }
    }

    fn announce(&self) {
        signal::announce::<Loom>(self.own_signal(), self.ring().barrier())
            .expect("no barrier of a model fails");
    }

    fn sleep(&self) {
        self.channel.semaphore(self.wake).wait();
        let _ = signal::withdraw::<Loom>(self.own_signal());
    }

    /// Also what a sleep does whose time has come.
    fn do_not_sleep(&self) {
        if signal::withdraw::<Loom>(self.own_signal()) {
            crate::reached("withdrawn while a token is under way");
            let _ = self.channel.semaphore(self.wake).try_wait();
        }
    }

    fn raise(&self, bits: u32) {
        signal::raise::<Loom>(self.own_signal(), bits);
        if !mutation::logic(SILENT_RAISE) {
            self.wake_peer_if(signal::look::<Loom>(self.peer_signal(), self.ring().barrier()));
        }
    }

    pub(super) fn close(&self) {
        self.raise(CLOSED);
    }

    pub(super) fn detach(&self) {
        self.raise(DETACHED);
    }
}

/// As `channel::spsc::Producer`.
#[derive(Debug)]
pub(super) struct ProducerEnd {
    pub(super) ring: Producing,
    pub(super) end: End,
}

impl ProducerEnd {
    /// As `push`, of the next element. On `Closed` the caller has its message back.
    pub(super) fn push(&mut self) -> Result<(), Ended> {
        loop {
            if let Some(signal) = moves::push(&mut self.ring) {
                return self.acknowledge(signal);
            }
            self.wait_for_room()?;
        }
    }

    fn acknowledge(&self, signal: u32) -> Result<(), Ended> {
        self.end.wake_peer_if(signal);
        if signal & CLOSED == 0 {
            return Ok(());
        }
        // The bits once more, for the edge [C1]: all that the consumer popped before it closed is visible now.
        let popped = self.end.peer_bits() & CLOSED != 0 && self.ring.is_drained();
        if popped && !mutation::logic(CLOSED_MEANS_REFUSED) { Ok(()) } else { Err(Ended::Closed) }
    }

    fn has_room(&mut self) -> bool {
        self.ring.has_room().unwrap_or_else(|corruption| panic!("{corruption}"))
    }

    fn wait_for_room(&mut self) -> Result<(), Ended> {
        loop {
            if self.has_room() {
                return Ok(());
            }
            let bits = self.end.peer_bits();
            if bits & CLOSED != 0 {
                return Err(Ended::Closed);
            }
            if bits & DETACHED != 0 {
                return if self.has_room() { Ok(()) } else { Err(Ended::PeerDetached) };
            }
            self.end.announce();
            let over = if mutation::logic(DETACHED_IGNORED) { CLOSED } else { CLOSED | DETACHED };
            let full = mutation::logic(NO_SECOND_LOOK) || !self.has_room();
            if !full || (!mutation::logic(NO_SECOND_LOOK_AT_BITS) && self.end.peer_bits() & over != 0) {
                self.end.do_not_sleep();
            } else if self.ring.room_is_coming() && !mutation::logic(ROOM_AWAITED_ASLEEP) {
                crate::reached("room is coming");
                self.end.do_not_sleep();
                loom::thread::yield_now();
            } else {
                crate::reached("the producer sleeps");
                self.end.sleep();
            }
        }
    }
}

/// As `channel::spsc::Consumer`.
#[derive(Debug)]
pub(super) struct ConsumerEnd {
    pub(super) ring: Consuming,
    pub(super) end: End,
}

impl ConsumerEnd {
    /// As `pop`, of the next element.
    pub(super) fn pop(&mut self) -> Result<(), Ended> {
        loop {
            if let Some(result) = self.try_pop() {
                return result;
            }
            self.end.announce();
            let over = CLOSED | DETACHED;
            let empty = mutation::logic(NO_SECOND_LOOK) || !self.ring.has_item();
            if empty && (mutation::logic(NO_SECOND_LOOK_AT_BITS) || self.end.peer_bits() & over == 0) {
                crate::reached("the consumer sleeps");
                self.end.sleep();
            } else {
                self.end.do_not_sleep();
            }
        }
    }

    /// As `try_pop`; `None` for `Empty`.
    pub(super) fn try_pop(&mut self) -> Option<Result<(), Ended>> {
        let wake = |signal| {
            if !mutation::logic(POP_WAKES_NOBODY) {
                self.end.wake_peer_if(signal);
            }
        };
        match moves::pop_waking(&mut self.ring, wake) {
            Ok(()) => Some(Ok(())),
            Err(signal) => self.nothing(signal),
        }
    }

    fn nothing(&mut self, signal: u32) -> Option<Result<(), Ended>> {
        self.end.wake_peer_if(signal);
        let ended = self.ended()?;
        if mutation::logic(CLOSED_BELIEVED) {
            return Some(Err(ended));
        }
        match moves::pop_waking(&mut self.ring, |signal| self.end.wake_peer_if(signal)) {
            Ok(()) => {
                crate::reached("the last element is found by the second look");
                Some(Ok(()))
            }
            Err(_) => Some(Err(ended)),
        }
    }

    fn ended(&self) -> Option<Ended> {
        let bits = self.end.peer_bits();
        if bits & CLOSED != 0 {
            Some(Ended::Closed)
        } else if bits & DETACHED != 0 {
            Some(Ended::PeerDetached)
        } else {
            None
        }
    }

    /// As `try_view` and `View::release`; `None` for `Empty`.
    pub(super) fn try_view(&mut self) -> Option<Result<(), Ended>> {
        let expected = self.ring.position() + 1;
        if !self.ring.has_item() {
            let signal = match self.ring.try_view() {
                Ok(Ok(_)) => None,
                Ok(Err(signal)) => Some(signal),
                Err(corruption) => panic!("{corruption}"),
            };
            if let Some(signal) = signal {
                self.end.wake_peer_if(signal);
                if let Some(ended) = self.ended()
                    && (mutation::logic(VIEW_CLOSED_BELIEVED) || !self.ring.has_item())
                {
                    return Some(Err(ended));
                }
            }
        }
        match self.ring.try_view() {
            Ok(Ok(view)) => {
                assert_eq!(view.read(), expected, "elements come in order, none lost, none twice");
                self.end.wake_peer_if(view.release());
                Some(Ok(()))
            }
            Ok(Err(_)) => None,
            Err(corruption) => panic!("{corruption}"),
        }
    }

    /// As `pop_deadline` whose time has come: announces, looks, and gives the sleep up at once.
    pub(super) fn pop_and_give_up(&mut self) -> Option<Result<(), Ended>> {
        let result = self.try_pop();
        if result.is_none() {
            self.end.announce();
            if !self.ring.has_item() {
                crate::reached("gives up");
            }
            self.end.do_not_sleep();
        }
        result
    }
}
