//! The ends of a channel: those of production, over loom's words and mock semaphores, with a model's checks.

use ipc_ring::end::call as end;
use ipc_ring::ring::call::{Caller, Responder};
use ipc_ring::wait::park::Waiter as _;
use ipc_ring::wait::signal::{CLOSED, DETACHED};

use super::Heap;
use crate::kernel::Kernel;
use crate::pair::{self, CONSUMER, Ended, NEXT_CONSUMER, NEXT_PRODUCER, PRODUCER, Role, Seat};

/// A channel; the caller has the producer's seat.
#[derive(Clone, Debug)]
pub(super) struct Channel(pub(super) pair::Channel<Heap>);

impl Channel {
    pub(super) fn new(ring: Heap) -> Self {
        Self(pair::Channel::new(ring))
    }

    pub(super) fn caller(&self) -> CallerEnd {
        self.caller_of(PRODUCER)
    }

    /// A caller that takes the seat of one that died.
    pub(super) fn next_caller(&self) -> CallerEnd {
        self.caller_of(NEXT_PRODUCER)
    }

    pub(super) fn responder(&self) -> ResponderEnd {
        self.responder_of(CONSUMER)
    }

    /// A responder that takes the seat of one that died.
    pub(super) fn next_responder(&self) -> ResponderEnd {
        self.responder_of(NEXT_CONSUMER)
    }

    fn caller_of(&self, owner: u32) -> CallerEnd {
        let end = self.0.seat(Role::Producer, owner);
        CallerEnd(end::Caller { ring: Caller::attach(self.0.memory()).expect("a sound line"), end })
    }

    fn responder_of(&self, owner: u32) -> ResponderEnd {
        let end = self.0.seat(Role::Consumer, owner);
        ResponderEnd(end::Responder { ring: Responder::attach(self.0.memory()).expect("a sound line"), end })
    }
}

/// The reply that a request must have.
pub(super) const fn answer(request: u64) -> u64 {
    request + 1000
}

/// `end::call::Caller`.
pub(super) struct CallerEnd(pub(super) end::Caller<Heap, Seat<Heap>, Kernel>);

impl CallerEnd {
    /// Calls with a request of its own number. A call of the previous caller is waited for.
    pub(super) fn call(&mut self, request: u64) {
        let reply = self.0.call(&request, None, |_| Ok(false)).expect("a responder answers");
        assert_eq!(reply, answer(request), "the reply is to this request");
    }

    pub(super) fn ask(&mut self, request: u64) {
        self.0.ask(&request).expect("no call is in flight");
    }

    pub(super) fn close(&mut self) {
        pair::set_flags(&mut self.0.end, CLOSED);
    }

    pub(super) fn detach(&mut self) {
        pair::set_flags(&mut self.0.end, DETACHED);
    }
}

/// `end::call::Responder`.
pub(super) struct ResponderEnd(pub(super) end::Responder<Heap, Seat<Heap>, Kernel>);

impl ResponderEnd {
    /// An end that keeps waiting when the other one is dead.
    pub(super) fn awaiting_successors(mut self) -> Self {
        self.0.end.waits_mut().set_awaits_successors(true);
        self
    }

    /// Serves one request; returns its number and how often it was taken before.
    pub(super) fn serve(&mut self) -> Result<(u64, u8), Ended> {
        if let Err(error) = self.0.wait_for_request(None) {
            return Err(Ended::of_pop(error).expect("who waits has something or an end"));
        }
        let taken = self.0.ring.take().expect("a sound line");
        self.0.reply(&answer(taken.request));
        Ok((taken.number, taken.attempt))
    }
}
