//! The ends of a channel: those of production, over loom's words and mock semaphores.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::rc::Rc;

use ipc_ring::end::broadcast::{self as end, End, PUBLISHER, SUBSCRIBER, frames};
use ipc_ring::platform::Word as _;
use ipc_ring::ring::broadcast::{self as ring, Control, Resume, Seat, Start, seat};
use ipc_ring::wait::park::Waiter as _;
use ipc_ring::wait::signal::{CLOSED, DETACHED};
use loom::sync::atomic::Ordering::{Relaxed, Release};
use loom::thread::{self, JoinHandle};

use super::frames::{Frames, frame};
use super::memory::{Heap, message};
use crate::Loom;
use crate::kernel::{Domain, Kernel};
use crate::pair::{Ended, SILENT_FLAGS, SILENT_SEAT};
use crate::participants::{self, Table};

/// A channel whose ends have the number of their process.
#[derive(Debug)]
pub(crate) struct Channel<M> {
    seats: participants::Channel<M>,
    domain: Rc<Domain>,
}

impl<M> Clone for Channel<M> {
    fn clone(&self) -> Self {
        Self { seats: self.seats.clone(), domain: Rc::clone(&self.domain) }
    }
}

/// Wake semaphores, one for each process.
const SEMAPHORES: u32 = 4;
/// Bytes of each frame.
const FRAME: usize = 8;

impl<M: Control<Platform = Loom> + participants::Ring + Clone> Channel<M> {
    /// A channel in which no process dies. The masks have one bit.
    pub(super) fn immortal(ring: M) -> Self {
        Self::within(ring, &Domain::immortal(SEMAPHORES), 1)
    }

    /// A channel whose ends may die. The masks have one bit.
    pub(super) fn mortal(ring: M) -> Self {
        Self::within(ring, &Domain::new(SEMAPHORES), 1)
    }

    /// A channel in a domain that it may share with others, with this number of mask bits in use.
    pub(crate) fn within(ring: M, domain: &Rc<Domain>, bits: u16) -> Self {
        let (barrier, domain) = (ring.barrier(), Rc::clone(domain));
        Self { seats: participants::Channel::new(ring, barrier, bits, Rc::clone(&domain)), domain }
    }

    /// The kernel.
    pub(super) fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The publisher's seat, as `channel::broadcast` takes it.
    fn publishing(&self, owner: u32) -> End<M, Table<M>, Kernel> {
        let ring = self.seats.memory();
        let number = Control::seats(&ring);
        participants::Ring::identity(&ring, number).store(u64::from(owner), Release);
        ring.publishers().fetch_add(1, Relaxed);
        let place = self.seats.sit_down(number, owner, PUBLISHER, "the publisher sleeps");
        End::new(ring, place)
    }

    /// A subscriber's seat.
    fn subscribing(&self, owner: u32) -> (End<M, Table<M>, Kernel>, Seat) {
        let ring = self.seats.memory();
        let identity = NonZeroU64::new(u64::from(owner)).expect("not 0");
        let seat = seat::take(&ring, identity).expect("a free seat");
        let place = self.seats.sit_down(seat.number(), owner, SUBSCRIBER, "a subscriber sleeps");
        (End::new(ring, place), seat)
    }
}

/// Signals how the publisher goes.
fn set_flags<M: Control<Platform = Loom> + participants::Ring + Clone>(
    domain: &Domain,
    end: &mut End<M, Table<M>, Kernel>,
    how: Ended,
) {
    let bits = match how {
        Ended::Closed => CLOSED,
        Ended::PeerDetached => DETACHED,
        Ended::PeerDied | Ended::Interrupted => unreachable!("a dead end does nothing"),
    };
    domain.unless(SILENT_FLAGS, || end.set_flags(bits));
}

impl Channel<Heap> {
    /// The publisher of this number.
    pub(crate) fn publisher(&self, owner: u32) -> PublisherEnd {
        let end = self.publishing(owner);
        let ring = ring::Publisher::attach(self.seats.memory()).expect("the ring is sound");
        PublisherEnd { core: end::Publisher::new(ring, end), domain: Rc::clone(&self.domain) }
    }

    /// A publisher that takes the seat of one that died.
    pub(super) fn next_publisher(&self, owner: u32) -> PublisherEnd {
        self.domain.unless(SILENT_SEAT, || self.publisher(owner))
    }

    /// The subscriber of this number.
    pub(crate) fn subscriber(&self, owner: u32) -> SubscriberEnd {
        let (end, seat) = self.subscribing(owner);
        let ring = ring::Subscriber::join(self.seats.memory(), seat, Start::Oldest, Resume::Oldest, || true);
        SubscriberEnd(end::Subscriber { ring: ring.expect("no barrier of a model fails"), end })
    }

    /// A thread that pops once and is already asleep.
    pub(crate) fn sleeper(&self, owner: u32) -> JoinHandle<()> {
        self.asleep(self.subscriber(owner))
    }

    /// As [`sleeper`](Self::sleeper), of a subscriber that is there.
    pub(super) fn asleep(&self, mut subscriber: SubscriberEnd) -> JoinHandle<()> {
        subscriber.0.end.place.host().say_when_asleep();
        let sleeper = thread::spawn(move || subscriber.pop().expect("no end goes"));
        self.domain.wait_for_sleeper();
        sleeper
    }
}

