//! What every end does besides moving messages: holding its seat, waking others, and noticing ends that are
//! gone.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::channel::end::PeerState;
use crate::channel::open::Found;
use crate::channel::participant::Participant;
use crate::channel::seats::Table;
use crate::channel::successor::{Followed as _, Seats, Takers};
use crate::channel::wait_set::News;
use crate::domain::{Domain, Locked};
use crate::end::participant::{ANY_KEY, WaiterClass};
use crate::error::{AttachError, AttachErrorKind, PeerExit};
use crate::memory;
use crate::platform::Native;
use crate::region::Region;
use crate::ring::broadcast::front::mode_of;
use crate::ring::broadcast::words::{
    MODE, PUBLISHER_SEAT, PUBLISHER_SLEEPERS, PUBLISHERS, SEAT_SIZE, SEATS, STATE, SUBSCRIBER_SLEEPERS,
    SUBSCRIBERS,
};
use crate::ring::broadcast::{Corruption, Front, Mode, Private, Seat, Words as _, seat};
use crate::wait::WaitStrategy;
use crate::wait::host::Host as _;
use crate::wait::signal::{self, CLOSED, DETACHED, POISONED};

pub(in crate::channel) const TABLE: Table = Table { offset: SEATS, size: SEAT_SIZE, seats: SUBSCRIBERS + 1 };
/// The subscribers of a ring, and how they learn that the stream has ended.
pub(in crate::channel) const TAKERS: Takers = Takers { closed: (STATE, CLOSED), seats: Seats::Many(TABLE) };
const PUBLISHER: WaiterClass = WaiterClass { role: 1, mask: PUBLISHER_SLEEPERS, key: ANY_KEY };
const SUBSCRIBER: WaiterClass = WaiterClass { role: 2, mask: SUBSCRIBER_SLEEPERS, key: ANY_KEY };

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
    match wanted {
        Some(expected) if expected != found => Err(AttachErrorKind::Mode { found, expected }.into()),
        _ => Ok(found),
    }
}

/// The identity in the publisher's seat.
fn publisher_identity(region: &Region) -> &AtomicU64 {
    region.word(SEATS + usize::from(PUBLISHER_SEAT) * SEAT_SIZE)
}

/// An attached end.
#[derive(Debug)]
pub(in crate::channel) struct End {
    pub(in crate::channel) front: Front,
    pub(in crate::channel) place: Participant,
    generation: u64,
    /// The count of publishers when a set was last notified that the publisher is gone.
    told: Option<u32>,
    /// Whether a set was notified that the stream has ended.
    ended: bool,
}

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
        let generation = found.entry.generation;
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
                region.half(PUBLISHERS).fetch_add(1, Ordering::Relaxed); // For an answer only.
                Ok(((), PUBLISHER_SEAT))
            })?;
        let mut end = Self { front, place, generation, told: None, ended: false };
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
        let generation = found.entry.generation;
        let (place, seat) =
            Participant::take_seat(locked, domain, found, (TABLE, SUBSCRIBER), strategy, |me, questions| {
                let identity = NonZeroU64::new(me).expect("a member is somebody");
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
        Ok((Self { front, place, generation, told: None, ended: false }, seat))
    }

    /// Identity of this channel, for a pool whose handles travel in its messages.
    pub(in crate::channel) fn route(&self) -> crate::pool::Route {
        crate::channel::pool::route(self.place.entry())
    }

    /// The channel's generation.
    pub(in crate::channel) fn generation(&self) -> u64 {
        self.generation
    }

    /// Wakes all sleeping subscribers. Costs nothing while there are none.
    ///
    /// # Errors
    /// When some could not be woken.
    #[inline(always)]
    pub(in crate::channel) fn wake_subscribers(&mut self) -> Result<(), ipc_core::Error> {
        self.place.wake_everybody(SUBSCRIBER, self.front.subscriber_sleepers())
    }

    /// Wakes the publisher if it sleeps. An error is kept.
    #[inline]
    pub(in crate::channel) fn wake_publisher(&mut self) {
        let woken = self.place.wake_everybody(PUBLISHER, self.front.publisher_sleepers());
        self.place.keep(woken);
    }

    /// Whether there are subscribers, and all of them sleep or are about to.
    pub(in crate::channel) fn do_all_subscribers_wait(&self) -> bool {
        self.place.do_all_wait(SUBSCRIBER.role)
    }

    /// Bits about the stream; check the ring again after seeing one.
    pub(in crate::channel) fn bits(&self) -> u32 {
        signal::seen::<Native>(self.front.state())
    }

    /// Sets bits about the stream and wakes all ends to see them.
    pub(in crate::channel) fn raise(&mut self, bits: u32) {
        signal::raise::<Native>(self.front.state(), bits);
        if bits & CLOSED != 0 {
            self.place.closes();
        }
        let woken = self.wake_subscribers();
        self.place.keep(woken);
        self.wake_publisher();
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive.
    pub(in crate::channel) fn publisher(&self) -> Result<PeerState, ipc_core::Error> {
        self.place.host.check_process("publisher")?;
        let state = publisher_state(&self.front, |identity| self.place.is_alive(identity))?;
        Ok(self.place.unless_replaced(state))
    }

    /// What a set needs to know about the publisher: [`News::Ended`] once when it has ended the stream,
    /// [`News::PeerGone`] once for each one that left without ending it.
    ///
    /// # Errors
    /// When it is unknown whether the publisher's process is alive.
    pub(in crate::channel) fn news_of_publisher(
        &mut self,
        probe: bool,
    ) -> Result<Option<News>, ipc_core::Error> {
        self.place.tell()?;
        let bits = self.bits();
        if bits & (CLOSED | POISONED) != 0 {
            return Ok((!std::mem::replace(&mut self.ended, true)).then_some(News::Ended));
        }
        let publishers = self.front.region().half(PUBLISHERS).load(Ordering::Relaxed); // For an answer only.
        if self.told == Some(publishers) {
            return Ok(None);
        }
        let died = probe && matches!(self.publisher()?, PeerState::Gone(PeerExit::Died { .. }));
        if bits & DETACHED == 0 && !died {
            return Ok(None);
        }
        self.told = Some(publishers);
        Ok(Some(News::PeerGone))
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

/// Whether the publisher of a ring is attached. Only reads.
///
/// # Errors
/// Those of `is_alive`.
pub(super) fn publisher_state<M>(
    front: &memory::Mapped<Private<M>>,
    is_alive: impl FnOnce(u64) -> Result<bool, ipc_core::Error>,
) -> Result<PeerState, ipc_core::Error> {
    if signal::seen::<Native>(front.state()) & CLOSED != 0 {
        return Ok(PeerState::Closed);
    }
    // [E1] Acquire ← the Release of the end that took or gave up the seat.
    let identity = publisher_identity(front.region()).load(Ordering::Acquire);
    if identity == 0 {
        let ever = front.region().half(PUBLISHERS).load(Ordering::Relaxed) > 0; // For the answer only.
        return Ok(PeerState::Gone(if ever { PeerExit::Detached } else { PeerExit::NeverAttached }));
    }
    let pid = TABLE.pid(front.region(), PUBLISHER_SEAT);
    let alive = is_alive(identity)?;
    Ok(if alive { PeerState::Alive { pid } } else { PeerState::Gone(PeerExit::Died { pid }) })
}
