//! How an end takes its seat in a channel, and gives it up.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Peered};
use crate::channel::open::Found;
use crate::channel::pair::Ending;
use crate::channel::participant::Participant;
use crate::channel::seated::{Seat as _, wait_for_peer};
use crate::channel::seats::{Segment, Table};
use crate::channel::successor::{Seats, Takers};
use crate::domain::{Domain, Locked};
use crate::end::broadcast::{self as end, Attached, Half, PUBLISHER, SUBSCRIBER, Subscribing};
use crate::end::pair::PeerState;
use crate::end::participant::holder;
use crate::error::{AttachError, AttachErrorKind};
use crate::memory;
use crate::region::Region;
use crate::ring::broadcast::front::mode_of;
use crate::ring::broadcast::words::{MODE, PUBLISHER_SEAT, SEAT_SIZE, SEATS, STATE, SUBSCRIBERS, USED};
use crate::ring::broadcast::{Corruption, Front, Mode, Private, Seat, Words as _, seat};
use crate::wait::WaitStrategy;
use crate::wait::signal::{CLOSED, DETACHED, POISONED};

pub(in crate::channel) const TABLE: Table =
    Table { offset: SEATS, size: SEAT_SIZE, seats: SUBSCRIBERS + 1, used: USED };
/// The subscribers of a ring, and how they learn that the stream has ended.
pub(in crate::channel) const TAKERS: Takers = Takers { closed: (STATE, CLOSED), seats: Seats::Many(TABLE) };

/// The mode of a ring found or made; the first end to attach chooses it. Under the domain's lock.
///
/// # Errors
/// [`Mode`](crate::AttachErrorKind::Mode) when it is not the requested one;
/// [`Corrupt`](crate::AttachErrorKind::Corrupt).
pub(in crate::channel) fn settle_mode(region: &Region, wanted: Option<Mode>) -> Result<Mode, AttachError> {
    let word = region.half(MODE);
    let raw = word.load(Ordering::Relaxed); // Under the lock.
    if raw == 0 {
        let mode = wanted.unwrap_or(Mode::Lossy);
        word.store(mode as u32, Ordering::Relaxed); // Under the lock.
        return Ok(mode);
    }
    let found = mode_of(region).ok_or(Corruption { word: "mode", position: 0, found: u64::from(raw) })?;
    agreed(found, wanted)
}

/// The mode of a ring that is only read.
///
/// # Errors
/// [`NotReady`](crate::AttachErrorKind::NotReady) as long as no end has chosen it;
/// [`Mode`](crate::AttachErrorKind::Mode) when it is not the requested one.
pub(in crate::channel) fn observed_mode(region: &Region, wanted: Option<Mode>) -> Result<Mode, AttachError> {
    agreed(mode_of(region).ok_or(AttachErrorKind::NotReady)?, wanted)
}

fn agreed(found: Mode, wanted: Option<Mode>) -> Result<Mode, AttachError> {
    match wanted {
        Some(expected) if expected != found => Err(AttachErrorKind::Mode { found, expected }.into()),
        _ => Ok(found),
    }
}

/// The identity in the publisher's seat.
fn publisher_identity(region: &Region) -> &AtomicU64 {
    region.word(SEATS + usize::from(PUBLISHER_SEAT) * SEAT_SIZE)
}

/// An attached end, without its half of the ring's algorithm.
pub(in crate::channel) type End = end::End<Front, Segment, Kernel>;

impl End {
    /// Takes the publisher's seat. The domain's lock is held.
    ///
    /// # Errors
    /// [`EndTaken`](crate::AttachErrorKind::EndTaken) by a live process;
    /// [`Closed`](crate::AttachErrorKind::Closed); [`Corrupt`](crate::AttachErrorKind::Corrupt) when an end
    /// has found the ring corrupt.
    pub(in crate::channel) fn publish(
        locked: &Locked<'_>,
        domain: &Domain,
        found: Found,
        front: Front,
        strategy: WaitStrategy,
    ) -> Result<Self, AttachError> {
        let region = found.region.clone();
        let state = front.state();
        let bits = state.load(Ordering::Relaxed); // Under the lock.
        if bits & POISONED != 0 {
            return Err(AttachErrorKind::Corrupt(Corruption::told(0, bits)).into());
        }
        if bits & CLOSED != 0 {
            return Err(AttachErrorKind::Closed.into());
        }
        let (place, ()) =
            Participant::take_seat(locked, domain, found, (TABLE, PUBLISHER), strategy, |me, questions| {
                let seat = publisher_identity(&region);
                let holder = seat.load(Ordering::Relaxed); // Under the lock.
                let is_taken = holder != 0 && questions.is_alive(holder);
                seat::sweep(&front, |identity| questions.is_alive(identity));
                questions.answered()?;
                if is_taken {
                    let pid = TABLE.pid(&region, PUBLISHER_SEAT);
                    let taken = AttachError::from(AttachErrorKind::EndTaken { pid });
                    return Err(taken.held_here(holder == me));
                }
                // [E1] Release → `publisher`.
                seat.store(me, Ordering::Release);
                // After the owner, so that a death in between leaves a dead publisher, not one that
                // never attached.
                state.fetch_and(!DETACHED, Ordering::Relaxed);
                front.publishers().fetch_add(1, Ordering::Relaxed); // For an answer only.
                Ok(((), PUBLISHER_SEAT))
            })?;
        let mut end = Self::new(front, place);
        // Subscribers that a dead publisher was about to wake check again.
        let woken = end.wake_subscribers();
        end.place.keep(woken);
        Ok(end)
    }