/// `end::broadcast::Publisher`.
#[derive(Debug)]
pub(crate) struct PublisherEnd {
    core: end::Publisher<Heap, Heap, Table<Heap>, Kernel>,
    domain: Rc<Domain>,
}

impl PublisherEnd {
    /// Publishes the next message, waiting for room.
    pub(crate) fn publish(&mut self) {
        let item = message(self.core.ring.position());
        self.core.publish(&item, None).expect("no end of the stream");
    }

    /// Closes or detaches.
    pub(super) fn end(&mut self, how: Ended) {
        set_flags(&self.domain, &mut self.core.end, how);
    }
}

/// `end::broadcast::Subscriber`.
#[derive(Debug)]
pub(crate) struct SubscriberEnd(pub(crate) end::Subscriber<Heap, Heap, Table<Heap>, Kernel>);

impl SubscriberEnd {
    /// An end that continues to wait when the publisher is gone.
    pub(super) fn awaiting_successors(mut self) -> Self {
        self.0.end.place.waits_mut().set_awaits_successors(true);
        self
    }

    /// The number of messages popped.
    pub(super) fn position(&self) -> u64 {
        self.0.ring.position()
    }

    /// Pops the next message, waiting for it.
    pub(crate) fn pop(&mut self) -> Result<(), Ended> {
        let (expected, mut place) = (message(self.position()), MaybeUninit::new([0; 2]));
        match self.0.pop(&mut place, None) {
            // SAFETY: it was initialised, and the message copied over that.
            Ok(()) => assert_eq!(unsafe { place.assume_init() }, expected, "messages come in order"),
            Err(error) => return Err(Ended::of_pop(error).expect("a wait does not find nothing")),
        }
        Ok(())
    }

    /// Views the next message if there is one, and pops it. False: there is none.
    pub(super) fn view(&mut self) -> Result<bool, Ended> {
        match self.0.before_view() {
            Ok(()) => {}
            Err(error) => return Err(Ended::of_pop(error).expect("nothing is no error here")),
        }
        let expected = message(self.position());
        let Ok(view) = self.0.ring.try_view() else { return Ok(false) };
        assert_eq!(view.read(), expected, "messages come in order");
        if view.release() {
            self.0.end.wake_publisher();
        }
        Ok(true)
    }

    /// As an end leaves in `channel::broadcast`, except for the work under the domain's lock.
    pub(super) fn leave(self) {
        let end::Subscriber { ring, mut end } = self.0;
        let front = ring.memory().clone();
        end.place.vacate(|| seat::leave(&front, ring.into_seat().expect("it has one")));
        end.place.hand_on();
        end.wake_publisher();
    }
}

impl Channel<Frames> {
    /// The publisher of this number.
    pub(super) fn frame_publisher(&self, owner: u32) -> FramePublisher {
        let end = self.publishing(owner);
        let ring = ring::frames::Publisher::attach(self.seats.memory()).expect("the ring is sound");
        FramePublisher { core: frames::Publisher::new(ring, end), domain: Rc::clone(&self.domain) }
    }

    /// The subscriber of this number.
    pub(super) fn frame_subscriber(&self, owner: u32) -> FrameSubscriber {
        let (end, seat) = self.subscribing(owner);
        let start = ring::frames::Start::Oldest;
        let joined =
            ring::frames::Subscriber::join(self.seats.memory(), seat, start, Resume::Oldest, || true);
        FrameSubscriber(frames::Subscriber {
            ring: joined.map_err(|(error, _)| error).expect("a start"),
            end,
        })
    }
}

/// `end::broadcast::frames::Publisher`.
#[derive(Debug)]
pub(super) struct FramePublisher {
    core: frames::Publisher<Frames, Frames, Table<Frames>, Kernel>,
    domain: Rc<Domain>,
}

impl FramePublisher {
    /// Publishes the next frame, waiting for room.
    pub(super) fn publish(&mut self) {
        let frame = frame(self.core.ring.sequence(), FRAME);
        self.core.publish(&frame, None).expect("no end of the stream");
    }

    /// Closes or detaches.
    pub(super) fn end(&mut self, how: Ended) {
        set_flags(&self.domain, &mut self.core.end, how);
    }
}

/// `end::broadcast::frames::Subscriber`.
#[derive(Debug)]
pub(super) struct FrameSubscriber(frames::Subscriber<Frames, Frames, Table<Frames>, Kernel>);

impl FrameSubscriber {
    /// Pops the next frame, waiting for it.
    pub(super) fn pop(&mut self) -> Result<(), Ended> {
        let (expected, mut out) = (frame(self.0.ring.sequence(), FRAME), Vec::new());
        match self.0.pop(&mut &mut out, None) {
            Ok(_) => assert_eq!(out, expected, "frames come in order"),
            Err(error) => return Err(Ended::of_pop(error).expect("a wait does not find nothing")),
        }
        Ok(())
    }

    /// Checks the next frame in place, and pops it. False: there is none.
    pub(super) fn view(&mut self) -> Result<bool, Ended> {
        match self.0.before_view() {
            Ok(()) => {}
            Err(error) => return Err(Ended::of_pop(error).expect("nothing is no error here")),
        }
        let Ok(view) = self.0.ring.try_view() else { return Ok(false) };
        if view.release() {
            self.0.end.wake_publisher();
        }
        Ok(true)
    }
}
