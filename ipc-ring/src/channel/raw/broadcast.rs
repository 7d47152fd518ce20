//! The raw ends of a [`broadcast`](crate::broadcast) channel.

use std::mem::MaybeUninit;

use super::end::{Patience, Received, Receiving, Sending};
use super::opening::Opening;
use super::{ElementInfo, ReceiveError, SendError};
use crate::channel::PeerState;
use crate::channel::broadcast::end::{End, TAKERS, settle_mode};
use crate::channel::broadcast::publisher::{leave, not_woken};
use crate::channel::broadcast::settle::{self, Nothing};
use crate::channel::broadcast::waiting::{self, Poll};
use crate::channel::open::{self, Creation};
use crate::channel::pair::Ending;
use crate::channel::participant::Participant;
use crate::channel::seated::Seated;
use crate::channel::successor::{self, Follower, Side};
use crate::channel::wait_set::News;
use crate::error::{AttachError, PopError, PushError};
use crate::interrupter::Interrupter;
use crate::memory::Shaped;
use crate::ring::broadcast::{self as ring, MappedOf, Pop, Publish};

type Ring = MappedOf<Shaped>;

/// Takes the publishing end.
pub(super) fn sender(
    opening: &Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Sending>), AttachError> {
    let geometry = &|capacity| opening.geometry(capacity);
    let request = opening.request(geometry, TAKERS);
    let (element, ring, mut end) = open::attach(&request, creation, Side::Gives, |locked, domain, found| {
        let element = opening.check(&found)?;
        let mode = settle_mode(&found.region, opening.broadcast.mode)?;
        let (region, size, settings) = (found.region.clone(), opening.size(), opening.settings());
        let ring = Ring::of_checked(region, &found.geometry, size, (found.barrier, mode))?;
        let mut end = End::publish(locked, domain, found, ring.front(), settings.strategy)?;
        end.place.settle(settings);
        Ok((element, ring, end))
    })?;
    match ring::Publisher::attach(ring) {
        Ok(ring) => {
            // Subscribers that wait for a publisher to attach check again.
            let woken = end.wake_subscribers();
            end.place.keep(woken);
            let ending = Ending::of_producer(end.place.is_persistent());
            Ok((element, Box::new(Publisher { ring, end, ending })))
        }
        Err(corruption) => {
            end.leave(None);
            Err(request.explain(corruption.into(), Side::Gives))
        }
    }
}

/// Takes a subscriber's seat.
pub(super) fn receiver(
    opening: Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Receiving>), AttachError> {
    let (element, subscriber) = subscribe(opening, creation)?;
    Ok((element, Box::new(subscriber)))
}

fn subscribe(opening: Opening, creation: Creation) -> Result<(ElementInfo, Subscriber), AttachError> {
    let geometry = &|capacity| opening.geometry(capacity);
    let request = opening.request(geometry, TAKERS);
    let joined = open::attach(&request, creation, Side::Takes, |locked, domain, found| {
        let element = opening.check(&found)?;
        let mode = settle_mode(&found.region, opening.broadcast.mode)?;
        let start = opening.broadcast.start.check(found.entry.generation)?;
        let (region, size, settings) = (found.region.clone(), opening.size(), opening.settings());
        let ring = Ring::of_checked(region, &found.geometry, size, (found.barrier, mode))?;
        let (mut end, seat) = End::subscribe(locked, domain, found, ring.front(), settings.strategy)?;
        end.place.settle(settings);
        // A publisher whose state is unknown counts as alive.
        let is_publishing = || matches!(end.publisher(), Ok(PeerState::Alive { .. }) | Err(_));
        Ok(match ring::Subscriber::join(ring, seat, start, opening.broadcast.resume, is_publishing) {
            Ok(ring) => Ok((element, ring, end)),
            Err((error, seat)) => Err((end, error, seat)),
        })
    })?;
    match joined {
        Ok((element, ring, end)) => {
            let origin = end.place.is_open().then(|| Box::new(opening.clone()));
            Ok((element, Subscriber { ring: Some(ring), end, origin }))
        }
        // An unused seat is given back when the lock is free again.
        Err((mut end, error, seat)) => {
            end.leave(Some(seat));
            Err(request.explain(error.into(), Side::Takes))
        }
    }
}

/// The publishing end.
#[derive(Debug)]
struct Publisher {
    ring: ring::Publisher<Ring>,
    end: End,
    ending: Ending,
}

