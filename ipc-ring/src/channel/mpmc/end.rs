//! How an end takes its seat in a channel, and gives it up.

use std::num::NonZeroU64;

use crate::channel::kernel::Kernel;
use crate::channel::open::Found;
use crate::channel::pair::Ending;
use crate::channel::participant::Participant;
use crate::channel::seated::Seat as _;
use crate::channel::seats::{Segment, Table};
use crate::channel::successor::{self, Seats, Takers};
use crate::domain::{Domain, Entry, Locked};
use crate::end::mpmc as end;
pub(in crate::channel) use crate::end::mpmc::Role;
use crate::error::{AttachError, AttachErrorKind};
use crate::memory::Shape;
use crate::ring::mpmc::{
    self as ring, CLOSED, ENDPOINTS, MappedOf, SEAT_SIZE, SEATS, STATE, Seat, USED, recovery,
};
use crate::wait::WaitStrategy;

pub(in crate::channel) const TABLE: Table =
    Table { offset: SEATS, size: SEAT_SIZE, seats: ENDPOINTS, used: USED };

/// The ends of a ring that may be consumers, and how they learn that the stream has ended.
pub(in crate::channel) const TAKERS: Takers = Takers { closed: (STATE, CLOSED), seats: Seats::Many(TABLE) };

/// Whether messages go in or come out at a role's ends.
pub(in crate::channel) const fn side_of(role: Role) -> successor::Side {
    match role {
        Role::Producer => successor::Side::Gives,
        Role::Consumer => successor::Side::Takes,
    }
}

/// An attached end, without its half of the ring's algorithm.
pub(in crate::channel) type End<S> = end::End<MappedOf<S>, Segment, Kernel>;

impl<S: Shape> End<S> {
    /// Takes a seat: the end, and the ring's seat for its half of the algorithm. The domain's lock is held.
    ///
    /// # Errors
    /// [`Closed`](crate::AttachErrorKind::Closed) for a producer;
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) when all seats are taken by living ends.
    pub(in crate::channel) fn take_seat(
        locked: &Locked<'_>,
        domain: &Domain,
        (found, memory): (Found, MappedOf<S>),
        role: Role,
        strategy: WaitStrategy,
    ) -> Result<(Self, Seat), AttachError> {
        if let Some(corruption) = ring::poisoned(&memory, 0) {
            return Err(AttachErrorKind::Corrupt(corruption).into());
        }
        if role == Role::Producer && ring::is_closed(&memory) {
            return Err(AttachErrorKind::Closed.into());
        }
        let class = role.waiters();
        let (place, seat) =
            Participant::take_seat(locked, domain, found, (TABLE, class), strategy, |me, questions| {
                let identity = NonZeroU64::new(me).expect("a member's identity is not zero");
                let mut seat = Seat::take(&memory, identity);
                if seat.is_err() {
                    recovery::recover(&memory, |identity| questions.is_alive(identity));
                    questions.answered()?;
                    seat = Seat::take(&memory, identity);
                }
                let seat = seat.map_err(|_| AttachErrorKind::DomainFull {
                    what: "ends of one channel",
                    limit: usize::from(ENDPOINTS),
                })?;
                let number = seat.number();
                Ok((seat, number))
            })?;
        Ok((Self::new(memory, place, role), seat))
    }

    /// The channel, for accounting.
    pub(in crate::channel) fn entry(&self) -> &Entry {
        self.place.entry()
    }

    /// Gives the seat up, after ending the stream for all ends if that is the `ending`; `give_back` frees the
    /// ring's seat. Does nothing in a child process that inherited the end through a fork.
    pub(in crate::channel) fn leave(&mut self, role: Role, ending: Ending, give_back: impl FnOnce()) {
        if !self.place.is_ours() {
            return;
        }
        if ending == Ending::Close {
            self.place.closes();
            self.close();
        }
        let memory = &self.ring;
        self.place.leave(give_back, || ring::is_closed(memory) && ring::len(memory) == 0);
        self.left(role);
    }
}
