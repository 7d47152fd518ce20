//! Observing a channel without taking part.

use crate::channel::onlooker::{Onlooker, found_by_name, sees_both_ends, sees_header};
use crate::channel::open::Request;
use crate::domain::{Entry, Place};
use crate::error::AttachError;
use crate::layout::{self, Kind, Seen};
use crate::region::Region;
use crate::ring::spsc::{Counters, SLOTS_OFFSET};

/// A read-only view of a channel from any process of the domain, whatever the channel's element type.
///
/// It takes no seat, and the segment is attached read-only: it can neither disturb the ends nor change a
/// byte. The ends do not know of it and pay nothing for it, except for the cache lines it reads while they
/// write them.
///
/// As long as it lives the channel's memory does, even when both ends are gone. A channel whose ends were
/// both killed can meanwhile be [continued](super) by successors.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{Domain, PeerState, spsc};
///
/// let domain = Domain::open("doc-example-observer")?;
/// let mut producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender()?;
/// producer.push(7)?;
///
/// let observer = spsc::Observer::open_in(&domain, "numbers")?;
/// let counters = observer.counters();
/// assert_eq!((counters.pushed, counters.popped, counters.waiting), (1, 0, 1));
/// assert_eq!(observer.producer()?, PeerState::Alive { pid: std::process::id() });
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Observer {
    onlooker: Onlooker,
}

impl Observer {
    found_by_name!();

    fn find(place: &impl Place, name: &str) -> Result<Self, AttachError> {
        Ok(Self { onlooker: Onlooker::find(name, place, Kind::Spsc, look)? })
    }

    pub(super) fn attach(request: &Request<'_>) -> Result<Self, AttachError> {
        Ok(Self { onlooker: Onlooker::attach(request, look)? })
    }

    /// What the ends have counted so far. Racy: both may be active, see [`Counters`]. No system call.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let Onlooker { region, seen, .. } = &self.onlooker;
        Counters::read(region, &seen.geometry, seen.first_position)
    }

    sees_both_ends!();
    sees_header!(elements);
}

fn look(region: &Region, entry: &Entry) -> Result<Seen, AttachError> {
    layout::look(region, Kind::Spsc, SLOTS_OFFSET, Some(entry.generation))
}
