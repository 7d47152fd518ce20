//! What channels with one producer and one consumer have in common: how an end waits for the other, and what it makes of
//! the other's signal.

use std::time::Instant;

use super::end::{End, PeerState, Record, Seats};
use super::successor::{self, Followed as _, Side, Takers};
use crate::error::{Forked, FrameTooLarge, PeerExit, PopError, PushError};
use crate::ring::spsc::{
    CONSUMER_RECORD, CONSUMER_SIGNAL, CONSUMER_WAKES, Corruption, PRODUCER_RECORD, PRODUCER_SIGNAL,
    PRODUCER_WAKES,
};
use crate::wait::signal::{CLOSED, DETACHED, POISONED};
use crate::wait::soon::Soon;
use crate::wait::{Step, pause, slip};

/// The producer's seat or the consumer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Producer,
    Consumer,
}

/// The consumer of a ring, and what tells it that the stream has ended.
pub(super) const TAKERS: Takers = Takers {
    closed: (PRODUCER_SIGNAL, CLOSED),
    seats: successor::Seats::One(Record::at(CONSUMER_RECORD), CONSUMER_SIGNAL),
};

impl Role {
    /// Whether messages go in at the role's end or come out.
    pub(super) const fn side(self) -> Side {
        match self {
            Role::Producer => Side::Gives,
            Role::Consumer => Side::Takes,
        }
    }

    /// Where this role's words lie, and the other's.
    pub(super) const fn seats(self) -> Seats {
        let (producer, consumer) = (Record::at(PRODUCER_RECORD), Record::at(CONSUMER_RECORD));
        match self {
            Role::Producer => Seats {
                own: producer,
                peer: consumer,
                own_signal: PRODUCER_SIGNAL,
                peer_signal: CONSUMER_SIGNAL,
                own_wakes: PRODUCER_WAKES,
            },
            Role::Consumer => Seats {
                own: consumer,
                peer: producer,
                own_signal: CONSUMER_SIGNAL,
                peer_signal: PRODUCER_SIGNAL,
                own_wakes: CONSUMER_WAKES,
            },
        }
    }
}

/// What letting go of an end says to the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Close,
    Detach,
}

impl Ending {
    /// What dropping the producer says: it ends the stream, unless the channel is there to outlive its processes.
    pub(super) fn of_producer(is_persistent: bool) -> Self {
        if is_persistent { Ending::Detach } else { Ending::Close }
    }
}

/// Gives the producer's seat up, saying `ending` first. A panic detaches. Nothing happens in the child of a fork.
pub(super) fn leave_producer(end: &mut End, ending: Ending) {
    // A consumer that closed will pop nothing more, nor will a successor.
    leave(end, ending, |end, _| end.peer_bits() & CLOSED != 0);
}

/// As [`leave_producer`], for the consumer. `has_item`: whether something is left to pop.
pub(super) fn leave_consumer(end: &mut End, ending: Ending, has_item: bool) {
    leave(end, ending, |end, closing| closing || (end.peer_bits() & CLOSED != 0 && !has_item));
}

fn leave(end: &mut End, ending: Ending, is_finished: impl FnOnce(&End, bool) -> bool) {
    if end.is_ours() {
        let closing = ending == Ending::Close && !std::thread::panicking();
        if closing {
            end.raise(CLOSED);
        }
        let finished = is_finished(end, closing);
        end.give_up(finished);
    }
}

/// Why nothing was pushed: a [`PushError`] without the value.
#[derive(Debug)]
pub(super) enum Refusal {
    Full,
    TimedOut,
    Closed,
    PeerGone(PeerExit),
    TooLarge(FrameTooLarge),
    Corrupt(Corruption),
    Forked,
    Interrupted,
    NotWoken(ipc_core::Error),
    System(ipc_core::Error),
}

impl From<Forked> for Refusal {
    fn from(_: Forked) -> Self {
        Refusal::Forked
    }
}

