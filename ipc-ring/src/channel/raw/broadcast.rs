//! The raw ends of a [`broadcast`](crate::broadcast) channel.

use super::end::{Patience, Received, Receiving, Sending};
use super::opening::Opening;
use super::{ElementInfo, ReceiveError, SendError};
use crate::channel::PeerState;
use crate::channel::broadcast::end::{End, TAKERS, settle_mode};
use crate::channel::kernel::Kernel;
use crate::channel::open::{self, Creation, Found};
use crate::channel::pair::Ending;
use crate::channel::seated::{Seat as _, has_core};
use crate::channel::seats::Segment;
use crate::channel::successor::{self, Follower, Side};
use crate::domain::{Domain, Locked};
use crate::end::broadcast as end;
use crate::error::{AttachError, PopError};
use crate::memory::Shaped;
use crate::ring::broadcast::{self as ring, Front, MappedOf};

type Ring = MappedOf<Shaped>;

/// Takes the publishing end.
pub(super) fn sender(
    opening: &Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Sending>), AttachError> {
    let geometry = &|capacity| opening.geometry(capacity);
    let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
        let element = opening.check(&found)?;
        let mode = settle_mode(&found.region, opening.readers.mode)?;
        let (region, size, settings) = (found.region.clone(), opening.size(), opening.settings());
        let ring = Ring::of_checked(region, &found.geometry, size, (found.barrier, mode))?;
        let mut end = End::publish(locked, domain, found, ring.front(), settings.strategy)?;
        end.place.settle(settings);
        Ok((element, ring, end))
    };
    let end = |(element, ring, mut end): (_, _, End)| match ring::Publisher::attach(ring) {
        Ok(ring) => {
            let ending = Ending::of_producer(end.place.is_persistent());
            let publisher: Box<dyn Sending> =
                Box::new(Publisher { core: end::Publisher::new(ring, end), ending });
            Ok((element, publisher))
        }
        Err(corruption) => {
            end.leave(None);
            Err(corruption.into())
        }
    };
    open::attach(&opening.request(geometry, TAKERS), creation, Side::Gives, seat, end)
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
    let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
        let element = opening.check(&found)?;
        let mode = settle_mode(&found.region, opening.readers.mode)?;
        let start = opening.readers.start.check(found.entry.generation)?;
        let (region, size, settings) = (found.region.clone(), opening.size(), opening.settings());
        let ring = Ring::of_checked(region, &found.geometry, size, (found.barrier, mode))?;
        let (mut end, seat) = End::subscribe(locked, domain, found, ring.front(), settings.strategy)?;
        end.place.settle(settings);
        // A publisher whose state is unknown counts as alive.
        let is_publishing = || matches!(end.publisher(), Ok(PeerState::Alive { .. }) | Err(_));
        Ok(match ring::Subscriber::join(ring, seat, start, opening.readers.resume, is_publishing) {
            Ok(ring) => Ok((element, ring, end)),
            Err((error, seat)) => Err((end, error, seat)),
        })
    };
    open::attach(&opening.request(geometry, TAKERS), creation, Side::Takes, seat, |joined| match joined {
        Ok((element, ring, end)) => {
            let origin = end.place.is_open().then(|| Box::new(opening.clone()));
            Ok((element, Subscriber { core: end::Subscriber { ring, end }, origin }))
        }
        // An unused seat is given back when the lock is free again.
        Err((mut end, error, seat)) => {
            end.leave(Some(seat));
            Err(error.into())
        }
    })
}

/// The publishing end.
#[derive(Debug)]
struct Publisher {
    core: end::Publisher<Ring, Front, Segment, Kernel>,
    ending: Ending,
}

impl Sending for Publisher {
    fn send(&mut self, _key: u32, element: &[u8], patience: Patience) -> Result<(), SendError> {
        match patience {
            Patience::Never => self.core.try_publish(element)?,
            Patience::Until(deadline) => self.core.publish(element, deadline)?,
        }
        Ok(())
    }

    fn capacity(&self) -> u64 {
        crate::memory::Ring::capacity(&self.core.end.front)
    }

    fn set_closing(&mut self, closing: bool) {
        self.ending = Ending::closing_if(closing);
    }
}

has_core!([] Publisher, end::Publisher<Ring, Front, Segment, Kernel>, core);

impl Drop for Publisher {
    fn drop(&mut self) {
        self.core.end.finish(self.ending);
    }
}

/// A reading end.
#[derive(Debug)]
struct Subscriber {
    core: end::Subscriber<Ring, Front, Segment, Kernel>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Opening>>,
}

impl Receiving for Subscriber {
    fn receive(&mut self, place: &mut [u8], patience: Patience) -> Result<Received, ReceiveError> {
        // SAFETY: only whole elements are copied there, or nothing.
        let place = unsafe { crate::copy::as_uninit(place) };
        loop {
            let popped = match patience {
                Patience::Never => self.core.try_pop(place),
                Patience::Until(deadline) => self.core.pop(place, deadline),
            };
            match (popped, patience) {
                (Ok(()), _) => break,
                // A channel that continues elsewhere has not ended, but is empty.
                (Err(PopError::Closed | PopError::PeerGone(_)), _) if successor::follow(self) => {
                    if let Patience::Never = patience {
                        return Err(PopError::Empty.into());
                    }
                }
                (Err(error), _) => return Err(error.into()),
            }
        }
        let sequence = self.core.ring.position().wrapping_sub(1);
        Ok(Received { sequence: Some(sequence), ..Received::default() })
    }

    fn capacity(&self) -> u64 {
        crate::memory::Ring::capacity(&self.core.end.front)
    }

    fn set_closing(&mut self, _closing: bool) {} // A subscriber only leaves.
}

has_core!([] Subscriber, end::Subscriber<Ring, Front, Segment, Kernel>, core);

impl Follower for Subscriber {
    fn reopened(&self) -> Option<Self> {
        let opening = self.origin.as_ref()?.kept();
        Some(subscribe(opening, Creation::MustFind).ok()?.1)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.core.end.leave_by(|| self.core.ring.take_seat());
    }
}
