//! Reading frames along without a seat.

use crate::channel::broadcast::end::{self, observed_mode};
use crate::channel::broadcast::options::Readers;
use crate::channel::broadcast::{Counters, Missed, Mode, PopError, Position};
use crate::channel::observe;
use crate::channel::open::{Found, Request};
use crate::channel::successor::Side;
use crate::domain::{Domain, Owner};
use crate::end::item::ended;
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::platform::{Barrier, Native};
use crate::ring::broadcast::Words as _;
use crate::ring::broadcast::frames::{self as ring, Mapped, Pop};
use crate::wait::signal;

/// A reader without a seat, whose memory is attached read-only: it can neither disturb the ends nor change
/// anything, and they do not know of it. It polls; it cannot sleep. Even a gated channel does not wait for
/// it, so it may miss frames, which it reports.
///
/// As long as it lives the channel's memory does.
#[derive(Debug)]
pub struct Watcher {
    ring: ring::Subscriber<Mapped>,
    domain: Domain,
    generation: u64,
}

impl Watcher {
    /// Looks for the channel in the user's own domain, to start with the oldest frame that can be found.
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
            let place = start.check_frames(generation)?;
            // It never sleeps and never joins, so no other end relies on the barrier.
            let ring = Mapped::of_any(found.region, &found.geometry, Barrier::Fence, mode)?;
            Ok((ring, place, generation))
        };
        let (domain, (ring, place, generation)) = observe::attach_read_only(request, look)?;
        let ring = ring::Subscriber::watch(ring, place, resume)
            .map_err(|_| request.explain(start.nowhere(), Side::Takes))?;
        Ok(Self { ring, domain, generation })
    }

    /// Reads the next frame, if there is one, replacing the contents of `out`; returns its length.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Missed`]; [`PopError::Closed`]; [`PopError::PeerGone`] when there is
    /// nothing and the publisher has detached; [`PopError::Corrupt`].
    ///
    /// # Blocking
    /// Never, and no system call.
    pub fn try_pop_vec(&mut self, out: &mut Vec<u8>) -> Result<usize, PopError> {
        self.domain.member().ours()?;
        match explain(self.ring.try_pop_vec(out)) {
            Err(PopError::Empty) => {
                let bits = signal::load_state::<Native>(self.ring.memory().state());
                let Some(error) = ended(bits, self.sequence()) else { return Err(PopError::Empty) };
                // [C1] The bit is seen: everything published before is visible too. Check once more.
                match explain(self.ring.try_pop_vec(out)) {
                    Err(PopError::Empty) => Err(error),
                    result => result,
                }
            }
            result => result,
        }
    }

    /// Reads the next frame, if there is one, into a new vector.
    ///
    /// # Errors
    /// As [`try_pop_vec`](Self::try_pop_vec).
    pub fn try_pop(&mut self) -> Result<Vec<u8>, PopError> {
        let mut out = Vec::new();
        self.try_pop_vec(&mut out)?;
        Ok(out)
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        let front = self.ring.memory();
        end::publisher_state(front, |identity| self.domain.is_alive(Owner::from_raw(identity)))
    }

    /// The sequence number of the next frame.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.ring.sequence()
    }

    /// The position of this reader, as [`Subscriber::position`](super::Subscriber::position).
    #[must_use]
    pub fn position(&self) -> Position {
        Position { generation: self.generation, sequence: self.sequence(), offset: self.ring.position() }
    }

    /// Number of published frames still to be read, or already overwritten. Racy.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.ring.behind()
    }

    /// Bytes of the ring.
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
        Counters::read_frames(self.ring.memory())
    }
}

fn explain(pop: Pop) -> Result<usize, PopError> {
    match pop {
        Pop::Frame { len, .. } => Ok(len),
        Pop::TooLong { len } => Err(PopError::BufferTooSmall { needed: len }),
        Pop::Empty { .. } => Err(PopError::Empty),
        Pop::Missed { count } => Err(PopError::Missed(Missed { count })),
        Pop::Corrupt(corruption) => Err(PopError::Corrupt(corruption)),
    }
}
