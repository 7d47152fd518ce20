//! An end of a table in a segment: how it takes its seat, and gives it up.

use crate::channel::PeerState;
use crate::channel::kernel::Kernel;
use crate::channel::open::Found;
use crate::channel::participant::Participant;
use crate::channel::seats::{self, Segment, Table};
use crate::channel::successor::{self, Seats, Takers};
use crate::domain::{Domain, Locked, Member, Owner, Questions};
use crate::end::latest::{self as end, WRITER};
pub(in crate::channel) use crate::end::latest::{Role, Topic};
use crate::end::participant::WaiterClass;
use crate::error::{AttachError, AttachErrorKind};
use crate::memory::Shape;
use crate::platform::Native;
use crate::region::Region;
use crate::ring::latest::{ENDPOINTS, MappedOf, READERS, SEAT_SIZE, SEATS, STATE, Words as _};
use crate::wait::WaitStrategy;
use crate::wait::signal::{self, CLOSED};

pub(in crate::channel) const TABLE: Table =
    Table { offset: SEATS, size: SEAT_SIZE, seats: ENDPOINTS, used: 0 };
/// The readers, which leave the table's parameters to a writer, and how they learn that it has ended.
pub(in crate::channel) const TAKERS: Takers = Takers { closed: (STATE, CLOSED), seats: Seats::Many(TABLE) };

/// Whether values go in or come out at a role's end.
pub(in crate::channel) const fn side_of(role: Role) -> successor::Side {
    match role {
        Role::Writer => successor::Side::Gives,
        Role::Reader => successor::Side::Takes,
    }
}

/// An attached end.
pub(in crate::channel) type End<S> = end::End<MappedOf<S>, Segment, Kernel>;

impl<S: Shape> End<S> {
    /// Takes a seat. The domain's lock is held.
    ///
    /// # Errors
    /// [`EndTaken`](crate::AttachErrorKind::EndTaken) for a second writer,
    /// [`Closed`](crate::AttachErrorKind::Closed) for a writer of a closed channel,
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) when all seats are taken by living readers.
    pub(in crate::channel) fn take_seat(
        locked: &Locked<'_>,
        domain: &Domain,
        (found, ring): (Found, MappedOf<S>),
        role: Role,
        strategy: WaitStrategy,
    ) -> Result<Self, AttachError> {
        let region = found.region.clone();
        if role == Role::Writer && signal::load_state::<Native>(ring.state()) & CLOSED != 0 {
            return Err(AttachErrorKind::Closed.into());
        }
        let seat = |me, questions: &Questions<'_>| {
            let numbers = if role == Role::Writer { WRITER..WRITER + 1 } else { WRITER + 1..ENDPOINTS };
            match seats::claim(&region, TABLE, numbers, me, questions)? {
                Some(number) => Ok(((), number)),
                None if role == Role::Writer => {
                    let (owner, pid) = seats::holder(&region, TABLE, WRITER);
                    let taken = AttachError::from(AttachErrorKind::EndTaken { pid });
                    Err(taken.held_here(owner.as_raw() == me))
                }
                None => {
                    let what = "readers of one channel";
                    Err(AttachErrorKind::DomainFull { what, limit: usize::from(READERS) }.into())
                }
            }
        };
        let class = WaiterClass { role: role as u32, ..Topic::Any.class() };
        let (place, ()) = Participant::take_seat(locked, domain, found, (TABLE, class), strategy, seat)?;
        Ok(Self::new(ring, place, role))
    }

    /// Signals how the writer goes, to readers and watchers.
    pub(in crate::channel) fn finish(&mut self, bits: u32) {
        if bits & CLOSED != 0 {
            self.place.closes();
        }
        self.set_flags(bits);
    }

    /// Gives the seat up. The last end removes the channel from the directory.
    pub(in crate::channel) fn leave(&mut self) {
        let (region, number) = (self.ring.region().clone(), self.place.number());
        let finished = signal::load_state::<Native>(self.ring.state()) & CLOSED != 0;
        self.place.leave(|| seats::free(&region, TABLE, number), || finished);
    }
}

/// The state of the writer, for an observer without an end.
pub(super) fn observed_writer(member: &Member, region: &Region) -> Result<PeerState, ipc_core::Error> {
    let holder = || {
        let (owner, pid) = seats::holder(region, TABLE, WRITER);
        (owner.as_raw(), pid)
    };
    end::writer::<Native>(region.half(STATE), holder, |identity| member.is_alive(Owner::from_raw(identity)))
}
