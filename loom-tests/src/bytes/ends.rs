//! The ends of a channel: how `channel/pair.rs` and `channel/bytes/{producer,consumer}.rs` of `ipc-ring` use the ring and
//! the sleep protocol.
//!
//! A copy of their steps over mock semaphores, as [`spsc::ends`](crate::spsc::ends) is for the other ring: those files talk
//! to the kernel, so they cannot run here. What differs is that a producer waits for room for one frame, of its length.

use std::rc::Rc;

use ipc_ring::ring::bytes::Memory as _;
use ipc_ring::ring::spsc::Words as _;
use ipc_ring::wait::signal::{self, CLOSED, WAITING};

use super::Heap;
use super::moves::{self, Consuming, Lengths, Producing};
use crate::{Loom, Semaphore, Word32, mutation};

/// Mistakes in the steps below.
pub const NO_SECOND_LOOK: &str = "the waiter sleeps without a second look at the ring (bytes)";
/// See [`NO_SECOND_LOOK`].
pub const CLOSED_BELIEVED: &str = "a pop that sees the closed bit does not look at the ring again (bytes)";
/// See [`NO_SECOND_LOOK`].
pub const CLOSED_MEANS_REFUSED: &str =
    "a push that sees the closed bit does not ask whether its frame was popped (bytes)";
/// See [`NO_SECOND_LOOK`].
pub const ROOM_FOR_ANY: &str = "a producer waits for room for an empty frame, whatever it has to push";

/// See [`NO_SECOND_LOOK`].
pub const ROOM_AWAITED_ASLEEP: &str = "a producer sleeps though the consumer is about to give bytes back";

/// All of them.
pub const MISTAKES: [&str; 5] =
    [ROOM_AWAITED_ASLEEP, NO_SECOND_LOOK, CLOSED_BELIEVED, CLOSED_MEANS_REFUSED, ROOM_FOR_ANY];

/// The stream has been closed by the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// What both ends share.
#[derive(Clone, Debug)]
pub(super) struct Channel(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    ring: Heap,
    producer: Semaphore,
    consumer: Semaphore,
}

impl Channel {
    pub(super) fn new(ring: Heap) -> Self {
        Self(Rc::new(Shared { ring, producer: Semaphore::new(), consumer: Semaphore::new() }))
    }

    pub(super) fn producer(&self, lengths: Lengths) -> ProducerEnd {
        let end = End { channel: self.clone(), producing: true };
        ProducerEnd { ring: moves::producer(&self.0.ring), end, lengths }
    }

    pub(super) fn consumer(&self, lengths: Lengths) -> ConsumerEnd {
        let end = End { channel: self.clone(), producing: false };
        ConsumerEnd { ring: moves::consumer(&self.0.ring), end, lengths }
    }
}

/// As `channel::end::End`.
#[derive(Debug)]
pub(super) struct End {
    channel: Channel,
    producing: bool,
}

impl End {
    fn ring(&self) -> &Heap {
        &self.channel.0.ring
    }

    fn signals(&self) -> (&Word32, &Word32) {
        let (producer, consumer) = (self.ring().producer_signal(), self.ring().consumer_signal());
        if self.producing { (producer, consumer) } else { (consumer, producer) }
    }

    fn semaphores(&self) -> (&Semaphore, &Semaphore) {
        let (producer, consumer) = (&self.channel.0.producer, &self.channel.0.consumer);
        if self.producing { (producer, consumer) } else { (consumer, producer) }
    }

    fn peer_bits(&self) -> u32 {
        signal::seen::<Loom>(self.signals().1)
    }

    fn wake_peer_if(&self, bits: u32) {
        if bits & WAITING != 0 && signal::take::<Loom>(self.signals().1) {
            self.semaphores().1.post();
        }
    }

