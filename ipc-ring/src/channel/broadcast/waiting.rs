//! How subscribers wait for messages, and a gated publisher for room.

use std::time::Instant;

use super::end::End;
use crate::channel::end::PeerState;
use crate::channel::participant::Participant;
use crate::end::room::Refusal;
use crate::error::{PeerExit, PopError};
use crate::ring::broadcast::Corruption;
use crate::wait::park::{Attempt, Look, Presence, park};
use crate::wait::signal::{CLOSED, DETACHED, POISONED};
use crate::wait::{Wait, pause};

/// A subscriber, as far as waiting is concerned.
pub(in crate::channel) trait Poll {
    /// What is popped.
    type Item;
    /// Tries to pop. [`PopError::Empty`] when there is nothing and the stream has not ended.
    fn poll(&mut self) -> Result<Self::Item, PopError>;
    /// Whether there is something, by a check that changes nothing.
    fn has_something(&self) -> bool;
    /// The seat.
    fn end(&mut self) -> &mut End;
    /// The seat, read-only.
    fn seat(&self) -> &End;
}

/// Whether a wait goes on after this result: there is nothing yet, or the publisher is gone and a successor
/// is waited for.
pub(in crate::channel) fn goes_on(end: &End, error: &PopError) -> bool {
    match error {
        PopError::Empty => true,
        PopError::PeerGone(_) => end.place.waits.awaits_successors(),
        _ => false,
    }
}

/// Waiting for something to pop.
struct ForItem<'a, P>(&'a mut P);

/// Pops, waiting until there is something.
#[cold]
#[inline(never)]
#[track_caller]
pub(in crate::channel) fn wait_and_pop<P: Poll>(
    subscriber: &mut P,
    deadline: Option<Instant>,
) -> Result<P::Item, PopError> {
    park(&mut ForItem(subscriber), deadline)
}

impl<P: Poll> Attempt for ForItem<'_, P> {
    type Waiter = Participant;
    type Output = P::Item;
    type Error = PopError;

    fn waiter(&self) -> &Participant {
        &self.0.seat().place
    }

    fn waiter_mut(&mut self) -> &mut Participant {
        &mut self.0.end().place
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<P::Item>, PopError> {
        let answer = self.0.poll();
        if let Err(error) = &answer
            && goes_on(self.0.seat(), error)
        {
            return Ok(None);
        }
        self.0.end().place.waits.finished(wait);
        answer.map(Some)
    }

    fn look(&mut self) -> Look {
        let end = self.0.seat();
        let is_something_there = end.place.waits.is_over(end.bits()) || self.0.has_something();
        if is_something_there { Look::Ready } else { Look::Nothing }
    }

    /// Checks a few more times, cheaply, whether there is something.
    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        for _ in 0..self.0.seat().place.waits.looks(1) {
            pause();
            if self.0.has_something() {
                break;
            }
        }
        Ok(())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<PopError>, PopError> {
        let died = if ask { died(self.0.end())? } else { None };
        Ok(died.map_or(Presence::There, |exit| Presence::Gone(PopError::PeerGone(exit))))
    }
}

/// How the publisher went, if it died and no successor is waited for.
fn died(end: &End) -> Result<Option<PeerExit>, PopError> {
    if end.place.waits.awaits_successors() {
        return Ok(None);
    }
    match end.publisher().map_err(PopError::System)? {
        PeerState::Gone(exit @ PeerExit::Died { .. }) => Ok(Some(exit)),
        _ => Ok(None),
    }
}

/// The end of the stream, according to the state bits.
pub(in crate::channel) fn ended(bits: u32, position: u64) -> Option<PopError> {
    if bits & POISONED != 0 {
        Some(PopError::Corrupt(Corruption::told(position, bits)))
    } else if bits & CLOSED != 0 {
        Some(PopError::Closed)
    } else if bits & DETACHED != 0 {
        Some(PopError::PeerGone(PeerExit::Detached))
    } else {
        None
    }
}

/// A publisher, as far as waiting for room is concerned.
pub(in crate::channel) trait Room {
    /// Whether there is room now.
    fn has_room(&mut self) -> Result<bool, Corruption>;
    /// Drops the subscriber that is in the way, if it is dead.
    fn drop_dead(&mut self, is_alive: &dyn Fn(u64) -> bool) -> bool;
}

/// Waiting for room.
struct ForRoom<'a, R> {
    ring: &'a mut R,
    end: &'a mut End,
}

/// Waits until there is room.
#[cold]
#[track_caller]
pub(in crate::channel) fn wait_for_room(
    ring: &mut impl Room,
    end: &mut End,
    deadline: Option<Instant>,
) -> Result<(), Refusal> {
    park(&mut ForRoom { ring, end }, deadline)
}

impl<R: Room> Attempt for ForRoom<'_, R> {
    type Waiter = Participant;
    type Output = ();
    type Error = Refusal;

    // Subscribers check for a waiting publisher only when they have read a quarter of the ring, or wait
    // themselves.
    const UNANNOUNCED: bool = true;

    fn waiter(&self) -> &Participant {
        &self.end.place
    }

    fn waiter_mut(&mut self) -> &mut Participant {
        &mut self.end.place
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<()>, Refusal> {
        let has_room = self.ring.has_room().map_err(Refusal::Corrupt)?;
        if has_room {
            self.end.place.waits.finished(wait);
        }
        Ok(has_room.then_some(()))
    }

    fn look(&mut self) -> Look {
        let is_full = matches!(self.ring.has_room(), Ok(false)) && self.end.bits() & POISONED == 0;
        if is_full { Look::Nothing } else { Look::Ready }
    }

    fn is_owed(&mut self) -> bool {
        // Subscribers announce room for a quarter of the ring, or when they sleep themselves.
        self.end.do_all_subscribers_wait() && matches!(self.ring.has_room(), Ok(true))
            || self.end.bits() & POISONED != 0
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<Refusal>, Refusal> {
        let changed = ask && drop_all_dead(self.ring, self.end).map_err(Refusal::System)?;
        Ok(if changed { Presence::Changed } else { Presence::There })
    }
}

/// Whether there is room once the dead subscribers in the way are dropped.
///
/// # Errors
/// As [`drop_all_dead`].
#[cold]
pub(in crate::channel) fn has_room_without_the_dead(
    ring: &mut impl Room,
    end: &End,
) -> Result<bool, ipc_core::Error> {
    Ok(drop_all_dead(ring, end)? && matches!(ring.has_room(), Ok(true)))
}

/// Drops the dead subscribers in the way, one after the other. True when there was one.
///
/// # Errors
/// When the liveness of the one in the way is unknown and none before it was dead.
pub(in crate::channel) fn drop_all_dead(ring: &mut impl Room, end: &End) -> Result<bool, ipc_core::Error> {
    let mut any = false;
    // Only another check finds the next one in the way.
    while end.place.asking(|is_alive| ring.drop_dead(is_alive))? {
        any = true;
        if !matches!(ring.has_room(), Ok(false)) {
            break;
        }
    }
    Ok(any)
}
