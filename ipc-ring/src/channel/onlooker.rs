//! Observing a channel without taking part: what the observers of kinds have in common.

use super::end;
use super::observe;
use super::open::Request;
use super::record::Record;
use crate::domain::{Entry, Lookout, Place};
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::layout::{Kind, Seen};
use crate::platform::Native;
use crate::region::Region;
use crate::ring::spsc::{CONSUMER_RECORD, CONSUMER_SIGNAL, PRODUCER_RECORD, PRODUCER_SIGNAL};
use crate::wait::signal::{self, WAITING};

/// A segment attached read-only, whose header was checked.
#[derive(Debug)]
pub(super) struct Onlooker {
    pub(super) lookout: Lookout,
    pub(super) region: Region,
    pub(super) seen: Seen,
}

impl Onlooker {
    /// Looks for the channel of this name, whatever its elements; `look` checks its header.
    pub(super) fn find(
        name: &str,
        place: &impl Place,
        kind: Kind,
        look: impl Fn(&Region, &Entry) -> Result<Seen, AttachError>,
    ) -> Result<Self, AttachError> {
        let (region, seen, lookout) = observe::observe_from(name, place, kind, look)?;
        Ok(Self { lookout, region, seen })
    }

    /// The requested channel; `look` reads its header, which was checked.
    pub(super) fn attach(
        request: &Request<'_>,
        look: impl Fn(&Region, &Entry) -> Result<Seen, AttachError>,
    ) -> Result<Self, AttachError> {
        let (domain, (region, seen)) = observe::attach_read_only(request, |found| {
            let seen = look(&found.region, &found.entry)?;
            Ok((found.region, seen))
        })?;
        Ok(Self { lookout: Lookout::Member(domain), region, seen })
    }
}

/// The two ends of a one-to-one channel.
impl Onlooker {
    pub(super) fn producer(&self) -> Result<PeerState, ipc_core::Error> {
        self.state(PRODUCER_RECORD, PRODUCER_SIGNAL)
    }

    pub(super) fn consumer(&self) -> Result<PeerState, ipc_core::Error> {
        self.state(CONSUMER_RECORD, CONSUMER_SIGNAL)
    }

    fn state(&self, record: usize, signal: usize) -> Result<PeerState, ipc_core::Error> {
        end::state(|owner| self.lookout.is_alive(owner), &self.region, Record::at(record), signal)
    }

    pub(super) fn producer_sleeps(&self) -> bool {
        signal::load_state::<Native>(self.region.half(PRODUCER_SIGNAL)) & WAITING != 0
    }

    pub(super) fn consumer_sleeps(&self) -> bool {
        signal::load_state::<Native>(self.region.half(CONSUMER_SIGNAL)) & WAITING != 0
    }
}

/// How an observer is opened by name, in a channel that its `find` looks for.
macro_rules! found_by_name {
    () => {
        /// Looks for the channel in the user's own domain.
        ///
        /// # Errors
        /// [`NotFound`](crate::AttachErrorKind::NotFound); [`Kind`](crate::AttachErrorKind::Kind) when the
        /// name is that of another kind of ring; [`AttachError`](crate::AttachError) when its header is
        /// invalid or the kernel refuses.
        ///
        /// # Blocking
        /// Waits for the domain's lock, held by others for microseconds.
        pub fn open(name: &str) -> Result<Self, crate::AttachError> {
            Self::open_in(&crate::Domain::default_for_user()?, name)
        }

        /// As [`open`](Self::open), in a domain that this process is a member of, or that it
        /// [observes](crate::observe).
        ///
        /// # Errors
        /// As [`open`](Self::open).
        #[doc(alias = "shmat")]
        pub fn open_in(place: &impl crate::domain::Place, name: &str) -> Result<Self, crate::AttachError> {
            Self::find(place, name)
        }
    };
}

/// What an observer of a one-to-one channel says about its ends.
macro_rules! sees_both_ends {
    () => {
        /// Whether the producer is attached. One system call if it is. It may go, or come, right after.
        ///
        /// # Errors
        /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
        /// process may not read them any more.
        pub fn producer(&self) -> Result<crate::PeerState, ipc_core::Error> {
            self.onlooker.producer()
        }

        /// Whether the consumer is attached. As [`producer`](Self::producer).
        ///
        /// # Errors
        /// As [`producer`](Self::producer).
        pub fn consumer(&self) -> Result<crate::PeerState, ipc_core::Error> {
            self.onlooker.consumer()
        }

        /// Whether the producer sleeps, or is about to, until there is room. Racy.
        #[must_use]
        pub fn producer_sleeps(&self) -> bool {
            self.onlooker.producer_sleeps()
        }

        /// Whether the consumer sleeps, or is about to, until there is something to pop. Racy.
        #[must_use]
        pub fn consumer_sleeps(&self) -> bool {
            self.onlooker.consumer_sleeps()
        }
    };
}

/// What the header of a ring says.
macro_rules! sees_header {
    ($(#[$capacity:meta])+) => {
        $(#[$capacity])+
        #[must_use]
        pub fn capacity(&self) -> u64 {
            self.onlooker.seen.geometry.capacity()
        }

        /// When the channel was made, in nanoseconds since 1970 by its maker's clock. For display.
        #[must_use]
        pub fn created_ns(&self) -> u64 {
            self.onlooker.seen.created_ns
        }
    };
    (elements) => {
        $crate::channel::onlooker::sees_header! {
            /// Number of slots.
        }

        /// Bytes of one message.
        #[must_use]
        pub fn element_size(&self) -> usize {
            self.onlooker.seen.geometry.element_size()
        }

        /// Identity of the element type.
        #[must_use]
        pub fn element_type(&self) -> crate::Fingerprint {
            self.onlooker.seen.fingerprint
        }
    };
}

pub(super) use {found_by_name, sees_both_ends, sees_header};
