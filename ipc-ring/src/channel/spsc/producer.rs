//! The producing end of a channel.

use std::time::Instant;

use super::Producer;
use crate::apart::apart;
use crate::channel::attached::Attached;
use crate::channel::end::{End, Segment};
use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Push};
use crate::channel::pair::{self, Ending};
use crate::channel::seated::Seat;
use crate::channel::sender::Sender;
use crate::end::{room, spsc as end};
use crate::error::{AttachError, PushError};
use crate::layout;
use crate::message::Message;
use crate::ring::spsc::{self as ring, Corruption, Counters, Mapped};

mod claim;

pub use claim::Claim;

/// The producing end without what is common to all kinds.
pub(super) type Sending<T> = end::Producer<Mapped<T>, Segment, Kernel>;

impl<T: Message> Producer<T> {
    pub(in crate::channel) fn new(attached: Attached<Mapped<T>>) -> Result<Self, AttachError> {
        let Attached { ring, end } = attached.attach(ring::Producer::attach)?;
        Ok(Sender::closing(end::Producer { ring, end }))
    }

    /// Reserves the next slot, to be written in place. Nothing is published until [`Claim::commit`]; dropping
    /// the claim gives the slot back.
    ///
    /// # Errors
    /// [`PushError::Full`], [`PushError::Closed`], [`PushError::Corrupt`].
    pub fn try_claim(&mut self) -> Result<Claim<'_, T>, PushError<()>> {
        self.core.end.ours()?;
        let end::Producer { ring, end } = &mut self.core;
        match ring.try_claim() {
            Ok(Some(claim)) => Ok(Claim { claim, end }),
            Ok(None) => Err(room::full(end).with(())),
            Err(corruption) => Err(corrupt(end, corruption)),
        }
    }

    /// Identity of this channel, for a [pool](crate::pool) whose handles travel in its messages.
    #[must_use]
    pub fn route(&self) -> crate::pool::Route {
        crate::channel::pool::route(self.core.end.entry())
    }

    /// Number of messages pushed since the channel was made, by this holder and its predecessors.
    #[must_use]
    pub fn pushed(&self) -> u64 {
        self.core.ring.position()
    }
}

impl<T: Message> Core for Sending<T> {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        counters::<T>(&self.end, self.capacity())
    }

    fn capacity(&self) -> u64 {
        self.ring.memory().capacity()
    }

    fn leave(&mut self, ending: Ending) {
        pair::leave_producer(&mut self.end, ending);
    }
}

impl<T: Message> Push<T> for Sending<T> {
    #[inline(always)]
    fn try_put(&mut self, item: &T) -> Result<(), PushError<()>> {
        match self.push_known(item) {
            Some(0) => Ok(()),
            known => apart(try_push_from_slowly(self, item, known)),
        }
    }

    #[inline(always)]
    fn put(&mut self, item: &T, deadline: Option<Instant>) -> Result<(), PushError<()>> {
        match self.push_known(item) {
            Some(0) => Ok(()),
            known => apart(push_from_slowly(self, item, known, deadline)),
        }
    }

    #[inline(always)]
    fn try_put_value(&mut self, item: T) -> Result<(), PushError<T>> {
        match self.push_known(&item) {
            Some(0) => Ok(()),
            known => apart(try_push_slowly(self, item, known)),
        }
    }

    #[inline(always)]
    fn put_value(&mut self, item: T, deadline: Option<Instant>) -> Result<(), PushError<T>> {
        match self.push_known(&item) {
            Some(0) => Ok(()),
            known => apart(push_slowly(self, item, known, deadline)),
        }
    }

    fn try_put_slice(&mut self, items: &[T]) -> Result<usize, PushError<usize>> {
        self.end.ours()?;
        if items.is_empty() {
            return Ok(0);
        }
        let pushed = self.ring.try_push_slice(items);
        settle_slice(self, pushed)
    }

    fn put_slice(&mut self, items: &[T], deadline: Option<Instant>) -> Result<(), PushError<usize>> {
        self.end.ours()?;
        let mut done = 0;
        while done < items.len() {
            let pushed = self.ring.try_push_slice_by_head(&items[done..]);
            match settle_slice(self, pushed) {
                Ok(count) => done += count,
                Err(PushError::Full(_)) => room::wait_for_room(&mut self.ring, &mut self.end, deadline)
                    .map_err(|refusal| refusal.with(done))?,
                Err(PushError::Closed(count)) => return Err(PushError::Closed(done + count)),
                Err(PushError::NotWoken(count, error)) => {
                    return Err(PushError::NotWoken(done + count, error));
                }
                Err(PushError::Corrupt(_, corruption)) => return Err(PushError::Corrupt(done, corruption)),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}

/// Handles the result of pushing from a slice.
fn settle_slice<T: Message>(
    core: &mut Sending<T>,
    pushed: Result<(usize, u32), Corruption>,
) -> Result<usize, PushError<usize>> {
    match pushed {
        Ok((0, _)) => Err(room::full(&core.end).with(0)),
        Ok((count, 0)) => Ok(count),
        Ok((count, signal)) => match core.pushed(signal) {
            Ok(()) => Ok(count),
            Err(refusal) => Err(refusal.with(count)),
        },
        Err(corruption) => Err(core.poison(corruption).with(0)),
    }
}

/// The slow half of a push: a signal to act upon, or a ring that may be full.
#[cold]
#[inline(never)]
fn push_slowly<T: Message>(
    core: &mut Sending<T>,
    item: T,
    known: Option<u32>,
    deadline: Option<Instant>,
) -> Result<(), PushError<T>> {
    core.push_on(&item, known, deadline).map_err(|refusal| refusal.with(item))
}

/// As [`push_slowly`], by reference.
#[cold]
#[inline(never)]
fn push_from_slowly<T: Message>(
    core: &mut Sending<T>,
    item: &T,
    known: Option<u32>,
    deadline: Option<Instant>,
) -> Result<(), PushError<()>> {
    core.push_on(item, known, deadline).map_err(|refusal| refusal.with(()))
}

/// As [`push_slowly`], without waiting.
#[cold]
#[inline(never)]
fn try_push_slowly<T: Message>(
    core: &mut Sending<T>,
    item: T,
    known: Option<u32>,
) -> Result<(), PushError<T>> {
    core.try_push_on(&item, known).map_err(|refusal| refusal.with(item))
}

/// As [`try_push_slowly`], by reference.
#[cold]
#[inline(never)]
fn try_push_from_slowly<T: Message>(
    core: &mut Sending<T>,
    item: &T,
    known: Option<u32>,
) -> Result<(), PushError<()>> {
    core.try_push_on(item, known).map_err(|refusal| refusal.with(()))
}

#[cold]
fn corrupt(end: &mut End, corruption: Corruption) -> PushError<()> {
    end.poison();
    room::Refusal::Corrupt(corruption).with(())
}

/// What the ends of a ring have counted so far.
pub(super) fn counters<T: Message>(seat: &impl Seat, capacity: u64) -> Counters {
    let geometry = Mapped::<T>::geometry(capacity).expect("that of a ring that was opened");
    Counters::read(seat.region(), &geometry, layout::first_position(seat.region()))
}
