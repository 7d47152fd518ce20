//! How a channel is made or found.

use std::marker::PhantomData;
use std::time::Duration;

use super::end::{End, TAKERS, settle_mode};
use super::{Publisher, Start, Subscriber, Watcher};
use crate::channel::open::{self, Creation, Request};
use crate::channel::settings::{Settings, common_settings, element_settings};
use crate::channel::successor::Side;
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Message;
use crate::ring::broadcast::words::{MODE, SLOTS_OFFSET};
use crate::ring::broadcast::{self as ring, Mapped, Mode, Resume};
use crate::wait::WaitStrategy;

/// Payload bytes of a channel without a chosen capacity.
const USUAL_BYTES: usize = 1 << 20;
/// With more ends than CPUs, a polling end takes CPU time from the end it waits for, so polling is short.
const USUAL_SPIN: Duration = Duration::from_micros(10);

/// Options for creating and opening a channel of `T`.
#[derive(Clone, Debug)]
pub struct Builder<T> {
    settings: Settings,
    mode: Option<Mode>,
    /// The capacity when none was chosen, if it is not the usual one.
    usual_capacity: Option<u64>,
    start: Start,
    resume: Resume,
    element: PhantomData<fn() -> T>,
}

impl<T: Message> Builder<T> {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            settings: Settings::new(name, WaitStrategy::SpinSleep { spin: USUAL_SPIN }),
            mode: None,
            usual_capacity: None,
            start: Start::Oldest,
            resume: Resume::Oldest,
            element: PhantomData,
        }
    }

    common_settings!();
    element_settings!("md.Tick/2");

    /// Number of slots, rounded up to a power of two. A creator's default is 1 MiB of messages, 16 to 1024
    /// slots; an opener without this setting takes the channel as it is, one that gives a number insists on
    /// it. Subscribers that attached first without it leave the choice to the publisher, and continue at the
    /// ring that the publisher makes.
    #[must_use]
    pub fn capacity(mut self, slots: u64) -> Self {
        self.settings.capacity = Some(slots);
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

    /// Where a subscriber begins. The default is the oldest message left.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Where a subscriber continues after it was overrun. The default is the oldest message left.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = resume;
        self
    }

    /// Makes the channel, or finds it, and takes the publishing end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the channel found is of another type, capacity or mode, or the
    /// kernel refused.
    pub fn create_sender(&self) -> Result<Publisher<T>, AttachError> {
        self.publish(Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes the publishing end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_sender`](Self::create_sender).
    pub fn create_new_sender(&self) -> Result<Publisher<T>, AttachError> {
        self.publish(Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes the publishing end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<Publisher<T>, AttachError> {
        self.publish(Creation::MustFind)
    }

    /// Makes the channel, or finds it, and takes a seat as a subscriber.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the channel found is of another type, capacity or mode, the start is
    /// a position in another channel, or the kernel refused.
    pub fn create_receiver(&self) -> Result<Subscriber<T>, AttachError> {
        self.subscribe(Creation::MakeOrFind)
    }

    /// Finds the channel, which must exist, and takes a seat as a subscriber.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_receiver`](Self::create_receiver).
    pub fn open_receiver(&self) -> Result<Subscriber<T>, AttachError> {
        self.subscribe(Creation::MustFind)
    }

    /// Finds the channel, which must exist, and reads along without a seat. Needs only read permission for
    /// its memory.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound); [`NotReady`](crate::AttachErrorKind::NotReady) before
    /// the first seat is taken; as [`create_receiver`](Self::create_receiver) otherwise.
    pub fn open_watcher(&self) -> Result<Watcher<T>, AttachError> {
        let (domain, until) = self.settings.whereabouts()?;
        let watcher = Watcher::attach(&self.request(), (&domain, until), self.start, self.resume);
        watcher.map_err(|error| self.request().explain(error, Side::Takes))
    }

    fn request(&self) -> Request<'_> {
        let slots = (USUAL_BYTES / size_of::<T>().max(1)).clamp(16, 1024);
        Request {
            settings: &self.settings,
            kind: Kind::Broadcast,
            fingerprint: self.settings.fingerprint::<T>(),
            element: Some(core::any::type_name::<T>()),
            usual_capacity: self.usual_capacity.unwrap_or(1 << slots.ilog2()),
            geometry: &Mapped::<T>::geometry,
            slots_offset: SLOTS_OFFSET,
            mode: self.mode.map(|mode| (MODE, mode as u32)),
            takers: Some(TAKERS),
        }
    }

    /// With this capacity for a creator when none was chosen.
    pub(super) fn usually(mut self, capacity: u64) -> Self {
        self.usual_capacity = Some(capacity);
        self
    }

    fn publish(&self, creation: Creation) -> Result<Publisher<T>, AttachError> {
        let (ring, end) = self.publishing_parts(creation)?;
        Publisher::new(ring, end).map_err(|error| self.explain(error))
    }

    /// The parts of a publishing end.
    pub(super) fn publishing_parts(&self, creation: Creation) -> Result<(Mapped<T>, End), AttachError> {
        open::attach(&self.request(), creation, Side::Gives, |locked, domain, found| {
            let mode = settle_mode(&found.region, self.mode)?;
            let ring = Mapped::<T>::new(found.region.clone(), &found.geometry, found.barrier, mode)?;
            let mut end = End::publish(locked, domain, found, ring.front(), self.settings.strategy)?;
            end.place.settle(&self.settings);
            Ok((ring, end))
        })
    }

    /// Adds context to an error of a publisher.
    pub(super) fn explain(&self, error: AttachError) -> AttachError {
        self.request().explain(error, Side::Gives)
    }

    fn subscribe(&self, creation: Creation) -> Result<Subscriber<T>, AttachError> {
        let joined = open::attach(&self.request(), creation, Side::Takes, |locked, domain, found| {
            let mode = settle_mode(&found.region, self.mode)?;
            let start = self.start.check(found.entry.generation)?;
            let ring = Mapped::<T>::new(found.region.clone(), &found.geometry, found.barrier, mode)?;
            let (mut end, seat) =
                End::subscribe(locked, domain, found, ring.front(), self.settings.strategy)?;
            end.place.settle(&self.settings);
            // A publisher whose state is unknown counts as alive.
            let is_publishing = || matches!(end.publisher(), Ok(PeerState::Alive { .. }) | Err(_));
            Ok(match ring::Subscriber::join(ring, seat, start, self.resume, is_publishing) {
                Ok(ring) => Ok(Subscriber::new(ring, end)),
                Err((error, seat)) => Err((end, error, seat)),
            })
        })?;
        // An unused seat is given back when the lock is free again.
        joined
            .map_err(|(mut end, error, seat)| {
                end.leave(Some(seat));
                self.request().explain(error.into(), Side::Takes)
            })
            .map(|subscriber| subscriber.of(self))
    }
}
