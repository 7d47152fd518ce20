//! The producing end of a channel.

use std::time::{Duration, Instant};

use super::builder::Builder;
use super::end::{End, Role};
use crate::channel::kernel::Kernel;
use crate::channel::seated::has_core;
use crate::channel::seats::Segment;
use crate::end::mpmc as end;
use crate::error::{AttachError, PushError};
use crate::memory::Of;
use crate::message::Message;
use crate::ring::mpmc::{self as ring, Mapped, Seat, recovery};

/// A producing end: one of many, each in one thread at a time. Dropping it gives its seat back.
#[derive(Debug)]
pub struct Producer<T: Message> {
    core: end::Producer<Mapped<T>, Segment, Kernel>,
}

impl<T: Message> Producer<T> {
    crate::interrupter::interruptible!(core.end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes a seat as a producer.
    ///
    /// # Errors
    /// [`AttachError`].
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

    pub(super) fn new((end, seat): (End<Of<T>>, Seat)) -> Self {
        let ring = ring::Producer::attach(end.ring.clone(), seat);
        Self { core: end::Producer::new(ring, end) }
    }

    /// Pushes a message if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`], [`PushError::Busy`], [`PushError::Closed`], [`PushError::Corrupt`].
    ///
    /// # Blocking
    /// Never. One system call when a consumer sleeps and the ring was empty, to wake it, or when another end
    /// has claimed the next slot, to check whether that end is alive.
    #[inline]
    pub fn try_push(&mut self, message: T) -> Result<(), PushError<T>> {
        self.try_push_from(&message).map_err(|error| error.with(message))
    }

    /// As [`try_push`](Self::try_push), by reference: a large message is copied only once.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push), without the message.
    #[inline]
    pub fn try_push_from(&mut self, message: &T) -> Result<(), PushError<()>> {
        self.core.try_push(message)
    }

    /// Pushes a message, waiting for room.
    ///
    /// # Errors
    /// [`PushError::Closed`]; [`PushError::PeerGone`] when the ring is full and every consumer is gone;
    /// [`PushError::Corrupt`]; [`PushError::NotWoken`]; [`PushError::System`]. Waits if no consumer has ever
    /// attached.
    ///
    /// # Blocking
    /// By this end's wait strategy. One that polls also waits for a few microseconds in a ring that is nearly
    /// full. One that sleeps stands back in a full ring while a starving producer has its turn: a millisecond
    /// for each of them.
    #[inline]
    pub fn push(&mut self, message: T) -> Result<(), PushError<T>> {
        self.push_from(&message).map_err(|error| error.with(message))
    }

    /// As [`push`](Self::push), by reference: a large message is copied only once.
    ///
    /// # Errors
    /// As [`push`](Self::push), without the message.
    #[inline]
    pub fn push_from(&mut self, message: &T) -> Result<(), PushError<()>> {
        self.core.push(message, None)
    }

    /// As [`push_from`](Self::push_from), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_from`](Self::push_from).
    #[inline]
    pub fn push_from_deadline(&mut self, message: &T, deadline: Instant) -> Result<(), PushError<()>> {
        self.core.push(message, Some(deadline))
    }

    /// As [`push`](Self::push), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    #[inline]
    pub fn push_deadline(&mut self, message: T, deadline: Instant) -> Result<(), PushError<T>> {
        self.push_from_deadline(&message, deadline).map_err(|error| error.with(message))
    }

    /// As [`push`](Self::push), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_timeout(&mut self, message: T, timeout: Duration) -> Result<(), PushError<T>> {
        self.push_deadline(message, crate::clock::after(timeout))
    }

    /// Pushes messages from the front of a slice while there is room; returns their number. One wake at most.
    ///
    /// # Errors
    /// When there is no room at all, as [`try_push`](Self::try_push), with 0 for the value.
    pub fn try_push_slice(&mut self, messages: &[T]) -> Result<usize, PushError<usize>> {
        self.core.try_push_slice(messages)
    }

    /// Pushes a whole slice, waiting for room. Its messages stay in order; other producers' messages may come
    /// between them.
    ///
    /// # Errors
    /// As [`push`](Self::push). The value handed back is the number of messages pushed before the error.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn push_slice(&mut self, messages: &[T]) -> Result<(), PushError<usize>> {
        self.core.push_slice(messages, None)
    }

    /// As [`push_slice`](Self::push_slice), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_slice`](Self::push_slice).
    pub fn push_slice_deadline(&mut self, messages: &[T], deadline: Instant) -> Result<(), PushError<usize>> {
        self.core.push_slice(messages, Some(deadline))
    }

    /// Recovers from dead ends now, instead of when an end waits for one. Does nothing in a child process
    /// that inherited the end through a fork.
    ///
    /// # Blocking
    /// Never; one system call for each end of the channel.
    ///
    /// # Errors
    /// When it is unknown whether some end's process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more. Nothing was taken from that one; the others were recovered.
    pub fn recover(&mut self) -> Result<recovery::Report, ipc_core::Error> {
        self.core.end.recover()
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.end.ring.capacity()
    }

    /// Number of messages waiting. Off by operations in progress.
    #[must_use]
    pub fn len(&self) -> u64 {
        ring::len(&self.core.end.ring)
    }

    /// Whether no message is waiting, according to [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Identity of this channel, for a [pool](crate::pool) whose handles travel in its messages.
    #[must_use]
    pub fn route(&self) -> crate::pool::Route {
        crate::channel::pool::route(self.core.end.entry())
    }

    /// The memory of the ring, for its counters.
    #[must_use]
    pub fn memory(&self) -> &Mapped<T> {
        &self.core.end.ring
    }

    /// Ends the stream for all producers. What was pushed can still be popped.
    pub fn close(mut self) {
        self.core.end.close_channel();
    }
}

has_core!([T: Message] Producer<T>, end::Producer<Mapped<T>, Segment, Kernel>, core);

impl<T: Message> Drop for Producer<T> {
    fn drop(&mut self) {
        let end::Producer { ring, end, .. } = &mut self.core;
        end.leave(Role::Producer, || ring.leave());
    }
}
