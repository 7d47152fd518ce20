//! How subscribers wait for messages, and a gated publisher for room.

use std::time::Instant;

use super::end::End;
use crate::channel::end::PeerState;
use crate::end::room::Refusal;
use crate::error::{PeerExit, PopError};
use crate::ring::broadcast::Corruption;
use crate::wait::host::Host as _;
use crate::wait::signal::{CLOSED, DETACHED, POISONED};
use crate::wait::{Step, pause};

/// A subscriber, as far as waiting goes.
pub(super) trait Poll {
    /// What is popped.
    type Item;
    /// Tries to pop. [`PopError::Empty`] when nothing is there and the stream has not ended.
    fn poll(&mut self) -> Result<Self::Item, PopError>;
    /// Whether something is there, by a look that changes nothing.
    fn has_something(&self) -> bool;
    /// The seat.
    fn end(&mut self) -> &mut End;
    /// The seat, to look at.
    fn seat(&self) -> &End;
}

/// Whether a wait goes on after this answer of an attempt: nothing is there, or the publisher is gone and a successor is waited for.
pub(super) fn goes_on(end: &End, error: &PopError) -> bool {
    match error {
        PopError::Empty => true,
        PopError::PeerGone(_) => end.place.waits.awaits_successors(),
        _ => false,
    }
}

/// Pops, waiting for something to be there.
#[cold]
#[inline(never)]
pub(super) fn wait_and_pop<P: Poll>(
    subscriber: &mut P,
    deadline: Option<Instant>,
) -> Result<P::Item, PopError> {
    let mut wait = subscriber.end().place.waits.start(deadline);
    let mut slept = false;
    loop {
        match subscriber.poll() {
            Err(error) if goes_on(subscriber.seat(), &error) => {}
            result => {
                subscriber.end().place.waits.finished(&wait);
                return result;
            }
        }
        let end = subscriber.end();
        match wait.next(&end.place.waits, |sleeps| end.place.host.is_interrupted(sleeps), || false) {
            Step::Poll => watch(subscriber),
            Step::TimedOut => return Err(PopError::TimedOut),
            Step::Interrupted => return Err(PopError::Interrupted),
            Step::Probe => {
                end.place.check().map_err(PopError::System)?;
                if let Some(exit) = died(end)? {
                    return last_message(subscriber, exit);
                }
            }
            Step::Sleep(nap) => {
                // Whether the publisher is alive is asked after a sleep that brought nothing.
                if std::mem::replace(&mut slept, true)
                    && let Some(exit) = died(end)?
                {
                    return last_message(subscriber, exit);
                }
                end.place.announce().map_err(PopError::System)?;
                let end = subscriber.seat();
                let is_something_there = || end.place.waits.is_over(end.bits()) || subscriber.has_something();
                if is_something_there() {
                    end.place.do_not_sleep();
                } else {
                    end.place.sleep(nap, is_something_there).map_err(PopError::System)?;
                }
            }
        }
    }
}

/// Looks a few times more whether something is there, by a look that costs little.
#[inline(always)]
fn watch<P: Poll>(subscriber: &mut P) {
    for _ in 0..subscriber.end().place.waits.looks(1) {
        pause();
        if subscriber.has_something() {
            return;
        }
    }
}

/// The publisher is dead, so whatever it published is there to be seen.
fn last_message<P: Poll>(subscriber: &mut P, exit: PeerExit) -> Result<P::Item, PopError> {
    match subscriber.poll() {
        Err(PopError::Empty) => Err(PopError::PeerGone(exit)),
        result => result,
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

/// What the state says about the end of the stream.
pub(super) fn ended(bits: u32, position: u64) -> Option<PopError> {
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

/// A publisher, as far as waiting for room goes.
pub(super) trait Room {
    /// Whether there is room now.
    fn has_room(&mut self) -> Result<bool, Corruption>;
    /// Drops the subscriber that is in the way, if it is dead.
    fn drop_dead(&mut self, is_alive: &dyn Fn(u64) -> bool) -> bool;
}

/// Waits until there is room.
#[cold]
pub(super) fn wait_for_room(
    ring: &mut impl Room,
    end: &mut End,
    deadline: Option<Instant>,
) -> Result<(), Refusal> {
    // Subscribers look at the publisher only when they have read a quarter of the ring, or wait themselves.
    let mut wait = end.place.waits.start_with_naps(deadline);
    loop {
        if ring.has_room().map_err(Refusal::Corrupt)? {
            end.place.waits.finished(&wait);
            return Ok(());
        }
        match wait.next(&end.place.waits, |sleeps| end.place.host.is_interrupted(sleeps), || false) {
            Step::Poll => std::hint::spin_loop(),
            Step::TimedOut => return Err(Refusal::TimedOut),
            Step::Interrupted => return Err(Refusal::Interrupted),
            Step::Probe => {
                end.place.check().map_err(Refusal::System)?;
                drop_all_dead(ring, end).map_err(Refusal::System)?;
            }
            Step::Sleep(nap) => {
                if drop_all_dead(ring, end).map_err(Refusal::System)? {
                    continue;
                }
                end.place.announce().map_err(Refusal::System)?;
                if matches!(ring.has_room(), Ok(false)) && end.bits() & POISONED == 0 {
                    // Subscribers announce room for a quarter of the ring, or when they sleep themselves.
                    end.place
                        .sleep(nap, || {
                            end.do_all_subscribers_wait() && matches!(ring.has_room(), Ok(true))
                                || end.bits() & POISONED != 0
                        })
                        .map_err(Refusal::System)?;
                } else {
                    end.place.do_not_sleep();
                }
            }
        }
    }
}

/// Whether there is room without the dead that are in the way.
///
/// # Errors
/// As [`drop_all_dead`].
#[cold]
pub(super) fn has_room_without_the_dead(ring: &mut impl Room, end: &End) -> Result<bool, ipc_core::Error> {
    Ok(drop_all_dead(ring, end)? && matches!(ring.has_room(), Ok(true)))
}

/// Drops the dead that are in the way, one after the other. True when there was one.
///
/// # Errors
/// When it cannot be known of the one in the way, before which none was dead.
pub(super) fn drop_all_dead(ring: &mut impl Room, end: &End) -> Result<bool, ipc_core::Error> {
    let mut any = false;
    // The next one in the way is known only after another look.
    while end.place.asking(|is_alive| ring.drop_dead(is_alive))? {
        any = true;
        if !matches!(ring.has_room(), Ok(false)) {
            break;
        }
    }
    Ok(any)
}
