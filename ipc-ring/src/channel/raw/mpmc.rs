//! The raw ends of an [`mpmc`](crate::mpmc) channel.

use super::end::{Patience, Received, Receiving, Sending};
use super::opening::Opening;
use super::{ElementInfo, ReceiveError, SendError};
use crate::channel::kernel::Kernel;
use crate::channel::mpmc::end::{self as seat, Role, TAKERS, side_of};
use crate::channel::open::{self, Creation, Found};
use crate::channel::pair::Ending;
use crate::channel::pool::route;
use crate::channel::seated::{Seat as _, has_core};
use crate::channel::seats::Segment;
use crate::channel::successor::{self, Follower};
use crate::domain::{Domain, Locked};
use crate::end::mpmc as end;
use crate::error::{AttachError, PopError};
use crate::memory::Shaped;
use crate::pool::Route;
use crate::ring::mpmc::{self as ring, MappedOf, Seat};

type Ring = MappedOf<Shaped>;
type End = seat::End<Shaped>;

/// Takes a seat at the channel.
fn attach(
    opening: &Opening,
    role: Role,
    creation: Creation,
) -> Result<(ElementInfo, End, Seat), AttachError> {
    let geometry = &|capacity| opening.geometry(capacity);
    let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
        let element = opening.check(&found)?;
        let ring = Ring::of_checked(found.region.clone(), &found.geometry, opening.size())?;
        let settings = opening.settings();
        let (mut end, seat) = End::take_seat(locked, domain, (found, ring), role, settings.strategy)?;
        end.place.settle(settings);
        Ok((element, end, seat))
    };
    open::attach(&opening.request(geometry, TAKERS), creation, side_of(role), seat, Ok)
}

/// Takes a producer's seat.
pub(super) fn sender(
    opening: &Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Sending>), AttachError> {
    let (element, end, seat) = attach(opening, Role::Producer, creation)?;
    let ring = ring::Producer::attach(end.ring.clone(), seat);
    Ok((element, Box::new(Producer { core: end::Producer::new(ring, end), closes: false })))
}

/// Takes a consumer's seat.
pub(super) fn receiver(
    opening: Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Receiving>), AttachError> {
    let (element, end, seat) = attach(&opening, Role::Consumer, creation)?;
    Ok((element, Box::new(Consumer::new(end, seat, opening))))
}

/// A producing end.
#[derive(Debug)]
struct Producer {
    core: end::Producer<Ring, Segment, Kernel>,
    /// Whether dropping it ends the stream for all.
    closes: bool,
}

impl Sending for Producer {
    fn send(&mut self, _key: u32, element: &[u8], patience: Patience) -> Result<(), SendError> {
        match patience {
            Patience::Never => self.core.try_push(element)?,
            Patience::Until(deadline) => self.core.push(element, deadline)?,
        }
        Ok(())
    }

    fn capacity(&self) -> u64 {
        crate::memory::Ring::capacity(&self.core.end.ring)
    }

    fn route(&self) -> Option<Route> {
        Some(route(self.core.end.entry()))
    }

    fn recover(&mut self) -> Result<(), ipc_core::Error> {
        self.core.end.recover().map(drop)
    }

    fn set_closing(&mut self, closing: bool) {
        self.closes = closing;
    }
}

has_core!([] Producer, end::Producer<Ring, Segment, Kernel>, core);

impl Drop for Producer {
    fn drop(&mut self) {
        let end::Producer { ring, end, .. } = &mut self.core;
        end.leave(Role::Producer, Ending::closing_if(self.closes), || ring.leave());
    }
}

/// A consuming end.
#[derive(Debug)]
struct Consumer {
    core: end::Consumer<Ring, Segment, Kernel>,
    /// Whether dropping it ends the stream for all.
    closes: bool,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Opening>>,
}

impl Consumer {
    fn new(end: End, seat: Seat, opening: Opening) -> Self {
        let origin = end.place.is_open().then(|| Box::new(opening));
        let ring = ring::Consumer::attach(end.ring.clone(), seat);
        Self { core: end::Consumer::new(ring, end), closes: false, origin }
    }
}

impl Receiving for Consumer {
    fn receive(&mut self, place: &mut [u8], patience: Patience) -> Result<Received, ReceiveError> {
        // SAFETY: only whole elements are copied there, or nothing.
        let place = unsafe { crate::copy::as_uninit(place) };
        loop {
            let popped = match patience {
                Patience::Never => self.core.try_pop(place),
                Patience::Until(deadline) => self.core.pop(place, deadline),
            };
            match popped {
                Err(PopError::Closed) if successor::follow(self) => {}
                other => return other.map(|()| Received::default()).map_err(ReceiveError::Pop),
            }
        }
    }

    fn capacity(&self) -> u64 {
        crate::memory::Ring::capacity(&self.core.end.ring)
    }

    fn recover(&mut self) -> Result<(), ipc_core::Error> {
        self.core.end.recover().map(drop)
    }

    fn set_closing(&mut self, closing: bool) {
        self.closes = closing;
    }
}

has_core!([] Consumer, end::Consumer<Ring, Segment, Kernel>, core);

impl Follower for Consumer {
    fn reopened(&self) -> Option<Self> {
        let opening = self.origin.as_ref()?.kept();
        let (_, end, seat) = attach(&opening, Role::Consumer, Creation::MustFind).ok()?;
        Some(Self::new(end, seat, opening))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let end::Consumer { ring, end, .. } = &mut self.core;
        end.leave(Role::Consumer, Ending::closing_if(self.closes), || ring.leave());
    }
}
