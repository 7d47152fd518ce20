//! The publishing end of a channel.

use std::time::Instant;

use super::Counters;
use super::Publisher;
use super::end::End;
use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Push};
use crate::channel::pair::Ending;
use crate::channel::seats::Segment;
use crate::channel::sender::Sender;
use crate::end::broadcast as end;
use crate::error::{AttachError, PushError};
use crate::message::Message;
use crate::ring::broadcast::{self as ring, Front, Mapped, Mode};

/// The publishing end without what is common to all kinds.
pub(super) type Sending<T> = end::Publisher<Mapped<T>, Front, Segment, Kernel>;

impl<T: Message> Publisher<T> {
    pub(super) fn new(ring: Mapped<T>, mut end: End) -> Result<Self, AttachError> {
        match ring::Publisher::attach(ring) {
            Ok(ring) => Ok(Sender::closing(end::Publisher::new(ring, end))),
            Err(corruption) => {
                end.leave(None);
                Err(corruption.into())
            }
        }
    }

    /// Reserves the next slot. Nothing is published until [`Claim::commit`]; dropping the claim gives the
    /// slot back.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push).
    pub fn try_claim(&mut self) -> Result<Claim<'_, T>, PushError<()>> {
        self.core.end.place.ours()?;
        let room = self.core.ring.has_room().map_err(|corruption| PushError::Corrupt((), corruption))?;
        if !room && !self.core.after_full()? {
            return Err(PushError::Full(()));
        }
        match self.core.ring.try_claim() {
            Ok(Some(claim)) => Ok(Claim { claim, end: &mut self.core.end }),
            Ok(None) => Err(PushError::Full(())),
            Err(corruption) => Err(PushError::Corrupt((), corruption)),
        }
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.core.end.front.mode()
    }

    /// Number of messages published since the channel was made, by this holder and its predecessors: the
    /// sequence number of the next one.
    #[must_use]
    pub fn pushed(&self) -> u64 {
        self.core.ring.position()
    }
}

impl<T: Message> Core for Sending<T> {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        Counters::read(self.ring.memory())
    }

    fn capacity(&self) -> u64 {
        self.end.front.capacity()
    }

    fn leave(&mut self, ending: Ending) {
        self.end.finish(ending);
    }
}

impl<T: Message> Push<T> for Sending<T> {
    #[inline(always)]
    fn try_put(&mut self, item: &T) -> Result<(), PushError<()>> {
        self.try_publish(item)
    }

    #[inline(always)]
    fn put(&mut self, item: &T, deadline: Option<Instant>) -> Result<(), PushError<()>> {
        self.publish(item, deadline)
    }

    fn try_put_slice(&mut self, items: &[T]) -> Result<usize, PushError<usize>> {
        self.try_publish_slice(items)
    }

    fn put_slice(&mut self, items: &[T], deadline: Option<Instant>) -> Result<(), PushError<usize>> {
        self.publish_slice(items, deadline)
    }
}

/// A slot to be written before it is published, from [`Publisher::try_claim`]. Dropping it aborts: nothing is
/// published.
#[derive(Debug)]
pub struct Claim<'a, T: Message> {
    claim: ring::Claim<'a, Mapped<T>>,
    end: &'a mut End,
}

impl<T: Message> Claim<'_, T> {
    /// Copies a message into the slot.
    pub fn write(&mut self, message: &T) {
        self.claim.write(message);
    }

    /// Publishes the slot; not in a forked child that inherited the claim.
    ///
    /// # Errors
    /// [`PushError::NotWoken`]: the message was published. [`PushError::Forked`]: it was not.
    pub fn commit(self) -> Result<(), PushError<()>> {
        if !self.end.place.is_ours() {
            return Err(PushError::Forked(()));
        }
        self.claim.commit();
        self.end.wake_subscribers().map_err(|error| PushError::NotWoken((), error))
    }
}
