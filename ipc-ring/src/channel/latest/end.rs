//! What the writer's end and the readers' have in common: their seats, what each sleeps for, and the state of
//! the writer.

use std::time::Instant;

use super::error::ReadError;
use crate::channel::PeerState;
use crate::channel::open::Found;
use crate::channel::participant::Participant;
use crate::channel::seats::{self, Table};
use crate::channel::successor::{self, Seats, Takers};
use crate::domain::{Domain, Locked, Member, Questions};
use crate::end::participant::{ANY_KEY, WaiterClass};
use crate::error::{AttachError, AttachErrorKind, PeerExit};
use crate::memory::Shape;
use crate::platform::Native;
use crate::region::Region;
use crate::ring::latest::{
    ANY_SLEEPERS, ENDPOINTS, KEY_SLEEPERS, MASKS, MappedOf, READERS, SEAT_SIZE, SEATS, STATE, Words as _,
};
use crate::wait::host::Host as _;
use crate::wait::park::{Waiter as _, commit_wait};
use crate::wait::signal::{self, CLOSED, DETACHED};
use crate::wait::{HEARTBEAT, Nap, WaitStrategy};

pub(in crate::channel) const TABLE: Table = Table { offset: SEATS, size: SEAT_SIZE, seats: ENDPOINTS };
/// The readers, which leave the table's parameters to a writer, and how they learn that it has ended.
pub(in crate::channel) const TAKERS: Takers = Takers { closed: (STATE, CLOSED), seats: Seats::Many(TABLE) };
/// The writer's seat.
const WRITER: u16 = 0;

/// The role of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(in crate::channel) enum Role {
    Writer = 1,
    Reader = 2,
}

/// What a reader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::channel) enum Topic {
    Any,
    Key(u32),
}

impl Role {
    /// Whether values go in or come out at the role's end.
    pub(in crate::channel) const fn to(self) -> successor::Side {
        match self {
            Role::Writer => successor::Side::Gives,
            Role::Reader => successor::Side::Takes,
        }
    }
}

impl Topic {
    /// The readers that wait for this event.
    pub(in crate::channel) const fn side(self) -> WaiterClass {
        let role = Role::Reader as u32;
        match self {
            Topic::Any => WaiterClass { role, mask: ANY_SLEEPERS, key: ANY_KEY },
            Topic::Key(key) => {
                WaiterClass { role, mask: KEY_SLEEPERS + (key % MASKS) as usize * 8, key: key + 1 }
            }
        }
    }
}