    /// Takes a subscriber's seat. The domain's lock is held.
    ///
    /// # Errors
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) when all seats are taken by live ends;
    /// [`Corrupt`](crate::AttachErrorKind::Corrupt) when an end has found the ring corrupt.
    pub(in crate::channel) fn subscribe(
        locked: &Locked<'_>,
        domain: &Domain,
        found: Found,
        front: Front,
        strategy: WaitStrategy,
    ) -> Result<(Self, Seat), AttachError> {
        let bits = front.state().load(Ordering::Relaxed); // Under the lock.
        if bits & POISONED != 0 {
            return Err(AttachErrorKind::Corrupt(Corruption::told(0, bits)).into());
        }
        let (place, seat) =
            Participant::take_seat(locked, domain, found, (TABLE, SUBSCRIBER), strategy, |me, questions| {
                let identity = NonZeroU64::new(me).expect("a member's identity is not zero");
                let mut seat = seat::take(&front, identity);
                if seat.is_err() {
                    seat::sweep(&front, |identity| questions.is_alive(identity));
                    questions.answered()?;
                    seat = seat::take(&front, identity);
                }
                let seat = seat.map_err(|_| AttachErrorKind::DomainFull {
                    what: "subscribers of one channel",
                    limit: usize::from(SUBSCRIBERS),
                })?;
                let number = seat.number();
                Ok((seat, number))
            })?;
        Ok((Self::new(front, place), seat))
    }

    /// Identity of this channel, for a pool whose handles travel in its messages.
    pub(in crate::channel) fn route(&self) -> crate::pool::Route {
        crate::channel::pool::route(self.place.entry())
    }

    /// The channel's generation.
    pub(in crate::channel) fn generation(&self) -> u64 {
        self.place.generation()
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive.
    pub(in crate::channel) fn publisher(&self) -> Result<PeerState, ipc_core::Error> {
        Ok(self.place.unless_replaced(self.state_of_publisher()?))
    }

    /// Sleeps until a publisher is attached, or the channel is closed or its ring replaced, or the deadline
    /// has passed; returns the publisher's state then.
    ///
    /// # Errors
    /// When the semaphores were removed.
    pub(in crate::channel) fn wait_for_publisher(
        &self,
        deadline: Option<Instant>,
    ) -> Result<PeerState, ipc_core::Error> {
        wait_for_peer(&self.place, deadline, || self.state_of_publisher())
    }

    /// Kills the process that holds the publisher's end, unless it is this one. True when that end has no
    /// holder any more.
    ///
    /// # Errors
    /// As [`Domain::evict`].
    pub(in crate::channel) fn evict_publisher(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.place.host.evict(holder(self.place.words(), PUBLISHER_SEAT), deadline)
    }

    /// Gives the publisher's seat up, after signalling `ending`. A panic detaches. Does nothing in a forked
    /// child.
    pub(in crate::channel) fn finish(&mut self, ending: Ending) {
        if self.place.is_ours() {
            let closes = ending == Ending::Close && !std::thread::panicking();
            if closes {
                self.place.closes();
            }
            self.set_flags(if closes { CLOSED } else { DETACHED });
            self.leave(None);
        }
    }

    /// Gives a subscriber's seat up, unless it has been. Does nothing in a forked child.
    pub(in crate::channel) fn leave_by(&mut self, take_seat: impl FnOnce() -> Option<Seat>) {
        if self.place.is_ours()
            && let Some(seat) = take_seat()
        {
            self.leave(Some(seat));
        }
    }

    /// Gives the seat up; the publisher first signals how it leaves.
    pub(in crate::channel) fn leave(&mut self, seat: Option<Seat>) {
        let front = self.front.clone();
        self.place.leave(
            || match seat {
                Some(seat) => seat::leave(&front, seat),
                None => publisher_identity(front.region()).store(0, Ordering::Release), // [E1]
            },
            || front.state().load(Ordering::Relaxed) & CLOSED != 0,
        ); // Under the lock.
        // A gated publisher that waited for this subscriber checks again.
        self.wake_publisher();
    }
}

impl<R> Peered for Attached<R, Front, Segment, Kernel>
where
    R: Half<Side = Subscribing>,
    Self: Core,
{
    fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.end.publisher()
    }

    fn wait_for_peer(&self, deadline: Option<Instant>) -> Result<PeerState, ipc_core::Error> {
        self.end.wait_for_publisher(deadline)
    }

    fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.end.evict_publisher(deadline)
    }
}

/// Whether the publisher of a ring is attached, for a reader without a seat. Only reads.
///
/// # Errors
/// Those of `is_alive`.
pub(super) fn publisher_state<M>(
    front: &memory::Mapped<Private<M>>,
    is_alive: impl FnOnce(u64) -> Result<bool, ipc_core::Error>,
) -> Result<PeerState, ipc_core::Error> {
    let region = front.region();
    end::publisher_state(front, publisher_identity(region), || TABLE.pid(region, PUBLISHER_SEAT), is_alive)
}
