//! The ends of a channel: those of production, over loom's words and mock semaphores, with a model's checks.

use ipc_ring::end::bytes as end;
use ipc_ring::memory::Ring as _;
use ipc_ring::wait::park::Waiter as _;
use ipc_ring::wait::signal::{CLOSED, DETACHED};

use super::Heap;
use super::moves::{self, Lengths};
use crate::kernel::Kernel;
use crate::pair::{self, CONSUMER, Ended, NEXT_CONSUMER, NEXT_PRODUCER, PRODUCER, Role, Seat};

/// A channel whose ends push and pop frames of these lengths repeatedly.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) pair: pair::Channel<Heap>,
    lengths: Lengths,
}

impl Channel {
    pub(super) fn new(ring: Heap, lengths: Lengths) -> Self {
        Self { pair: pair::Channel::new(ring), lengths }
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

    fn producer_of(&self, owner: u32) -> ProducerEnd {
        let end = self.pair.seat(Role::Producer, owner);
        let core = end::Producer::new(moves::producer(&self.pair.memory()), end);
        ProducerEnd { core, lengths: self.lengths }
    }

    fn consumer_of(&self, owner: u32) -> ConsumerEnd {
        let end = self.pair.seat(Role::Consumer, owner);
        let core = end::Consumer::new(moves::consumer(&self.pair.memory()), end);
        ConsumerEnd { core, lengths: self.lengths }
    }
}

/// `end::bytes::Producer`.
#[derive(Debug)]
pub(super) struct ProducerEnd {
    core: end::Producer<Heap, Seat<Heap>, Kernel>,
    lengths: Lengths,
}

impl ProducerEnd {
    /// The number of the next frame.
    pub(super) fn pushed(&self) -> u64 {
        moves::pushed(&self.core.ring, self.lengths)
    }

    /// An end that keeps waiting when the other one is dead.
    pub(super) fn awaiting_successors(mut self) -> Self {
        self.core.end.waits_mut().set_awaits_successors(true);
        self
    }

    /// Pushes the next frame, waiting for room.
    pub(super) fn push(&mut self) -> Result<(), Ended> {
        let capacity = self.core.ring.memory().capacity();
        let (_, frame) = moves::laid(self.core.ring.position(), capacity, self.lengths);
        self.core.push(&frame.payload(capacity), None).map_err(Ended::of_push)?;
        if frame.start > frame.position {
            crate::reached("padding");
        }
        Ok(())
    }

    /// Closes or detaches.
    pub(super) fn end(&mut self, how: Ended) {
        pair::set_flags(&mut self.core.end, bit(how));
    }
}

/// `end::bytes::Consumer`.
#[derive(Debug)]
pub(super) struct ConsumerEnd {
    core: end::Consumer<Heap, Seat<Heap>, Kernel>,
    lengths: Lengths,
}

impl ConsumerEnd {
    /// The number of the next frame.
    pub(super) fn popped(&self) -> u64 {
        moves::popped(&self.core.ring, self.lengths)
    }

    /// An end that keeps waiting when the other one is dead.
    pub(super) fn awaiting_successors(mut self) -> Self {
        self.core.end.waits_mut().set_awaits_successors(true);
        self
    }

    fn next(&self) -> Vec<u8> {
        let capacity = self.core.ring.memory().capacity();
        moves::laid(self.core.ring.position(), capacity, self.lengths).1.payload(capacity)
    }

    fn expect(expected: &[u8], found: &[u8]) {
        assert_eq!(found, expected, "frames come whole and in order, none lost, none twice");
    }

    /// Pops the next frame, waiting for it.
    pub(super) fn pop(&mut self) -> Result<(), Ended> {
        let (expected, mut out) = (self.next(), Vec::new());
        match self.core.pop(&mut &mut out, None) {
            Ok(_) => Self::expect(&expected, &out),
            Err(error) => return Err(Ended::of_pop(error).expect("a pop waits while the ring is empty")),
        }
        Ok(())
    }

    /// Pops the next frame if there is one; `None` when there is none.
    pub(super) fn try_pop(&mut self) -> Option<Result<(), Ended>> {
        let (expected, mut out) = (self.next(), Vec::new());
        match self.core.try_pop(&mut &mut out) {
            Ok(_) => Self::expect(&expected, &out),
            Err(error) => return Ended::of_pop(error).map(Err),
        }
        Some(Ok(()))
    }

    /// Reads the next frame in place, then pops it; `None` when there is none.
    pub(super) fn try_view(&mut self) -> Option<Result<(), Ended>> {
        let expected = self.next();
        if let Err(error) = self.core.look() {
            return Ended::of_pop(error).map(Err);
        }
        let signal = match self.core.ring.try_view() {
            Ok(Ok(view)) => {
                let mut out = vec![0; view.len()];
                view.read(0, &mut out);
                Self::expect(&expected, &out);
                view.release()
            }
            Ok(Err(_)) => return None,
            Err(corruption) => panic!("{corruption}"),
        };
        self.core.end.wake_peer_if(signal);
        Some(Ok(()))
    }

    /// Closes or detaches.
    pub(super) fn end(&mut self, how: Ended) {
        pair::set_flags(&mut self.core.end, bit(how));
    }
}

fn bit(how: Ended) -> u32 {
    match how {
        Ended::Closed => CLOSED,
        Ended::PeerDetached => DETACHED,
        Ended::PeerDied | Ended::Interrupted => unreachable!("the dead say nothing"),
    }
}
