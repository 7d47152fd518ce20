//! What a producer and a consumer have in common beside moving messages: their place among the others, and clearing up
//! after the dead.

use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use crate::channel::open::Found;
use crate::channel::participant::Participant;
use crate::channel::seats::Table;
use crate::channel::successor::{self, Seats, Takers};
use crate::domain::{Domain, Entry, Locked};
use crate::end::participant::{ANY_KEY, WaiterClass};
use crate::error::{AttachError, AttachErrorKind};
use crate::message::Message;
use crate::ring::mpmc::recovery::{self, Repair, Report};
use crate::ring::mpmc::{
    CLOSED, CONSUMER_SLEEPERS, ENDPOINTS, Holder, Mapped, PRODUCER_SLEEPERS, SEAT_SIZE, SEATS, STATE, Seat,
    Words as _, is_closed, poisoned,
};
use crate::wait::WaitStrategy;
use crate::wait::host::Host as _;

pub(in crate::channel) const TABLE: Table = Table { offset: SEATS, size: SEAT_SIZE, seats: ENDPOINTS };

/// The ends of a ring that may be consumers, and what tells them that the stream has ended.
pub(super) const TAKERS: Takers = Takers { closed: (STATE, CLOSED), seats: Seats::Many(TABLE) };

/// The side of the ring an end is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Role {
    Producer = 1,
    Consumer = 2,
}

impl Role {
    /// Whether messages go in at the role's ends or come out.
    pub(super) const fn to(self) -> successor::Side {
        match self {
            Role::Producer => successor::Side::Gives,
            Role::Consumer => successor::Side::Takes,
        }
    }

    const fn side(self) -> WaiterClass {
        let mask = match self {
            Role::Producer => PRODUCER_SLEEPERS,
            Role::Consumer => CONSUMER_SLEEPERS,
        };
        WaiterClass { role: self as u32, mask, key: ANY_KEY }
    }
}

/// How often a polling end meets a slot in somebody's hands before it asks whether that somebody is alive: some ten
/// microseconds.
const POLLS_PER_QUESTION: u32 = 1024;

/// Counts such meetings.
#[derive(Debug, Default)]
pub(super) struct Patience(u32);

impl Patience {
    /// So many looks more. True when it is time to ask.
    pub(super) fn is_over(&mut self, looks: u32) -> bool {
        self.0 += looks;
        let over = self.0 >= POLLS_PER_QUESTION;
        if over {
            self.0 = 0;
        }
        over
    }
}

/// An attached end, still without its half of the ring's algorithm.
#[derive(Debug)]
pub(super) struct End<T> {
    pub(super) ring: Mapped<T>,
    /// Until the ring's end takes it.
    pub(super) seat: Option<Seat>,
    pub(super) place: Participant,
    /// How many had come to the other side when a set was told that it is deserted.
    told: Option<u32>,
    /// Whether a set was told that the stream has ended.
    pub(super) ended: bool,
}

