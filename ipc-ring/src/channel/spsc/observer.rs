//! Observing a channel without taking part.

use crate::channel::observe;
use crate::channel::onlooker::Onlooker;
use crate::domain::{Domain, Place};
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Fingerprint;
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
        let (region, seen, lookout) = observe::observe(name, place, Kind::Spsc, SLOTS_OFFSET)?;
        Ok(Self { onlooker: Onlooker { lookout, region, seen } })
    }

    /// What the ends have counted so far. Racy: both may be active, see [`Counters`]. No system call.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let Onlooker { region, seen, .. } = &self.onlooker;
        Counters::read(region, &seen.geometry, seen.first_position)
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

    /// Whether the consumer sleeps, or is about to, until there is a message. Racy.
    #[must_use]
    pub fn consumer_sleeps(&self) -> bool {
        self.onlooker.consumer_sleeps()
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.onlooker.seen.geometry.capacity()
    }

    /// Bytes of one message.
    #[must_use]
    pub fn element_size(&self) -> usize {
        self.onlooker.seen.geometry.element_size()
    }

    /// Identity of the element type.
    #[must_use]
    pub fn element_type(&self) -> Fingerprint {
        self.onlooker.seen.fingerprint
    }

    /// When the channel was made, in nanoseconds since 1970 by its maker's clock. For display.
    #[must_use]
    pub fn created_ns(&self) -> u64 {
        self.onlooker.seen.created_ns
    }
}