impl Refusal {
    /// With the value that is handed back.
    pub(super) fn with<V>(self, value: V) -> PushError<V> {
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

/// The producing end of a ring, as far as waiting for room goes.
pub(super) trait Room {
    /// Whether there is room now, by the consumer's exact position.
    fn has_room(&mut self) -> Result<bool, Corruption>;
    /// The next position to be written.
    fn position(&self) -> u64;
    /// Whether there is room by a look that does not disturb the consumer, and may miss what it has freed last. True
    /// where there is no such look.
    fn has_room_by_head(&self) -> bool {
        true
    }
    /// Whether the consumer gives something back at once, and will not wake this end for it.
    fn room_is_coming(&self) -> bool;
}

/// Waits until there is room.
pub(super) fn wait_for_room(
    ring: &mut impl Room,
    end: &mut End,
    deadline: Option<Instant>,
) -> Result<(), Refusal> {
    // The consumer announces room only when a quarter of the ring is free, or when it waits itself.
    let mut wait = end.waits.start_with_naps(deadline);
    let (mut slept, mut soon) = (false, Soon::default());
    if end.waits.polls() {
        slip::watch(|| ring.has_room_by_head());
    }
    loop {
        if has_room(ring, end)? {
            end.waits.finished(&wait);
            return Ok(());
        }
        let bits = end.peer_bits();
        if bits & POISONED != 0 {
            return Err(Refusal::Corrupt(Corruption::told(ring.position(), bits)));
        }
        if bits & CLOSED != 0 {
            return Err(Refusal::Closed);
        }
        match wait.next(&end.waits, || end.shares_cpu()) {
            Step::Poll => pause(),
            Step::TimedOut => return Err(Refusal::TimedOut),
            Step::Interrupted => return Err(Refusal::Interrupted),
            Step::Probe => {
                end.check().map_err(Refusal::System)?;
                if let Some(exit) = consumer_gone(end)? {
                    return room_after_all(ring, end, exit);
                }
            }
            Step::Sleep(nap) => {
                let in_vain = std::mem::replace(&mut slept, true);
                if (in_vain || !end.death_wakes())
                    && let Some(exit) = consumer_gone(end)?
                {
                    return room_after_all(ring, end, exit);
                }
                end.announce().map_err(Refusal::System)?;
                let room = ring.has_room();
                if !matches!(room, Ok(false)) || end.waits.is_over(end.peer_bits()) {
                    end.do_not_sleep();
                } else if ring.room_is_coming() {
                    end.do_not_sleep();
                    soon.pass(nap.until);
                } else {
                    // The consumer announces room for a quarter of the ring, or when it sleeps itself.
                    end.sleep(nap, || {
                        end.is_peer_waiting() && matches!(ring.has_room(), Ok(true))
                            || end.waits.is_over(end.peer_bits())
                    })
                    .map_err(Refusal::System)?;
                }
            }
        }
    }
}

fn has_room(ring: &mut impl Room, end: &mut End) -> Result<bool, Refusal> {
    ring.has_room().map_err(|corruption| {
        poison(end);
        Refusal::Corrupt(corruption)
    })
}

/// The consumer is gone; but what it did before may have made room.
fn room_after_all(ring: &mut impl Room, end: &mut End, exit: PeerExit) -> Result<(), Refusal> {
    if has_room(ring, end)? { Ok(()) } else { Err(Refusal::PeerGone(exit)) }
}

/// How the consumer went, if it was there and is not, and no successor is waited for.
fn consumer_gone(end: &End) -> Result<Option<PeerExit>, Refusal> {
    if end.waits.awaits_successors() {
        return Ok(None);
    }
    // The bit is raised, with a wake, before the seat is free.
    if end.peer_bits() & DETACHED != 0 {
        return Ok(Some(PeerExit::Detached));
    }
    match end.peer().map_err(Refusal::System)? {
        PeerState::Gone(PeerExit::NeverAttached) => Ok(None),
        PeerState::Gone(exit) => Ok(Some(exit)),
        _ => Ok(None),
    }
}

/// The ring is full: or is it closed?
#[cold]
pub(super) fn full(end: &End) -> Refusal {
    if end.peer_bits() & CLOSED != 0 { Refusal::Closed } else { Refusal::Full }
}

/// Acts on the consumer's signal after a publication.
///
/// A message that was published into a channel the consumer has closed is handed back like one that was refused: nobody
/// will pop it. Unless the consumer popped it first and then closed: that message has arrived.
#[cold]
pub(super) fn acknowledge(
    end: &mut End,
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
    // [C1] The bits are looked at again for the edge: everything the consumer popped before it closed is visible then.
    if end.peer_bits() & CLOSED != 0 && is_drained() { Ok(()) } else { Err(Refusal::Closed) }
}

/// Tells the other end that the ring is corrupt.
#[cold]
pub(super) fn poison(end: &mut End) {
    end.raise(POISONED);
}

/// The state of the other end; nobody has ever been at that of a ring that was replaced.
pub(super) fn unless_replaced(state: PeerState, end: &End) -> Result<PeerState, ipc_core::Error> {
    let replaced = state == PeerState::Closed && end.is_replaced();
    Ok(if replaced { PeerState::Gone(PeerExit::NeverAttached) } else { state })
}

/// What the producer's signal word says about the end of the stream.
pub(super) fn ended(end: &End, position: u64) -> Option<PopError> {
    let bits = end.peer_bits();
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

/// The consuming end of a channel, as far as waiting for something to pop goes.
pub(super) trait Poll {
    /// What is popped.
    type Item;
    /// Tries to pop. [`PopError::Empty`] when nothing is there and the stream has not ended.
    fn poll(&mut self) -> Result<Self::Item, PopError>;
    /// Whether something is there, by a look that changes nothing.
    fn has_item(&self) -> bool;
    /// The seat.
    fn end(&mut self) -> &mut End;
    /// The seat, to look at.
    fn seat(&self) -> &End;
    /// Lets a run of messages gather, where that has been of use lately or is due to be tried.
    fn let_gather(&mut self) {}
}

/// Pops, waiting for something to be there.
#[cold]
#[inline(never)]
pub(super) fn wait_and_pop<P: Poll>(
    consumer: &mut P,
    deadline: Option<Instant>,
) -> Result<P::Item, PopError> {
    let mut wait = consumer.end().waits.start(deadline);
    let mut slept = false;
    if consumer.end().waits.polls() {
        consumer.let_gather();
    }
    loop {
        // Before the pop, behind which nothing is done that can take long.
        if consumer.has_item() {
            consumer.end().waits.finished(&wait);
        }
        match consumer.poll() {
            Err(PopError::Empty) => {}
            Err(PopError::PeerGone(_)) if consumer.end().waits.awaits_successors() => {}
            result => return result,
        }
        let end = consumer.end();
        match wait.next(&end.waits, || end.shares_cpu()) {
            Step::Poll => watch(consumer),
            Step::TimedOut => return Err(PopError::TimedOut),
            Step::Interrupted => return Err(PopError::Interrupted),
            Step::Probe => {
                end.check().map_err(PopError::System)?;
                if let Some(exit) = producer_died(end)? {
                    return last_message(consumer, exit);
                }
            }
            Step::Sleep(nap) => {
                let in_vain = std::mem::replace(&mut slept, true);
                if (in_vain || !end.death_wakes())
                    && let Some(exit) = producer_died(end)?
                {
                    return last_message(consumer, exit);
                }
                end.announce().map_err(PopError::System)?;
                let is_something_there = || {
                    let seat = consumer.seat();
                    seat.waits.is_over(seat.peer_bits()) || consumer.has_item()
                };
                if is_something_there() {
                    consumer.seat().do_not_sleep();
                } else {
                    consumer.seat().sleep(nap, is_something_there).map_err(PopError::System)?;
                }
            }
        }
    }
}

/// Looks a few times more whether something is there, by a look that costs little. The rest of a poll, the other end's
/// state among it, can wait so long; and the shorter the way from look to look, the sooner a message is seen.
#[inline(always)]
fn watch<P: Poll>(consumer: &mut P) {
    for _ in 0..consumer.end().waits.looks(8) {
        pause();
        if consumer.has_item() {
            return;
        }
    }
}

/// The producer is dead, so whatever it pushed is there to be seen.
fn last_message<P: Poll>(consumer: &mut P, exit: PeerExit) -> Result<P::Item, PopError> {
    match consumer.poll() {
        Err(PopError::Empty) => Err(PopError::PeerGone(exit)),
        result => result,
    }
}

/// How the producer went, if it died and no successor is waited for.
fn producer_died(end: &End) -> Result<Option<PeerExit>, PopError> {
    if end.waits.awaits_successors() {
        return Ok(None);
    }
    match end.peer().map_err(PopError::System)? {
        PeerState::Gone(exit @ PeerExit::Died { .. }) => Ok(Some(exit)),
        _ => Ok(None),
    }
}
