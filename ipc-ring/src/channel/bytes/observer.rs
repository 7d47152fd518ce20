//! Observing a channel of frames without taking part.

use crate::channel::observe;
use crate::channel::onlooker::Onlooker;
use crate::domain::{Domain, Place};
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::layout::{self, Kind};
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
    /// Looks for the channel in the user's own domain.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound); [`Kind`](crate::AttachErrorKind::Kind) when the name
    /// is that of another kind of ring; [`AttachError`] when its header is invalid or the kernel refuses.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Self::open_in(&Domain::default_for_user()?, name)
    }

    /// As [`open`](Self::open), in a domain that this process is a member of, or that it
    /// [observes](crate::observe).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    #[doc(alias = "shmat")]
    pub fn open_in(place: &impl Place, name: &str) -> Result<Self, AttachError> {
        let (region, seen, lookout) = observe::observe_from(name, place, Kind::Bytes, |region, entry| {
            layout::look_with(region, Kind::Bytes, SLOTS_OFFSET, Some(entry.generation), |header| {
                Mapped::geometry(header.capacity).ok()
            })
        })?;
        Ok(Self { onlooker: Onlooker { lookout, region, seen } })
    }

    /// What the ends have counted so far. Racy: both may be active, see [`Counters`]. No system call.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::read(&self.onlooker.region, self.onlooker.seen.first_position)
    }

    /// Whether the producer is attached. One system call if it is. It may go, or come, right after.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn producer(&self) -> Result<PeerState, ipc_core::Error> {
        self.onlooker.producer()
    }

    /// Whether the consumer is attached. As [`producer`](Self::producer).
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn consumer(&self) -> Result<PeerState, ipc_core::Error> {
        self.onlooker.consumer()
    }

    /// Whether the producer sleeps, or is about to, until there is room. Racy.
    #[must_use]
    pub fn producer_sleeps(&self) -> bool {
        self.onlooker.producer_sleeps()
    }

    /// Whether the consumer sleeps, or is about to, until there is a frame. Racy.
    #[must_use]
    pub fn consumer_sleeps(&self) -> bool {
        self.onlooker.consumer_sleeps()
    }

    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.onlooker.seen.geometry.capacity()
    }

    /// When the channel was made, in nanoseconds since 1970 by its maker's clock. For display.
    #[must_use]
    pub fn created_ns(&self) -> u64 {
        self.onlooker.seen.created_ns
    }
}
