//! What the writer's end and the readers' have in common: what each sleeps for, and the state of the writer.

use core::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crate::end::pair::PeerState;
use crate::end::participant::{ANY_KEY, Field, Notifiers, Participant, Seats, WaiterClass, holder};
use crate::error::{PeerExit, ReadError};
use crate::platform::{Platform, Word as _};
use crate::ring::latest::{ANY_SLEEPERS, KEY_SLEEPERS, MASKS, Memory};
use crate::wait::host::Host;
use crate::wait::park::{Waiter as _, commit_wait};
use crate::wait::signal::{self, CLOSED, DETACHED};
use crate::wait::{HEARTBEAT, Nap};

/// The writer's seat.
pub(crate) const WRITER: u16 = 0;

/// The role of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Role {
    /// Publishes. There is one.
    Writer = 1,
    /// Reads. There are many.
    Reader = 2,
}

/// What a reader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A newer value of any key.
    Any,
    /// A newer value of this key.
    Key(u32),
}

impl Topic {
    /// The readers that wait for this event.
    #[must_use]
    pub const fn class(self) -> WaiterClass {
        let (role, notifiers) = (Role::Reader as u32, Notifiers::First);
        match self {
            Topic::Any => WaiterClass { role, mask: ANY_SLEEPERS, key: ANY_KEY, notifiers },
            Topic::Key(key) => {
                let mask = KEY_SLEEPERS + (key % MASKS) as usize * 8;
                WaiterClass { role, mask, key: key + 1, notifiers }
            }
        }
    }
}

/// An attached end, without its half of the ring's algorithm.
#[derive(Debug)]
pub struct End<M: Memory, W: Seats, H: Host> {
    /// The memory of the table.
    pub ring: M,
    /// Its seat among the others.
    pub place: Participant<W, H>,
}

impl<M, W, H> End<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// An end in a seat that was just taken. Under the lock.
    pub fn new(ring: M, place: Participant<W, H>, role: Role) -> Self {
        let mut end = Self { ring, place };
        if role == Role::Writer {
            // After the identity, so that a death in between leaves a dead writer and not one that has left.
            signal::clear_flags::<W::Platform>(end.ring.state(), DETACHED);
            // Readers that wait for a writer check again, and so do those that the predecessor was about to
            // wake.
            end.wake_sleepers();
        }
        end
    }

    /// Wakes all readers, whatever event they wait for.
    fn wake_sleepers(&mut self) {
        self.place.wake_all(Topic::Any.class());
        for mask in 0..MASKS {
            self.place.wake_all(WaiterClass { key: ANY_KEY, ..Topic::Key(mask).class() });
        }
    }

    /// Signals how the writer goes, and wakes all readers to see it.
    pub fn set_flags(&mut self, bits: u32) {
        signal::set_flags::<W::Platform>(self.ring.state(), bits);
        self.wake_sleepers();
    }

    /// Whether the writer is attached. Asks the kernel if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive.
    pub fn writer(&self) -> Result<PeerState, ipc_core::Error> {
        self.place.host.check_process("writer")?;
        let words = self.place.words();
        let pid = words.field(WRITER, Field::Pid);
        let holder = || (holder(words, WRITER), pid.load(Relaxed)); // For display.
        writer::<W::Platform>(self.ring.state(), holder, |identity| self.place.is_alive(identity))
    }

    /// Whether a waiting reader has nothing to wait for. What the writer published before it went is visible
    /// then.
    pub fn ended(&self) -> Option<ReadError> {
        let bits = signal::load_state::<W::Platform>(self.ring.state());
        if bits & CLOSED != 0 {
            Some(ReadError::Closed)
        } else if bits & DETACHED != 0 {
            Some(ReadError::PeerGone(PeerExit::Detached))
        } else {
            None
        }
    }

    /// Why a wait has ended, unless the writer is gone and its successor is waited for.
    pub(crate) fn unless_awaited(&self, over: Option<ReadError>) -> Option<ReadError> {
        over.filter(|why| !(self.place.waits.awaits_successors() && matches!(why, ReadError::PeerGone(_))))
    }

    /// As [`ended`](Self::ended), when the writer was killed. Asks the kernel.
    ///
    /// # Errors
    /// When this is unknown.
    pub(crate) fn died(&self) -> Result<Option<ReadError>, ReadError> {
        match self.writer() {
            Ok(PeerState::Gone(exit @ PeerExit::Died { .. })) => Ok(Some(ReadError::PeerGone(exit))),
            Ok(_) => Ok(None),
            Err(error) => Err(ReadError::System(error)),
        }
    }

    /// Sleeps until a writer is attached or has closed, or the deadline has passed; returns its state then.
    ///
    /// # Errors
    /// When what the end sleeps on is gone, or the wait was interrupted.
    pub fn wait_for_peer(&mut self, deadline: Option<Instant>) -> Result<PeerState, ipc_core::Error> {
        self.place.host.check_process("waiting for the writer")?;
        self.place.wait_for(Topic::Any.class());
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
}

/// The state of the writer, from the table's word, the identity and process number in the writer's seat, and
/// a function that says whether an identity is alive. Stores nothing.
///
/// # Errors
/// Those of `is_alive`.
pub(crate) fn writer<P: Platform>(
    state: &P::U32,
    holder: impl FnOnce() -> (u64, u32),
    is_alive: impl FnOnce(u64) -> Result<bool, ipc_core::Error>,
) -> Result<PeerState, ipc_core::Error> {
    let bits = signal::load_state::<P>(state);
    if bits & CLOSED != 0 {
        return Ok(PeerState::Closed);
    }
    let (identity, pid) = holder();
    if identity == 0 {
        let exit = if bits & DETACHED != 0 { PeerExit::Detached } else { PeerExit::NeverAttached };
        return Ok(PeerState::Gone(exit));
    }
    Ok(if is_alive(identity)? { PeerState::Alive { pid } } else { PeerState::Gone(PeerExit::Died { pid }) })
}
