//! Observing a channel of frames without taking part.

use crate::channel::onlooker::{Onlooker, found_by_name, sees_both_ends, sees_header};
use crate::channel::open::Request;
use crate::domain::{Entry, Place};
use crate::error::AttachError;
use crate::layout::{self, Kind, Seen};
use crate::region::Region;
use crate::ring::bytes::words::SLOTS_OFFSET;
use crate::ring::bytes::{Counters, Mapped};

/// A read-only view of a channel of frames from any process of the domain: as
/// [`spsc::Observer`](crate::spsc::Observer).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{Domain, PeerState, bytes};
///
/// let domain = Domain::open("doc-example-bytes-observer")?;
/// let mut producer = bytes::Builder::new("log").domain(&domain).create_sender()?;
/// producer.push(b"started")?;
///
/// let observer = bytes::Observer::open_in(&domain, "log")?;
/// let counters = observer.counters();
/// assert_eq!((counters.frames_pushed, counters.frames_popped, counters.bytes_pushed), (1, 0, 16));
/// assert_eq!(observer.consumer()?, PeerState::Gone(ipc_ring::PeerExit::NeverAttached));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Observer {
    onlooker: Onlooker,
}

impl Observer {
    found_by_name!();

    fn find(place: &impl Place, name: &str) -> Result<Self, AttachError> {
        Ok(Self { onlooker: Onlooker::find(name, place, Kind::Bytes, look)? })
    }

    pub(super) fn attach(request: &Request<'_>) -> Result<Self, AttachError> {
        Ok(Self { onlooker: Onlooker::attach(request, look)? })
    }

    /// What the ends have counted so far. Racy: both may be active, see [`Counters`]. No system call.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::read(&self.onlooker.region, self.onlooker.seen.first_position)
    }

    sees_both_ends!();
    sees_header! {
        /// Bytes of the ring.
    }
}

fn look(region: &Region, entry: &Entry) -> Result<Seen, AttachError> {
    layout::look_with(region, Kind::Bytes, SLOTS_OFFSET, Some(entry.generation), |header| {
        Mapped::geometry(header.capacity).ok()
    })
}
