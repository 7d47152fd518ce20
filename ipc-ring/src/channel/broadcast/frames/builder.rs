//! How a channel of frames is made or found.

use std::time::Duration;

use super::{Publisher, Subscriber, Watcher};
use crate::channel::broadcast::end::{End, TAKERS, settle_mode};
use crate::channel::broadcast::{Mode, Resume, Start};
use crate::channel::described::Described;
use crate::channel::open::{self, Creation, Request};
use crate::channel::settings::{Settings, common_settings};
use crate::channel::successor::Side;
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Fingerprint;
use crate::ring::broadcast::frames::{self as ring, Mapped};
use crate::ring::broadcast::words::{MODE, SLOTS_OFFSET};
use crate::wait::WaitStrategy;

/// Size in bytes of a channel without a chosen capacity.
const USUAL_CAPACITY: u64 = 1 << 20;
/// With more ends than CPUs, a polling end takes CPU time from the end it waits for, so polling is short.
const USUAL_SPIN: Duration = Duration::from_micros(10);

/// Options for creating and opening a channel of frames.
#[derive(Clone, Debug)]
pub struct Builder {
    settings: Settings,
    mode: Option<Mode>,
    start: Start,
    resume: Resume,
}

impl Builder {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            settings: Settings::new(name, WaitStrategy::SpinSleep { spin: USUAL_SPIN }),
            mode: None,
            start: Start::Oldest,
            resume: Resume::Oldest,
        }
    }

    common_settings!();

    /// Bytes of the ring, rounded up to a power of two from 64 to 2³⁰. A creator's default is 1 MiB; an
    /// opener without this setting takes the channel as it is, one that gives a number insists on it.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.settings.capacity = Some(bytes);
        self
    }

    /// How the channel treats slow subscribers. A creator's default is [`Mode::Lossy`]; an opener without
    /// this setting takes the channel as it is, one that gives a mode insists on it.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// [`mode`](Self::mode) with [`Mode::Lossy`].
    #[must_use]
    pub fn lossy(self) -> Self {
        self.mode(Mode::Lossy)
    }

    /// [`mode`](Self::mode) with [`Mode::Gated`].
    #[must_use]
    pub fn gated(self) -> Self {
        self.mode(Mode::Gated)
    }

    /// Where a subscriber begins. The default is the oldest frame that can be found.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Where a subscriber continues after it was overrun. The default is the oldest frame that can be found.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = resume;
        self
    }

    /// A description of the frames, in words or as canonical text of a type that each of them begins with: up
    /// to 32 KiB of text. The creator of the channel stores it there, where
    /// [`Domain::list`](crate::Domain::list) and tools find it. An end whose text differs from the channel's
    /// gets [`Description`](crate::AttachErrorKind::Description); one without a text accepts any.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        self.settings.described = Some(Described::of_frames(text));
        self
    }

    /// Makes the channel, or finds it, and takes the publishing end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the channel found is of another capacity or mode, or the kernel
    /// refused.
    pub fn create_sender(&self) -> Result<Publisher, AttachError> {
        self.publish(Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes the publishing end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_sender`](Self::create_sender).
    pub fn create_new_sender(&self) -> Result<Publisher, AttachError> {
        self.publish(Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes the publishing end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<Publisher, AttachError> {
        self.publish(Creation::MustFind)
    }

    /// Makes the channel, or finds it, and takes a seat as a subscriber.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the channel found is of another capacity or mode, the start is a
    /// position in another channel or one that never was, or the kernel refused.
    pub fn create_receiver(&self) -> Result<Subscriber, AttachError> {
        self.subscribe(Creation::MakeOrFind)
    }

    /// Finds the channel, which must exist, and takes a seat as a subscriber.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_receiver`](Self::create_receiver).
    pub fn open_receiver(&self) -> Result<Subscriber, AttachError> {
        self.subscribe(Creation::MustFind)
    }

    /// Finds the channel, which must exist, and reads along without a seat. Needs only read permission for
    /// its memory.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound); [`NotReady`](crate::AttachErrorKind::NotReady) before
    /// the first seat is taken; as [`create_receiver`](Self::create_receiver) otherwise.
    pub fn open_watcher(&self) -> Result<Watcher, AttachError> {
        let (domain, until) = self.settings.whereabouts()?;
        let watcher = Watcher::attach(&self.request(), (&domain, until), self.start, self.resume);
        watcher.map_err(|error| self.request().explain(error, Side::Takes))
    }

    fn request(&self) -> Request<'_> {
        Request {
            settings: &self.settings,
            kind: Kind::BroadcastBytes,
            fingerprint: Fingerprint::of::<u8>(),
            element: Some("bytes"),
            usual_capacity: USUAL_CAPACITY,
            geometry: &Mapped::geometry,
            slots_offset: SLOTS_OFFSET,
            mode: self.mode.map(|mode| (MODE, mode as u32)),
            takers: Some(TAKERS),
        }
    }

    fn publish(&self, creation: Creation) -> Result<Publisher, AttachError> {
        let (ring, end) = open::attach(&self.request(), creation, Side::Gives, |locked, domain, found| {
            let mode = settle_mode(&found.region, self.mode)?;
            let ring = Mapped::new(found.region.clone(), &found.geometry, found.barrier, mode)?;
            let mut end = End::publish(locked, domain, found, ring.front(), self.settings.strategy)?;
            end.place.settle(&self.settings);
            Ok((ring, end))
        })?;
        Publisher::new(ring, end).map_err(|error| self.request().explain(error, Side::Gives))
    }

    fn subscribe(&self, creation: Creation) -> Result<Subscriber, AttachError> {
        let joined = open::attach(&self.request(), creation, Side::Takes, |locked, domain, found| {
            let mode = settle_mode(&found.region, self.mode)?;
            let start = self.start.check_frames(found.entry.generation)?;
            let ring = Mapped::new(found.region.clone(), &found.geometry, found.barrier, mode)?;
            let (mut end, seat) =
                End::subscribe(locked, domain, found, ring.front(), self.settings.strategy)?;
            end.place.settle(&self.settings);
            // A publisher whose state is unknown counts as alive.
            let is_publishing = || matches!(end.publisher(), Ok(PeerState::Alive { .. }) | Err(_));
            Ok(match ring::Subscriber::join(ring, seat, start, self.resume, is_publishing) {
                Ok(ring) => Ok(Subscriber::new(ring, end)),
                Err((why, seat)) => Err((end, why, seat)),
            })
        })?;
        // An unused seat is given back when the lock is free again.
        joined.map(|subscriber| subscriber.of(self)).map_err(|(mut end, why, seat)| {
            end.leave(Some(seat));
            let error = match why {
                ring::Unjoined::NoSuchPosition => self.start.nowhere(),
                ring::Unjoined::Barrier(error) => error.into(),
            };
            self.request().explain(error, Side::Takes)
        })
    }
}
