//! The reading end of a channel of payloads.

use std::time::{Duration, Instant};

use super::Builder;
use crate::channel::broadcast::{self, Counters, Mode, PopError, Position};
use crate::channel::seated::has_core;
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::pool::{Handle, Pool, ReceiveError, Refused, View};

/// A reading end: one of many, each in one thread at a time. Dropping it gives its seat back, but not the
/// payloads that it has popped: those belong to their [`View`]s.
#[derive(Debug)]
#[doc(alias = "Consumer")]
pub struct Subscriber {
    channel: broadcast::Subscriber<Handle>,
    pool: Pool,
}

impl Subscriber {
    crate::interrupter::interruptible!(channel);

    /// Makes the channel of this name in the pool's domain, or finds it, and takes a seat, to start with the
    /// oldest payload.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the channel found is of another kind, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str, pool: &Pool) -> Result<Self, AttachError> {
        Builder::new(name, pool).create_receiver()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str, pool: &Pool) -> Result<Self, AttachError> {
        Builder::new(name, pool).open_receiver()
    }

    pub(super) fn new(channel: broadcast::Subscriber<Handle>, pool: &Pool) -> Self {
        Self { channel, pool: pool.clone() }
    }

    /// Pops the next payload if there is one.
    ///
    /// # Errors
    /// [`ReceiveError::Channel`] as [`broadcast::Subscriber::try_pop`]; [`ReceiveError::Refused`] when the
    /// popped message names no payload, such as that of a publisher that died while publishing: continue with
    /// the next.
    ///
    /// # Blocking
    /// Never. One system call when the publisher of a gated channel sleeps, to wake it.
    #[inline]
    pub fn try_pop(&mut self) -> Result<View, ReceiveError<PopError>> {
        settle(self.poll())
    }

    /// Pops the next payload, waiting for it.
    ///
    /// # Errors
    /// [`ReceiveError::Channel`] as [`broadcast::Subscriber::pop`], and as [`try_pop`](Self::try_pop).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn pop(&mut self) -> Result<View, ReceiveError<PopError>> {
        self.pop_until(None)
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<View, ReceiveError<PopError>> {
        self.pop_until(Some(deadline))
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<View, ReceiveError<PopError>> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    #[inline(always)]
    fn pop_until(&mut self, deadline: Option<Instant>) -> Result<View, ReceiveError<PopError>> {
        let first = self.poll();
        let pool = &self.pool;
        settle(self.channel.accept_after(first, deadline, |handle| pool.accept(handle)))
    }

    fn poll(&mut self) -> Result<Result<View, Refused>, PopError> {
        let pool = &self.pool;
        self.channel.try_accept(|handle| pool.accept(handle))
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.channel.peer()
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Number of places.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.channel.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.channel.mode()
    }

    /// The sequence number of the next payload, which is the number of payloads published before it. That of
    /// the payload popped last is one less.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.channel.sequence()
    }

    /// The position of this subscriber, to be saved and started from later.
    #[must_use]
    pub fn position(&self) -> Position {
        self.channel.position()
    }

    /// Number of published payloads still to be read, or already given up. Racy.
    #[must_use]
    #[doc(alias = "len")]
    pub fn behind(&self) -> u64 {
        self.channel.behind()
    }

    /// What the ends have counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.channel.counters()
    }

    /// Gives the seat back. The same as dropping.
    pub fn detach(self) {}
}

fn settle(popped: Result<Result<View, Refused>, PopError>) -> Result<View, ReceiveError<PopError>> {
    popped.map_err(ReceiveError::Channel)?.map_err(ReceiveError::Refused)
}

has_core!([] Subscriber, of broadcast::Subscriber<Handle>, channel);