impl<T: Message> End<T> {
    /// Takes a seat. The domain's lock is held.
    ///
    /// # Errors
    /// [`Closed`](crate::AttachErrorKind::Closed) for a producer;
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) when all seats are taken by living ends.
    pub(super) fn take_seat(
        locked: &Locked<'_>,
        domain: &Domain,
        found: Found,
        role: Role,
        strategy: WaitStrategy,
    ) -> Result<Self, AttachError> {
        let ring = Mapped::<T>::new(found.region.clone(), &found.geometry)?;
        if let Some(corruption) = poisoned(&ring, 0) {
            return Err(AttachErrorKind::Corrupt(corruption).into());
        }
        if role == Role::Producer && is_closed(&ring) {
            return Err(AttachErrorKind::Closed.into());
        }
        let (place, seat) = Participant::take_seat(
            locked,
            domain,
            found,
            (TABLE, role.side()),
            strategy,
            |me, questions| {
                let identity = NonZeroU64::new(me).expect("a member is somebody");
                let mut seat = Seat::take(&ring, identity);
                if seat.is_err() {
                    recovery::recover(&ring, |identity| questions.is_alive(identity));
                    questions.answered()?;
                    seat = Seat::take(&ring, identity);
                }
                let seat = seat.map_err(|_| AttachErrorKind::DomainFull {
                    what: "ends of one channel",
                    limit: usize::from(ENDPOINTS),
                })?;
                let number = seat.number();
                Ok((seat, number))
            },
        )?;
        ring.attached(role as u32).fetch_add(1, Ordering::Relaxed); // For an answer only.
        let other = if role == Role::Producer { Role::Consumer } else { Role::Producer };
        let place = place.facing(other as u32);
        Ok(Self { ring, seat: Some(seat), place, told: None, ended: false })
    }

    /// The channel, for who keeps books about it.
    pub(super) fn entry(&self) -> &Entry {
        self.place.entry()
    }

    /// Wakes one sleeper of a side, after something was published for it. Costs nothing while nobody sleeps. An error is
    /// kept.
    #[inline(always)]
    pub(super) fn wake_one(&mut self, role: Role) {
        let mask = match role {
            Role::Producer => self.ring.producer_sleepers(),
            Role::Consumer => self.ring.consumer_sleepers(),
        };
        let woken = self.place.wake_one(role.side(), mask);
        self.place.keep(woken);
    }

    /// Wakes one sleeping consumer after a push, unless one was woken already for what lies before.
    ///
    /// # Errors
    /// When no consumer could be woken.
    #[inline(always)]
    pub(super) fn pushed(&mut self, is_behind_another: impl FnOnce() -> bool) -> Result<(), ipc_core::Error> {
        let mask = self.ring.consumer_sleepers();
        self.place.wake_one_unless(Role::Consumer.side(), mask, is_behind_another)
    }

    /// Wakes everybody.
    fn wake_all(&mut self) {
        self.place.wake_all(Role::Consumer.side());
        self.place.wake_all(Role::Producer.side());
    }

    /// Frees a met slot if its holder is dead. True when it is worth trying again.
    ///
    /// # Errors
    /// When it cannot be known.
    pub(super) fn repair(&mut self, holder: &Holder) -> Result<bool, ipc_core::Error> {
        let repair = self.place.asking(|is_alive| recovery::repair(&self.ring, holder, is_alive))?;
        if matches!(repair, Repair::Repaired { .. }) {
            self.recover()?;
        }
        Ok(!matches!(repair, Repair::Alive { .. }))
    }

    /// As [`repair`](Self::repair), for one who polls. When the holder is alive it may be waiting for this very CPU, to go on or to
    /// die: a process that was killed needs one for its end.
    #[cold]
    ///
    /// # Errors
    /// As [`repair`](Self::repair).
    pub(super) fn repair_or_give_way(&mut self, holder: &Holder) -> Result<(), ipc_core::Error> {
        if !self.repair(holder)? {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Clears up after all dead ends, and tells those who sleep if there was something.
    ///
    /// # Errors
    /// When it cannot be known of some end. Nothing was taken from that one.
    pub(super) fn recover(&mut self) -> Result<Report, ipc_core::Error> {
        self.place.host.check_process("recover")?;
        let mut report = Report::default();
        let asked = self.place.asking(|is_alive| report = recovery::recover(&self.ring, is_alive));
        if report.seats > 0 || report.slots > 0 {
            self.wake_all();
        }
        asked?;
        self.place.tell()?;
        Ok(report)
    }

    /// Whether everybody on a side is gone, though somebody was there. Asks nobody: run [`recover`](Self::recover) before.
    pub(super) fn deserted(&self, role: Role) -> bool {
        let ever = self.ring.attached(role as u32).load(Ordering::Relaxed) > 0; // For an answer only.
        ever && !self.place.anybody(role as u32)
    }

    /// Whether there are ends on a side, and all of them sleep or are about to.
    pub(super) fn do_all_wait(&self, role: Role) -> bool {
        self.place.do_all_wait(role as u32)
    }

    /// Whether waiting for a side ends because it is deserted.
    pub(super) fn ends_without(&self, role: Role) -> bool {
        !self.place.waits.awaits_successors() && self.deserted(role)
    }

    /// As [`deserted`](Self::deserted), and true only once until somebody has come to that side again.
    pub(super) fn newly_deserted(&mut self, role: Role) -> bool {
        let times = self.ring.attached(role as u32).load(Ordering::Relaxed); // For an answer only.
        if self.told == Some(times) || !self.deserted(role) {
            return false;
        }
        self.told = Some(times);
        true
    }

    /// Tells everybody that the ring is corrupt, and wakes them to see it, unless somebody has.
    #[cold]
    pub(super) fn poison(&mut self) {
        if crate::ring::mpmc::poison(&self.ring) {
            self.wake_all();
        }
    }

    /// Ends the stream, and wakes everybody to see it.
    pub(super) fn close(&mut self) {
        if !self.place.is_ours() {
            return;
        }
        crate::ring::mpmc::close(&self.ring);
        self.place.closes();
        self.wake_all();
    }

    /// Gives the place up; `give_back` frees the ring's seat.
    pub(super) fn leave(&mut self, role: Role, give_back: impl FnOnce()) {
        let ring = &self.ring;
        self.place.leave(give_back, || is_closed(ring) && crate::ring::mpmc::len(ring) == 0);
        // Whoever waits for this side learns that it is empty.
        let other = if role == Role::Producer { Role::Consumer } else { Role::Producer };
        self.place.wake_all(other.side());
    }
}
