//! The ends of a channel: those of production, over loom's words and mock semaphores, with a model's checks.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::rc::Rc;

use ipc_ring::end::spsc as end;
use ipc_ring::wait::park::Waiter as _;
use ipc_ring::wait::signal::{CLOSED, DETACHED};

use super::Heap;
use super::moves;
use crate::kernel::{Domain, Handle, Kernel};
use crate::pair::{self, CONSUMER, Ended, NEXT_CONSUMER, NEXT_PRODUCER, PRODUCER, Role, Seat};

/// A channel whose ends count what they push and pop.
#[derive(Clone, Debug)]
pub(super) struct Channel(pub(super) pair::Channel<Heap>);

impl Channel {
    pub(super) fn new(ring: Heap) -> Self {
        Self(pair::Channel::new(ring))
    }

    /// As [`new`](Self::new), in a domain that it shares with others.
    pub(super) fn within(ring: Heap, domain: &Rc<Domain>) -> Self {
        Self(pair::Channel::within(ring, domain))
    }

    /// The first holder of the producer's seat.
    pub(super) fn producer(&self) -> ProducerEnd {
        self.producer_of(PRODUCER)
    }

    /// The first holder of the consumer's seat.
    pub(super) fn consumer(&self) -> ConsumerEnd {
        self.consumer_of(CONSUMER)
    }

    /// A producer that takes the seat of one that died.
    pub(super) fn next_producer(&self) -> ProducerEnd {
        self.producer_of(NEXT_PRODUCER)
    }

    /// A consumer that takes the seat of one that died.
    pub(super) fn next_consumer(&self) -> ConsumerEnd {
        self.consumer_of(NEXT_CONSUMER)
    }

    pub(super) fn producer_of(&self, owner: u32) -> ProducerEnd {
        let end = self.0.seat(Role::Producer, owner);
        ProducerEnd(end::Producer { ring: moves::producer(&self.0.memory()), end })
    }

    pub(super) fn consumer_of(&self, owner: u32) -> ConsumerEnd {
        let end = self.0.seat(Role::Consumer, owner);
        ConsumerEnd(end::Consumer::new(moves::consumer(&self.0.memory()), end))
    }
}

/// `end::spsc::Producer`.
#[derive(Debug)]
pub(super) struct ProducerEnd(pub(super) end::Producer<Heap, Seat<Heap>, Kernel>);

impl ProducerEnd {
    pub(super) fn position(&self) -> u64 {
        self.0.ring.position()
    }

    /// An end that keeps waiting when the other one is dead.
    pub(super) fn awaiting_successors(mut self) -> Self {
        self.0.end.waits_mut().set_awaits_successors(true);
        self
    }

    /// Pushes the next element, waiting for room. On `Closed` the message is returned to the caller.
    pub(super) fn push(&mut self) -> Result<(), Ended> {
        let item = self.position() + 1;
        self.0.push(&item, None).map_err(Ended::of_push)
    }

    pub(super) fn close(&mut self) {
        pair::set_flags(&mut self.0.end, CLOSED);
    }

    pub(super) fn detach(&mut self) {
        pair::set_flags(&mut self.0.end, DETACHED);
    }
}

/// `end::spsc::Consumer`.
#[derive(Debug)]
pub(super) struct ConsumerEnd(pub(super) end::Consumer<Heap, Seat<Heap>, Kernel>);

impl ConsumerEnd {
    pub(super) fn position(&self) -> u64 {
        self.0.ring.position()
    }

    fn expect(expected: u64, place: MaybeUninit<u64>) {
        // SAFETY: it was initialised, and the element copied over that.
        let item = unsafe { place.assume_init() };
        assert_eq!(item, expected, "elements come in order, none lost, none twice");
    }

    /// An end that keeps waiting when the other one is dead.
    pub(super) fn awaiting_successors(mut self) -> Self {
        self.0.end.waits_mut().set_awaits_successors(true);
        self
    }

    /// A handle that interrupts its waits.
    pub(super) fn interrupter(&self) -> Rc<Handle> {
        self.0.end.host().interrupter()
    }

    /// From now on it sleeps on this semaphore.
    pub(super) fn sleeps_on(&self, wake: u32) {
        self.0.end.host().sleeps_on(wake);
    }

    /// Pops the next element, waiting for it.
    pub(super) fn pop(&mut self) -> Result<(), Ended> {
        let (expected, mut place) = (self.position() + 1, MaybeUninit::new(0));
        match self.0.pop(&mut place, None) {
            Ok(()) => Self::expect(expected, place),
            Err(error) => return Err(Ended::of_pop(error).expect("a pop waits while the ring is empty")),
        }
        Ok(())
    }

    /// Pops the next element if there is one; `None` when there is none.
    pub(super) fn try_pop(&mut self) -> Option<Result<(), Ended>> {
        let (expected, mut place) = (self.position() + 1, MaybeUninit::new(0));
        match self.0.try_pop(&mut place) {
            Ok(()) => Self::expect(expected, place),
            Err(error) => return Ended::of_pop(error).map(Err),
        }
        Some(Ok(()))
    }

    /// Reads the next element in place, then pops it; `None` when there is none.
    pub(super) fn try_view(&mut self) -> Option<Result<(), Ended>> {
        let expected = self.position() + 1;
        if let Err(error) = self.0.look() {
            return Ended::of_pop(error).map(Err);
        }
        let signal = match self.0.ring.try_view() {
            Ok(Ok(view)) => {
                assert_eq!(view.read(), expected, "elements come in order, none lost, none twice");
                view.release()
            }
            Ok(Err(_)) => return None,
            Err(corruption) => panic!("{corruption}"),
        };
        self.0.end.wake_peer_if(signal);
        Some(Ok(()))
    }

    /// The next sleep ends at once, as by its timeout.
    pub(super) fn give_up_next(&self) {
        self.0.end.host().give_up_next();
    }

    pub(super) fn close(&mut self) {
        pair::set_flags(&mut self.0.end, CLOSED);
    }

    pub(super) fn detach(&mut self) {
        pair::set_flags(&mut self.0.end, DETACHED);
    }
}
