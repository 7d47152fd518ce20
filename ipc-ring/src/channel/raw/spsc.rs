//! The raw ends of an [`spsc`](crate::spsc) channel.

use super::end::{Patience, Received, Receiving, Sending};
use super::opening::Opening;
use super::{ElementInfo, ReceiveError, SendError};
use crate::channel::attached::{self, Attached};
use crate::channel::end::{End, Segment};
use crate::channel::kernel::Kernel;
use crate::channel::open::{Creation, Found};
use crate::channel::pair::{self, Ending, Role};
use crate::channel::pool::route;
use crate::channel::seated::{Seat as _, has_core};
use crate::channel::successor::{self, Follower};
use crate::end::spsc as end;
use crate::error::{AttachError, PopError};
use crate::pool::Route;
use crate::ring::spsc::{self as ring, RawMapped};

/// Takes a seat at the channel; `end` makes the end of it.
fn attach<E>(
    opening: &Opening,
    role: Role,
    creation: Creation,
    end: impl FnOnce(Attached<(ElementInfo, RawMapped)>) -> Result<E, AttachError>,
) -> Result<E, AttachError> {
    let geometry = &|capacity| opening.geometry(capacity);
    let ring = |found: &Found| {
        let element = opening.check(found)?;
        let (region, size) = (found.region.clone(), opening.size());
        Ok((element, RawMapped::of_checked(region, &found.geometry, size, found.barrier)?))
    };
    attached::attach(&opening.request(geometry, pair::TAKERS), role.place(), creation, ring, end)
}

/// Takes the producing end.
pub(super) fn sender(
    opening: &Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Sending>), AttachError> {
    attach(opening, Role::Producer, creation, |Attached { ring: (element, ring), end }| {
        let Attached { ring, end } = Attached { ring, end }.attach(ring::Producer::attach)?;
        let ending = Ending::of_producer(end.is_persistent());
        let producer: Box<dyn Sending> = Box::new(Producer { core: end::Producer { ring, end }, ending });
        Ok((element, producer))
    })
}

/// Takes the consuming end.
pub(super) fn receiver(
    opening: Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Receiving>), AttachError> {
    let Attached { ring: (element, ring), end } = attach(&opening, Role::Consumer, creation, Ok)?;
    Ok((element, Box::new(Consumer::new(ring, end, opening))))
}

/// The producing end.
#[derive(Debug)]
struct Producer {
    core: end::Producer<RawMapped, Segment, Kernel>,
    ending: Ending,
}

impl Sending for Producer {
    fn send(&mut self, _key: u32, element: &[u8], patience: Patience) -> Result<(), SendError> {
        let sent = match patience {
            Patience::Never => {
                self.core.end.ours()?;
                let pushed = self.core.ring.try_push(element);
                self.core.settle(pushed)
            }
            Patience::Until(deadline) => self.core.push(element, deadline),
        };
        sent.map_err(|refusal| SendError::Push(refusal.with(())))
    }

    fn capacity(&self) -> u64 {
        self.core.ring.memory().capacity()
    }

    fn route(&self) -> Option<Route> {
        Some(route(self.core.end.entry()))
    }

    fn set_closing(&mut self, closing: bool) {
        self.ending = Ending::closing_if(closing);
    }
}

has_core!([] Producer, end::Producer<RawMapped, Segment, Kernel>, core);

impl Drop for Producer {
    fn drop(&mut self) {
        pair::leave_producer(&mut self.core.end, self.ending);
    }
}

/// The consuming end.
#[derive(Debug)]
struct Consumer {
    core: end::Consumer<RawMapped, Segment, Kernel>,
    ending: Ending,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Opening>>,
}

impl Consumer {
    fn new(ring: RawMapped, end: End, opening: Opening) -> Self {
        let origin = end.is_open().then(|| Box::new(opening));
        let core = end::Consumer::new(ring::Consumer::attach(ring), end);
        Self { core, ending: Ending::Detach, origin }
    }
}

impl Receiving for Consumer {
    fn receive(&mut self, place: &mut [u8], patience: Patience) -> Result<Received, ReceiveError> {
        // SAFETY: only whole elements are copied there, or nothing.
        let place = unsafe { crate::copy::as_uninit(place) };
        let popped = loop {
            let popped = match patience {
                Patience::Never => self.core.try_pop(place),
                Patience::Until(deadline) => self.core.pop(place, deadline),
            };
            match popped {
                Err(PopError::Closed) if successor::follow(self) => {}
                other => break other,
            }
        };
        popped?;
        let sequence = self.core.ring.position().wrapping_sub(1);
        Ok(Received { sequence: Some(sequence), ..Received::default() })
    }

    fn capacity(&self) -> u64 {
        self.core.ring.memory().capacity()
    }

    fn set_closing(&mut self, closing: bool) {
        self.ending = Ending::closing_if(closing);
    }
}

has_core!([] Consumer, end::Consumer<RawMapped, Segment, Kernel>, core);

impl Follower for Consumer {
    fn reopened(&self) -> Option<Self> {
        let opening = self.origin.as_ref()?.kept();
        let Attached { ring: (_, ring), end } =
            attach(&opening, Role::Consumer, Creation::MustFind, Ok).ok()?;
        Some(Self::new(ring, end, opening))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let has_item = self.core.end.is_ours() && self.core.ring.has_item();
        pair::leave_consumer(&mut self.core.end, self.ending, has_item);
    }
}
