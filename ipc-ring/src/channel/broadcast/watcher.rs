//! Reading along without a seat.

use super::end::{self, observed_mode};
use super::options::Readers;
use super::position::Position;
use crate::channel::observe;
use crate::channel::open::{Found, Request};
use crate::domain::{Domain, Owner};
use crate::end::item::ended;
use crate::end::pair::PeerState;
use crate::error::{AttachError, Missed, PopError};
use crate::message::Message;
use crate::platform::{Barrier, Native};
use crate::ring::broadcast::{self as ring, Control, Mapped, Mode, Pop, Words as _};
use crate::wait::signal;
use core::sync::atomic::Ordering::Relaxed;

/// A reader without a seat, whose memory is attached read-only: it can neither disturb the ends nor change
/// anything, and they do not know of it. It polls; it cannot sleep. Even a gated channel does not wait for
/// it, so it may miss messages, which it reports.
///
/// As long as it lives the channel's memory does.
#[derive(Debug)]
pub struct Watcher<T: Message> {
    ring: ring::Subscriber<Mapped<T>>,
    domain: Domain,
    generation: u64,
}

impl<T: Message> Watcher<T> {
    /// Looks for the channel in the user's own domain, to start with the oldest message.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as
    /// [`Builder::open_observer`](super::Builder::open_observer).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        super::Builder::new(name).open_observer()
    }

    pub(super) fn attach(
        request: &Request<'_>,
        Readers { mode, start, resume }: Readers,
    ) -> Result<Self, AttachError> {
        let look = |found: Found| {
            let generation = found.entry.generation;
            let mode = observed_mode(&found.region, mode)?;
            let start = start.check(generation)?;
            // It never sleeps and never joins, so no other end relies on the barrier.
            let ring = Mapped::of_any(found.region, &found.geometry, Barrier::Fence, mode)?;
            Ok((ring, start, generation))
        };
        let (domain, (ring, start, generation)) = observe::attach_read_only(request, look)?;
        Ok(Self { ring: ring::Subscriber::watch(ring, start, resume), domain, generation })
    }

    /// Reads the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Missed`]; [`PopError::Closed`]; [`PopError::PeerGone`] when there is
    /// nothing and the publisher has detached; [`PopError::Corrupt`].
    ///
    /// # Blocking
    /// Never, and no system call.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        self.domain.member().ours()?;
        match self.ring.try_pop() {
            Pop::Item { item, .. } => Ok(item),
            Pop::Missed { count } => Err(PopError::Missed(Missed { count })),
            Pop::Corrupt(corruption) => Err(PopError::Corrupt(corruption)),
            Pop::Empty { .. } => self.nothing(),
        }
    }

    #[inline(never)]
    fn nothing(&mut self) -> Result<T, PopError> {
        let bits = signal::load_state::<Native>(self.ring.memory().state());
        let Some(error) = ended(bits, self.sequence()) else { return Err(PopError::Empty) };
        // [C1] The bit is seen: everything published before is visible too. Check once more.
        match self.ring.try_pop() {
            Pop::Item { item, .. } => Ok(item),
            Pop::Missed { count } => Err(PopError::Missed(Missed { count })),
            Pop::Corrupt(corruption) => Err(PopError::Corrupt(corruption)),
            Pop::Empty { .. } => Err(error),
        }
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        let front = self.ring.memory();
        end::publisher_state(front, |identity| self.domain.is_alive(Owner::from_raw(identity)))
    }

    /// The sequence number of the next message.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.ring.position()
    }

    /// The position of this reader, as [`Subscriber::position`](super::Subscriber::position).
    #[must_use]
    pub fn position(&self) -> Position {
        Position { generation: self.generation, sequence: self.sequence(), offset: self.sequence() }
    }

    /// Number of published messages still to be read, or already overwritten. Racy.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.ring.behind()
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.ring.memory().capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.ring.memory().mode()
    }

    /// What the ends have counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::read(self.ring.memory())
    }
}

/// What the ends of a channel have counted, at about one moment: each value was current at some time during
/// the read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Messages published since the channel was made.
    pub published: u64,
    /// Below this position nothing is intact any more: a sequence number, or a count of bytes in a channel of
    /// frames.
    pub floor: u64,
    /// Subscribers in their seats, including dead ones that were not noticed yet.
    pub subscribers: u64,
    /// Number of messages that subscribers with a seat were reported to have missed.
    pub missed: u64,
    /// Subscribers that died in their seats and were noticed.
    pub dropped: u64,
    /// Number of times the publisher of a gated channel found no room. A waiting publisher checks many times.
    pub found_full: u64,
    /// The furthest a subscriber of a gated channel has been seen behind, in messages, or bytes in a channel
    /// of frames.
    pub high_water: u64,
}

impl Counters {
    /// Those of a channel of frames.
    pub(super) fn read_frames(front: &impl Control<Platform = Native>) -> Self {
        Self { published: front.frames().load(Relaxed), ..Self::read(front) } // Statistics.
    }

    /// Reads them. Any values are accepted: they index nothing.
    pub(super) fn read(front: &impl Control<Platform = Native>) -> Self {
        let taken = |number: &u16| front.identity(*number).load(Relaxed) != 0; // A count for display.
        Self {
            published: front.tail().load(Relaxed), // Statistics.
            floor: front.floor().load(Relaxed),    // Statistics.
            subscribers: (0..front.seats()).filter(taken).count() as u64,
            missed: front.missed().load(Relaxed),         // Statistics.
            dropped: front.drops().load(Relaxed),         // Statistics.
            found_full: front.found_full().load(Relaxed), // Statistics.
            high_water: front.high_water().load(Relaxed), // Statistics.
        }
    }
}
