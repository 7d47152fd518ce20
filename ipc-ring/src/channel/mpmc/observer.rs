//! Observing a channel without taking part.

use std::sync::atomic::Ordering;

use super::end::{Role, TABLE};
use crate::channel::onlooker::{Onlooker, found_by_name, sees_header};
use crate::channel::open::Request;
use crate::channel::seats;
use crate::domain::{Entry, Place};
use crate::error::AttachError;
use crate::layout::{self, Kind, Seen};
use crate::region::Region;
use crate::ring::mpmc::{CLOSED, Counters, POISONED, SLOTS_OFFSET, STATE};

/// A read-only view of a channel from any process of the domain, whatever the channel's element type.
///
/// It takes no seat, and the segment is attached read-only: it can neither disturb the ends nor change a
/// byte. The ends do not know of it and pay nothing for it, except for the cache lines it reads while they
/// write them.
///
/// As long as it lives the channel's memory does, even when all ends are gone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{Domain, mpmc};
///
/// let domain = Domain::open("doc-example-mpmc-observer")?;
/// let mut jobs = mpmc::Builder::<u64>::new("jobs").domain(&domain).create_sender()?;
/// jobs.push(7)?;
///
/// let observer = mpmc::Observer::open_in(&domain, "jobs")?;
/// assert_eq!((observer.counters().pushed, observer.counters().waiting), (1, 1));
/// assert_eq!((observer.producers()?.alive, observer.consumers()?.alive), (1, 0));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Observer {
    onlooker: Onlooker,
}

/// Number of ends on one side of a channel. Racy: they come and go meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attendance {
    /// Those whose process is alive.
    pub alive: u32,
    /// Those whose process died, and that were not recovered yet.
    pub dead: u32,
    /// Those that are alive and sleep, or are about to.
    pub asleep: u32,
}

impl Observer {
    found_by_name!();

    fn find(place: &impl Place, name: &str) -> Result<Self, AttachError> {
        Ok(Self { onlooker: Onlooker::find(name, place, Kind::Mpmc, look)? })
    }

    pub(super) fn attach(request: &Request<'_>) -> Result<Self, AttachError> {
        Ok(Self { onlooker: Onlooker::attach(request, look)? })
    }

    /// The counters so far. No system call.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let Onlooker { region, seen, .. } = &self.onlooker;
        Counters::read(region, &seen.geometry, seen.first_position)
    }

    /// The producers. One system call for each.
    ///
    /// # Errors
    /// When it is unknown whether one of them is alive: the domain's semaphores were removed, for instance.
    pub fn producers(&self) -> Result<Attendance, ipc_core::Error> {
        self.attendance(Role::Producer)
    }

    /// The consumers. One system call for each.
    ///
    /// # Errors
    /// As [`producers`](Self::producers).
    pub fn consumers(&self) -> Result<Attendance, ipc_core::Error> {
        self.attendance(Role::Consumer)
    }

    fn attendance(&self, role: Role) -> Result<Attendance, ipc_core::Error> {
        let Onlooker { lookout, region, .. } = &self.onlooker;
        let mut attendance = Attendance::default();
        for number in (0..TABLE.seats).filter(|number| TABLE.role(region, *number) == role as u32) {
            let (owner, _) = seats::holder(region, TABLE, number);
            if !owner.is_some() {
                continue;
            }
            if lookout.is_alive(owner)? {
                attendance.alive += 1;
                attendance.asleep += u32::from(TABLE.sleeps(region, number));
            } else {
                attendance.dead += 1;
            }
        }
        Ok(attendance)
    }

    /// Whether the channel was closed. There may be messages left to pop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state() & CLOSED != 0
    }

    /// Whether an end has found the ring corrupt.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        self.state() & POISONED != 0
    }

    fn state(&self) -> u32 {
        self.onlooker.region.half(STATE).load(Ordering::Relaxed) // For display.
    }

    sees_header!(elements);
}

fn look(region: &Region, entry: &Entry) -> Result<Seen, AttachError> {
    layout::look(region, Kind::Mpmc, SLOTS_OFFSET, Some(entry.generation))
}
