//! The publishing end of a channel.

use std::time::{Duration, Instant};

use super::builder::Builder;
use super::end::End;
use crate::channel::kernel::Kernel;
use crate::channel::pair::Ending;
use crate::channel::seated::has_core;
use crate::channel::seats::Segment;
use crate::end::broadcast as end;
use crate::error::{AttachError, PushError};
use crate::message::Message;
use crate::ring::broadcast::{self as ring, Front, Mapped, Mode};

/// The publishing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it open for
/// a successor.
#[derive(Debug)]
#[doc(alias = "Producer")]
pub struct Publisher<T: Message> {
    core: end::Publisher<Mapped<T>, Front, Segment, Kernel>,
    ending: Ending,
}

impl<T: Message> Publisher<T> {
    crate::interrupter::interruptible!(core.end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes the publishing end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the channel found is of another type or mode, or the kernel
    /// refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_sender()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_sender()
    }

    pub(super) fn new(ring: Mapped<T>, mut end: End) -> Result<Self, AttachError> {
        match ring::Publisher::attach(ring) {
            Ok(ring) => {
                let ending = Ending::of_producer(end.place.is_persistent());
                Ok(Self { core: end::Publisher::new(ring, end), ending })
            }
            Err(corruption) => {
                end.leave(None);
                Err(corruption.into())
            }
        }
    }

    /// Publishes a message if there is room; a lossy channel always has room.
    ///
    /// # Errors
    /// [`PushError::Full`] in a gated channel when a subscriber is a whole lap behind, after dead ones were
    /// dropped; [`PushError::Corrupt`]. Each of them hands the message back.
    ///
    /// # Blocking
    /// Never. One system call when subscribers sleep, for all of them; in a full gated channel one for each
    /// subscriber in the way, to check whether it is alive.
    #[inline]
    #[doc(alias = "try_push")]
    pub fn try_publish(&mut self, message: T) -> Result<(), PushError<T>> {
        self.try_publish_from(&message).map_err(|error| error.with(message))
    }

    /// As [`try_publish`](Self::try_publish), by reference.
    ///
    /// # Errors
    /// As [`try_publish`](Self::try_publish), without the message.
    #[inline]
    #[doc(alias = "try_push_from")]
    pub fn try_publish_from(&mut self, message: &T) -> Result<(), PushError<()>> {
        self.core.try_publish(message)
    }

    /// Publishes a message, in a gated channel waiting for room.
    ///
    /// # Errors
    /// [`PushError::Corrupt`]; [`PushError::NotWoken`]; [`PushError::System`].
    ///
    /// # Blocking
    /// By this end's wait strategy, until every live subscriber is less than a lap behind. Never in a lossy
    /// channel.
    #[inline]
    #[doc(alias = "push")]
    pub fn publish(&mut self, message: T) -> Result<(), PushError<T>> {
        self.publish_from(&message).map_err(|error| error.with(message))
    }

    /// As [`publish`](Self::publish), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`publish`](Self::publish).
    #[inline]
    #[doc(alias = "push_deadline")]
    pub fn publish_deadline(&mut self, message: T, deadline: Instant) -> Result<(), PushError<T>> {
        self.publish_from_deadline(&message, deadline).map_err(|error| error.with(message))
    }

    /// As [`publish`](Self::publish), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`publish`](Self::publish).
    pub fn publish_timeout(&mut self, message: T, timeout: Duration) -> Result<(), PushError<T>> {
        self.publish_deadline(message, crate::clock::after(timeout))
    }

    /// As [`publish`](Self::publish), by reference.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), without the message.
    #[inline]
    #[doc(alias = "push_from")]
    pub fn publish_from(&mut self, message: &T) -> Result<(), PushError<()>> {
        self.core.publish(message, None)
    }

    /// As [`publish_from`](Self::publish_from), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`publish_from`](Self::publish_from).
    #[inline]
    #[doc(alias = "push_from_deadline")]
    pub fn publish_from_deadline(&mut self, message: &T, deadline: Instant) -> Result<(), PushError<()>> {
        self.core.publish(message, Some(deadline))
    }

    /// Publishes messages from the front of a slice while there is room; returns their number. One wake at
    /// most.
    ///
    /// # Errors
    /// When there is no room at all, as [`try_publish`](Self::try_publish), with 0 for the message.
    #[doc(alias = "try_push_slice")]
    pub fn try_publish_slice(&mut self, messages: &[T]) -> Result<usize, PushError<usize>> {
        self.core.try_publish_slice(messages)
    }

    /// Publishes a whole slice, in order, in a gated channel waiting for room.
    ///
    /// # Errors
    /// As [`publish`](Self::publish). The value handed back is the number of messages published before the
    /// error.
    #[doc(alias = "push_slice")]
    pub fn publish_slice(&mut self, messages: &[T]) -> Result<(), PushError<usize>> {
        self.core.publish_slice(messages, None)
    }

    /// As [`publish_slice`](Self::publish_slice), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`publish_slice`](Self::publish_slice).
    pub fn publish_slice_deadline(
        &mut self,
        messages: &[T],
        deadline: Instant,
    ) -> Result<(), PushError<usize>> {
        self.core.publish_slice(messages, Some(deadline))
    }

    /// Reserves the next slot. Nothing is published until [`Claim::commit`]; dropping the claim gives the
    /// slot back.
    ///
    /// # Errors
    /// As [`try_publish`](Self::try_publish).
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

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.end.front.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.core.end.front.mode()
    }

    /// Number of messages published since the channel was made, by this holder and its predecessors: the
    /// sequence number of the next one.
    #[must_use]
    #[doc(alias = "sequence")]
    pub fn published(&self) -> u64 {
        self.core.ring.position()
    }

    /// What the ends have counted so far.
    #[must_use]
    pub fn counters(&self) -> super::Counters {
        super::Counters::read(self.core.ring.memory())
    }

    /// Ends the stream: subscribers read what is left, then get the end of the stream. The same as dropping,
    /// except in a persistent channel.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Detaches and leaves the stream open: a new publisher may continue it, while a subscriber is attached
    /// or if the channel is persistent.
    pub fn detach(mut self) {
        self.ending = Ending::Detach;
    }
}

has_core!([T: Message] Publisher<T>, end::Publisher<Mapped<T>, Front, Segment, Kernel>, core);

impl<T: Message> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.core.end.finish(self.ending);
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
