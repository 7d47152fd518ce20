//! A ring with two ends, and a seat at it, before it becomes an end.

use super::end::{End, Seats};
use super::open::{self, Creation, Found, Request};
use super::successor::Side;
use crate::domain::{Domain, Locked};
use crate::error::AttachError;
use crate::ring::spsc::Corruption;
use crate::wait::WaitStrategy;

/// A ring, and a seat at it.
#[derive(Debug)]
pub struct Attached<R> {
    pub(super) ring: R,
    pub(super) end: End,
}

impl<R> Attached<R> {
    /// Takes a seat. The domain's lock is held.
    pub(super) fn take_seat(
        locked: &Locked<'_>,
        domain: &Domain,
        (found, ring): (Found, R),
        seats: Seats,
        strategy: WaitStrategy,
    ) -> Result<Self, AttachError> {
        Ok(Self { ring, end: End::take_seat_at(locked, domain, found, seats, strategy)? })
    }

    /// Attaches an end's half of the ring. The seat at a corrupt ring is given up. The domain's lock is not
    /// held.
    pub(super) fn attach<H>(
        self,
        half: impl FnOnce(R) -> Result<H, Corruption>,
    ) -> Result<Attached<H>, AttachError> {
        let Self { ring, mut end } = self;
        match half(ring) {
            Ok(ring) => Ok(Attached { ring, end }),
            Err(corruption) => {
                end.give_up(false);
                Err(corruption.into())
            }
        }
    }
}

/// Makes or finds a channel, whose memory is a `ring`, and takes a seat at it; `end` makes the end of it.
pub(super) fn attach<R, E>(
    request: &Request<'_>,
    (seats, side): (Seats, Side),
    creation: Creation,
    ring: impl Fn(&Found) -> Result<R, AttachError>,
    end: impl FnOnce(Attached<R>) -> Result<E, AttachError>,
) -> Result<E, AttachError> {
    let settings = request.settings;
    let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
        let ring = ring(&found)?;
        let mut attached = Attached::take_seat(locked, domain, (found, ring), seats, settings.strategy)?;
        attached.end.settle(settings);
        Ok(attached)
    };
    open::attach(request, creation, side, seat, end)
}