impl Sending for Publisher {
    fn send(&mut self, _key: u32, element: &[u8], patience: Patience) -> Result<(), SendError> {
        self.end.place.ours()?;
        let Self { ring, end, .. } = self;
        loop {
            match (ring.try_publish(element), patience) {
                (Publish::Done, _) => return Ok(not_woken(end.wake_subscribers(), ())?),
                (Publish::Full, Patience::Until(deadline)) => {
                    let waited = waiting::wait_for_room(ring, end, deadline);
                    waited.map_err(|refusal| SendError::Push(refusal.with(())))?;
                }
                (Publish::Corrupt(corruption), _) => {
                    return Err(SendError::Push(PushError::Corrupt((), corruption)));
                }
                (full, Patience::Never) => return Ok(settle::published(ring, end, element, full)?),
            }
        }
    }

    fn capacity(&self) -> u64 {
        crate::memory::Ring::capacity(&self.end.front)
    }

    fn interrupter(&self) -> Interrupter {
        self.end.place.interrupter()
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        self.end.place.set_interruptible(by_signals);
    }

    fn set_closing(&mut self, closing: bool) {
        self.ending = if closing { Ending::Close } else { Ending::Detach };
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        leave(&mut self.end, self.ending);
    }
}

/// A reading end.
#[derive(Debug)]
struct Subscriber {
    /// Taken only by `drop`.
    ring: Option<ring::Subscriber<Ring>>,
    end: End,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Opening>>,
}

impl Subscriber {
    fn ring(&self) -> &ring::Subscriber<Ring> {
        self.ring.as_ref().expect("only drop takes it")
    }

    fn try_pop(&mut self, place: &mut [MaybeUninit<u8>]) -> Result<(), PopError> {
        self.end.place.ours()?;
        let ring = self.ring.as_mut().expect("only drop takes it");
        match ring.try_pop_into(place) {
            Pop::Item { look: false, .. } => Ok(()),
            other => match settle::popped(ring, &mut self.end, other, place) {
                Ok(()) => Ok(()),
                Err(Nothing::Because(error)) => Err(error),
                Err(Nothing::Ended(error)) => {
                    Err(if successor::follow(self) { PopError::Empty } else { error })
                }
            },
        }
    }
}

/// A pop that waits.
struct Popping<'a> {
    subscriber: &'a mut Subscriber,
    place: &'a mut [MaybeUninit<u8>],
}

impl Poll for Popping<'_> {
    type Item = ();

    fn poll(&mut self) -> Result<(), PopError> {
        self.subscriber.try_pop(self.place)
    }

    fn has_something(&self) -> bool {
        self.subscriber.ring().has_something()
    }

    fn end(&mut self) -> &mut End {
        &mut self.subscriber.end
    }

    fn seat(&self) -> &End {
        &self.subscriber.end
    }
}

impl Receiving for Subscriber {
    fn receive(&mut self, place: &mut [u8], patience: Patience) -> Result<Received, ReceiveError> {
        // SAFETY: only whole elements are copied there, or nothing.
        let place = unsafe { crate::copy::as_uninit(place) };
        match (self.try_pop(place), patience) {
            (Err(error), Patience::Until(deadline)) if waiting::goes_on(&self.end, &error) => {
                waiting::wait_and_pop(&mut Popping { subscriber: self, place }, deadline)?;
            }
            (popped, _) => popped?,
        }
        let sequence = self.ring().position().wrapping_sub(1);
        Ok(Received { sequence: Some(sequence), ..Received::default() })
    }

    fn capacity(&self) -> u64 {
        crate::memory::Ring::capacity(&self.end.front)
    }

    fn interrupter(&self) -> Interrupter {
        self.end.place.interrupter()
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        self.end.place.set_interruptible(by_signals);
    }

    fn set_closing(&mut self, _closing: bool) {} // A subscriber only leaves.
}

impl Seated for Subscriber {
    type Seat = Participant;

    fn waiter(&self) -> &Participant {
        &self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.ring().has_something() { Ok(Some(News::Ready)) } else { self.end.news_of_publisher(probe) }
    }
}

impl Follower for Subscriber {
    type Seat = Participant;

    fn seat(&mut self) -> &mut Participant {
        &mut self.end.place
    }

    fn reopened(&self) -> Option<Self> {
        let opening = Opening::clone(self.origin.as_ref()?);
        Some(subscribe(opening, Creation::MustFind).ok()?.1)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if let Some(ring) = self.ring.take()
            && self.end.place.is_ours()
        {
            self.end.leave(ring.into_seat());
        }
    }
}