/// An attached end.
#[derive(Debug)]
pub(in crate::channel) struct End<S: Shape> {
    pub(in crate::channel) ring: MappedOf<S>,
    pub(in crate::channel) place: Participant,
}

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
        if role == Role::Writer && signal::seen::<Native>(ring.state()) & CLOSED != 0 {
            return Err(AttachErrorKind::Closed.into());
        }
        let seat = |me, questions: &Questions<'_>| {
            let numbers = if role == Role::Writer { WRITER..WRITER + 1 } else { WRITER + 1..ENDPOINTS };
            match seats::claim(&region, TABLE, numbers, me, questions)? {
                Some(number) => Ok(((), number)),
                None if role == Role::Writer => {
                    Err(AttachErrorKind::EndTaken { pid: seats::holder(&region, TABLE, WRITER).1 }.into())
                }
                None => {
                    let what = "readers of one channel";
                    Err(AttachErrorKind::DomainFull { what, limit: usize::from(READERS) }.into())
                }
            }
        };
        let side = WaiterClass { role: role as u32, ..Topic::Any.side() };
        let (place, ()) = Participant::take_seat(locked, domain, found, (TABLE, side), strategy, seat)?;
        let mut end = Self { ring, place };
        if role == Role::Writer {
            // After the identity, so that a death in between leaves a dead writer and not one that has left.
            signal::clear::<Native>(end.ring.state(), DETACHED);
            // Readers that wait for a writer check again, and so do those that the predecessor was about to
            // wake.
            end.wake_everybody();
        }
        Ok(end)
    }

    /// Wakes all readers, whatever event they wait for.
    fn wake_everybody(&mut self) {
        self.place.wake_all(Topic::Any.side());
        for mask in 0..MASKS {
            self.place.wake_all(WaiterClass { key: ANY_KEY, ..Topic::Key(mask).side() });
        }
    }

    /// Signals how the writer goes, and wakes all readers to see it.
    pub(in crate::channel) fn raise(&mut self, bits: u32) {
        signal::raise::<Native>(self.ring.state(), bits);
        if bits & CLOSED != 0 {
            self.place.closes();
        }
        self.wake_everybody();
    }

    /// Whether the writer is attached. A system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive.
    pub(in crate::channel) fn writer(&self) -> Result<PeerState, ipc_core::Error> {
        self.place.host.check_process("writer")?;
        let is_alive = |identity| self.place.is_alive(identity);
        writer(self.ring.region(), is_alive)
    }

    /// Whether a waiting reader has nothing to wait for.
    pub(in crate::channel) fn ended(&self) -> Option<ReadError> {
        let bits = signal::seen::<Native>(self.ring.state());
        if bits & CLOSED != 0 {
            Some(ReadError::Closed)
        } else if bits & DETACHED != 0 {
            Some(ReadError::PeerGone(PeerExit::Detached))
        } else {
            None
        }
    }

    /// Why a wait has ended, unless the writer is gone and its successor is waited for.
    pub(in crate::channel) fn unless_awaited(&self, over: Option<ReadError>) -> Option<ReadError> {
        over.filter(|why| !(self.place.waits.awaits_successors() && matches!(why, ReadError::PeerGone(_))))
    }

    /// As [`ended`](Self::ended), when the writer was killed. A system call.
    ///
    /// # Errors
    /// When this is unknown.
    pub(in crate::channel) fn died(&self) -> Result<Option<ReadError>, ReadError> {
        match self.writer() {
            Ok(PeerState::Gone(exit @ PeerExit::Died { .. })) => Ok(Some(ReadError::PeerGone(exit))),
            Ok(_) => Ok(None),
            Err(error) => Err(ReadError::System(error)),
        }
    }

    /// Sleeps until a writer is attached or has closed, or the deadline has passed; returns its state then.
    ///
    /// # Errors
    /// When the semaphores were removed.
    pub(in crate::channel) fn wait_for_writer(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<PeerState, ipc_core::Error> {
        self.place.host.check_process("waiting for the writer")?;
        self.place.wait_for(Topic::Any.side());
        loop {
            if self.place.host.is_interrupted(true) {
                return Err(ipc_core::Error::interrupted("wait for a writer"));
            }
            self.place.prepare_wait()?;
            let state = self.writer().inspect_err(|_| self.place.cancel_wait())?;
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) || !matches!(state, PeerState::Gone(_)) {
                self.place.cancel_wait();
                return Ok(state);
            }
            let nap = Nap::new(now + HEARTBEAT, deadline);
            let is_owed = |end: &mut &mut Self| !matches!(end.writer(), Ok(PeerState::Gone(_)));
            commit_wait(&mut &mut *self, |end| &end.place, nap, is_owed)?;
        }
    }

    /// Gives the seat up. The last end removes the channel from the directory.
    pub(in crate::channel) fn leave(&mut self) {
        let (region, number) = (self.ring.region().clone(), self.place.number());
        let finished = signal::seen::<Native>(self.ring.state()) & CLOSED != 0;
        self.place.leave(|| seats::free(&region, TABLE, number), || finished);
    }
}

/// The state of the writer, from the words in shared memory and a function that says whether an identity is
/// alive.
///
/// # Errors
/// Those of `is_alive`.
fn writer(
    region: &Region,
    is_alive: impl FnOnce(u64) -> Result<bool, ipc_core::Error>,
) -> Result<PeerState, ipc_core::Error> {
    let bits = signal::seen::<Native>(region.half(STATE));
    if bits & CLOSED != 0 {
        return Ok(PeerState::Closed);
    }
    let (owner, pid) = seats::holder(region, TABLE, WRITER);
    if !owner.is_some() {
        let exit = if bits & DETACHED != 0 { PeerExit::Detached } else { PeerExit::NeverAttached };
        return Ok(PeerState::Gone(exit));
    }
    let alive = is_alive(owner.as_raw())?;
    Ok(if alive { PeerState::Alive { pid } } else { PeerState::Gone(PeerExit::Died { pid }) })
}

/// As [`End::writer`], for an observer without an end.
pub(super) fn observed_writer(member: &Member, region: &Region) -> Result<PeerState, ipc_core::Error> {
    writer(region, |identity| member.is_alive(crate::domain::Owner::from_raw(identity)))
}
