//! The producing end of a channel with one consumer: waiting for room, and what happens to a message that
//! will not be popped.

use ipc_core::Error;
use std::time::Instant;

use super::pair::{Endpoint, PeerState, Words};
use crate::cache::batching;
use crate::error::{Forked, FrameTooLarge, PeerExit, PushError};
use crate::ring::spsc::Corruption;
use crate::wait::Wait;
use crate::wait::host::Host;
use crate::wait::park::{Attempt, Look, Presence, from_stop, park};
use crate::wait::signal::{CLOSED, DETACHED, POISONED};

/// Why nothing was pushed: a [`PushError`] without the value.
#[derive(Debug)]
pub enum Refusal {
    /// There is no room.
    Full,
    /// There was no room until the deadline.
    TimedOut,
    /// The consumer has closed the channel.
    Closed,
    /// There is no room, and no consumer to make any.
    PeerGone(PeerExit),
    /// No ring of this size can hold the frame.
    TooLarge(FrameTooLarge),
    /// The ring holds a value that no end writes.
    Corrupt(Corruption),
    /// This end was inherited through a fork.
    Forked,
    /// The wait was interrupted.
    Interrupted,
    /// The message was pushed, but a sleeping consumer could not be woken.
    NotWoken(Error),
    /// A system call failed.
    System(Error),
}

impl From<Forked> for Refusal {
    fn from(_: Forked) -> Self {
        Refusal::Forked
    }
}

from_stop!(Refusal);
from_stop!(PushError<()>, ());

impl Refusal {
    /// Attaches the value that is handed back.
    pub fn with<V>(self, value: V) -> PushError<V> {
        match self {
            Refusal::Full => PushError::Full(value),
            Refusal::TimedOut => PushError::TimedOut(value),
            Refusal::Closed => PushError::Closed(value),
            Refusal::PeerGone(exit) => PushError::PeerGone(value, exit),
            Refusal::TooLarge(frame) => PushError::TooLarge(value, frame),
            Refusal::Corrupt(corruption) => PushError::Corrupt(value, corruption),
            Refusal::Forked => PushError::Forked(value),
            Refusal::Interrupted => PushError::Interrupted(value),
            Refusal::NotWoken(error) => PushError::NotWoken(value, error),
            Refusal::System(error) => PushError::System(value, error),
        }
    }
}

/// The producing end of a ring, as far as waiting for room is concerned.
pub trait Room {
    /// Whether there is room now, by the consumer's exact position.
    ///
    /// # Errors
    /// When that position is invalid.
    fn has_room(&mut self) -> Result<bool, Corruption>;
    /// The next position to be written.
    fn position(&self) -> u64;
    /// Whether there is room, by a check that does not disturb the consumer and may miss what was freed last.
    /// True where there is no such check.
    fn has_room_by_head(&self) -> bool {
        true
    }
    /// Whether the consumer is about to free something and will not wake this end for it.
    fn room_is_coming(&self) -> bool;
}

/// A wait for room.
struct ForRoom<'a, R: Room, W: Words, H: Host> {
    ring: &'a mut R,
    end: &'a mut Endpoint<W, H>,
}

/// Waits until there is room.
///
/// # Errors
/// [`Refusal`], except the first.
#[track_caller]
pub fn wait_for_room<R: Room, W: Words, H: Host>(
    ring: &mut R,
    end: &mut Endpoint<W, H>,
    deadline: Option<Instant>,
) -> Result<(), Refusal> {
    park(&mut ForRoom { ring, end }, deadline)
}

impl<R: Room, W: Words, H: Host> Attempt for ForRoom<'_, R, W, H> {
    type Waiter = Endpoint<W, H>;
    type Output = ();
    type Error = Refusal;

    // The consumer notifies of room only when a quarter of the ring is free, or when it waits itself.
    const NEEDS_POLLING: bool = true;

    fn waiter(&self) -> &Endpoint<W, H> {
        self.end
    }

    fn waiter_mut(&mut self) -> &mut Endpoint<W, H> {
        self.end
    }

    fn begin(&mut self) {
        batching::watch(|| self.ring.has_room_by_head());
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<()>, Refusal> {
        match self.ring.has_room() {
            Ok(true) => {
                self.end.waits.finished(wait);
                return Ok(Some(()));
            }
            Ok(false) => {}
            Err(corruption) => {
                self.end.poison();
                return Err(Refusal::Corrupt(corruption));
            }
        }
        let bits = self.end.peer_bits();
        if bits & POISONED != 0 {
            return Err(Refusal::Corrupt(Corruption::told(self.ring.position(), bits)));
        }
        if bits & CLOSED != 0 {
            return Err(Refusal::Closed);
        }
        Ok(None)
    }

    fn look(&mut self) -> Look {
        if !matches!(self.ring.has_room(), Ok(false)) || self.end.waits.is_over(self.end.peer_bits()) {
            Look::Ready
        } else if self.ring.room_is_coming() {
            Look::Soon
        } else {
            Look::Nothing
        }
    }

    fn is_owed(&mut self) -> bool {
        // The consumer notifies of room for a quarter of the ring, or when it sleeps itself.
        self.end.is_peer_waiting() && matches!(self.ring.has_room(), Ok(true))
            || self.end.waits.is_over(self.end.peer_bits())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<Refusal>, Refusal> {
        if self.end.waits.awaits_successors() {
            return Ok(Presence::There);
        }
        // The bit is set, with a wake, before the seat is free.
        if self.end.peer_bits() & DETACHED != 0 {
            return Ok(Presence::Gone(Refusal::PeerGone(PeerExit::Detached)));
        }
        if !ask {
            return Ok(Presence::There);
        }
        Ok(match self.end.state_of_peer().map_err(Refusal::System)? {
            PeerState::Gone(PeerExit::NeverAttached) => Presence::There,
            PeerState::Gone(exit) => Presence::Gone(Refusal::PeerGone(exit)),
            PeerState::Alive { .. } | PeerState::Closed => Presence::There,
        })
    }
}

/// The ring is full; check whether it is closed.
#[cold]
pub(crate) fn full<W: Words, H: Host>(end: &Endpoint<W, H>) -> Refusal {
    if end.peer_bits() & CLOSED != 0 { Refusal::Closed } else { Refusal::Full }
}

/// Acts on the consumer's signal after a publication.
///
/// A message published into a channel that the consumer has closed is handed back like a refused one: it will
/// not be popped. Exception: if the consumer popped it and then closed, the message has arrived.
#[cold]
pub(crate) fn acknowledge<W: Words, H: Host>(
    end: &mut Endpoint<W, H>,
    signal: u32,
    position: u64,
    is_drained: impl FnOnce() -> bool,
) -> Result<(), Refusal> {
    let woken = end.wake_peer(signal);
    if signal & POISONED != 0 {
        return Err(Refusal::Corrupt(Corruption::told(position, signal)));
    }
    if signal & CLOSED == 0 {
        return woken.map_err(Refusal::NotWoken);
    }
    // [C1] Reload the bits for the edge: everything the consumer popped before it closed is visible then.
    if end.peer_bits() & CLOSED != 0 && is_drained() { Ok(()) } else { Err(Refusal::Closed) }
}