    /// Announces, looks again with `nothing`, and sleeps if there is nothing and the other end has not closed. `nothing` says
    /// whether something is coming.
    fn sleep_unless(&self, nothing: impl FnOnce() -> Option<bool>, who: &'static str) {
        signal::announce::<Loom>(self.signals().0, self.ring().barrier())
            .expect("no barrier of a model fails");
        let found = nothing();
        let found = if mutation::logic(NO_SECOND_LOOK) { Some(false) } else { found };
        match found {
            Some(coming) if self.peer_bits() & CLOSED == 0 => {
                if !coming || mutation::logic(ROOM_AWAITED_ASLEEP) {
                    crate::reached(who);
                    self.semaphores().0.wait();
                    let _ = signal::withdraw::<Loom>(self.signals().0);
                    return;
                }
                crate::reached("room is coming");
                self.do_not_sleep();
                loom::thread::yield_now();
            }
            _ => self.do_not_sleep(),
        }
    }

    fn do_not_sleep(&self) {
        if signal::withdraw::<Loom>(self.signals().0) {
            let _ = self.semaphores().0.try_wait();
        }
    }

    pub(super) fn close(&self) {
        signal::raise::<Loom>(self.signals().0, CLOSED);
        self.wake_peer_if(signal::look::<Loom>(self.signals().1, self.ring().barrier()));
    }
}

/// As `channel::bytes::Producer`.
#[derive(Debug)]
pub(super) struct ProducerEnd {
    pub(super) ring: Producing,
    pub(super) end: End,
    lengths: Lengths,
}

impl ProducerEnd {
    /// As `push`, of the next frame.
    pub(super) fn push(&mut self) -> Result<(), Closed> {
        loop {
            if let Some(signal) = moves::push(&mut self.ring, self.lengths) {
                return self.acknowledge(signal);
            }
            self.wait_for_room()?;
        }
    }

    fn acknowledge(&self, signal: u32) -> Result<(), Closed> {
        self.end.wake_peer_if(signal);
        if signal & CLOSED == 0 {
            return Ok(());
        }
        // The bits once more, for the edge [C1]: all that the consumer popped before it closed is visible now.
        let popped = self.end.peer_bits() & CLOSED != 0 && self.ring.is_drained();
        if popped && !mutation::logic(CLOSED_MEANS_REFUSED) { Ok(()) } else { Err(Closed) }
    }

    fn has_room(&mut self) -> bool {
        let len = moves::next_len(&self.ring, self.lengths);
        let len = if mutation::logic(ROOM_FOR_ANY) { 0 } else { len };
        self.ring.has_room(len).unwrap_or_else(|corruption| panic!("{corruption}"))
    }

    fn wait_for_room(&mut self) -> Result<(), Closed> {
        loop {
            if self.has_room() {
                return Ok(());
            }
            if self.end.peer_bits() & CLOSED != 0 {
                return Err(Closed);
            }
            let len = moves::next_len(&self.ring, self.lengths);
            let ring = &mut self.ring;
            let full = || {
                let room = ring.has_room(len).unwrap_or_else(|corruption| panic!("{corruption}"));
                (!room).then(|| ring.room_is_coming())
            };
            self.end.sleep_unless(full, "the producer sleeps");
        }
    }
}

/// As `channel::bytes::Consumer`.
#[derive(Debug)]
pub(super) struct ConsumerEnd {
    pub(super) ring: Consuming,
    pub(super) end: End,
    lengths: Lengths,
}

impl ConsumerEnd {
    /// As `pop`, of the next frame.
    pub(super) fn pop(&mut self) -> Result<(), Closed> {
        loop {
            if let Some(result) = self.try_pop() {
                return result;
            }
            let ring = &self.ring;
            self.end.sleep_unless(|| (!ring.has_item()).then_some(false), "the consumer sleeps");
        }
    }

    /// As `try_pop`; `None` for `Empty`.
    pub(super) fn try_pop(&mut self) -> Option<Result<(), Closed>> {
        match moves::pop_waking(&mut self.ring, self.lengths, |signal| self.end.wake_peer_if(signal)) {
            Ok(()) => Some(Ok(())),
            Err(signal) => {
                self.end.wake_peer_if(signal);
                if self.end.peer_bits() & CLOSED == 0 {
                    return None;
                }
                if mutation::logic(CLOSED_BELIEVED) {
                    return Some(Err(Closed));
                }
                match moves::pop_waking(&mut self.ring, self.lengths, |signal| self.end.wake_peer_if(signal))
                {
                    Ok(()) => {
                        crate::reached("the last frame is found by the second look");
                        Some(Ok(()))
                    }
                    Err(_) => Some(Err(Closed)),
                }
            }
        }
    }
}
