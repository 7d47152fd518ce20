//! The producing end of a channel.

use std::time::{Duration, Instant};

use super::builder::{Attached, Builder};
use crate::apart::apart;
use crate::channel::end::{End, Segment};
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::seated::has_core;
use crate::end::pair::PeerState;
use crate::end::{room, spsc as end};
use crate::error::{AttachError, PushError};
use crate::message::Message;
use crate::ring::spsc::{self as ring, Corruption, Mapped};

mod claim;

pub use claim::Claim;

/// The producing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel; [`detach`](Self::detach) leaves it open for a successor.
///
/// ```compile_fail
/// // Two threads cannot push at a time: pushing takes the end exclusively, and it cannot be cloned.
/// fn push_through_a_shared_reference(producer: &ipc_ring::spsc::Producer<u64>) {
///     let _ = producer.try_push(1);
/// }
/// ```
#[derive(Debug)]
pub struct Producer<T: Message> {
    pub(super) core: end::Producer<Mapped<T>, Segment, Kernel>,
    ending: Ending,
}

impl<T: Message> Producer<T> {
    crate::interrupter::interruptible!(core.end);
    crate::interrupter::shares_interrupts!(core.end);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes the producing end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the ring found is of another type, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_sender()
    }

    /// As [`create`](Self::create), but the channel must not exist.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as [`create`](Self::create).
    pub fn create_new(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_new_sender()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_sender()
    }

    pub(in crate::channel) fn new(attached: Attached<T>) -> Result<Self, AttachError> {
        let Attached { ring, mut end } = attached;
        match ring::Producer::attach(ring) {
            Ok(ring) => {
                let ending = Ending::of_producer(end.is_persistent());
                Ok(Self { core: end::Producer { ring, end }, ending })
            }
            Err(corruption) => {
                end.give_up(false);
                Err(corruption.into())
            }
        }
    }

    /// Pushes a message if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`], [`PushError::Closed`] when the consumer closed the channel,
    /// [`PushError::Corrupt`]. Each of them hands the message back.
    ///
    /// # Blocking
    /// Never. One system call when the consumer sleeps, to wake it.
    #[inline]
    pub fn try_push(&mut self, message: T) -> Result<(), PushError<T>> {
        match self.core.push_known(&message) {
            Some(0) => Ok(()),
            known => apart(self.try_push_slowly(message, known)),
        }
    }

    /// Pushes a message, waiting for room.
    ///
    /// # Errors
    /// [`PushError::Closed`]; [`PushError::PeerGone`] when the ring is full and the consumer detached or
    /// died, so that no consumer is left to make room; [`PushError::Corrupt`]; [`PushError::NotWoken`];
    /// [`PushError::System`]. A consumer that has never attached is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy. One that polls first waits for a quarter of a full ring to be freed, for
    /// a few microseconds at most.
    #[inline]
    pub fn push(&mut self, message: T) -> Result<(), PushError<T>> {
        match self.core.push_known(&message) {
            Some(0) => Ok(()),
            known => apart(self.push_slowly(message, known, None)),
        }
    }

    /// As [`push`](Self::push), by reference: a large message is copied only once.
    ///
    /// # Errors
    /// As [`push`](Self::push), without the message.
    #[inline]
    pub fn push_from(&mut self, message: &T) -> Result<(), PushError<()>> {
        self.push_from_until(message, None)
    }

    /// As [`push_from`](Self::push_from), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_from`](Self::push_from).
    #[inline]
    pub fn push_from_deadline(&mut self, message: &T, deadline: Instant) -> Result<(), PushError<()>> {
        self.push_from_until(message, Some(deadline))
    }

    #[inline(always)]
    fn push_from_until(&mut self, message: &T, deadline: Option<Instant>) -> Result<(), PushError<()>> {
        match self.core.push_known(message) {
            Some(0) => Ok(()),
            known => apart(self.push_from_slowly(message, known, deadline)),
        }
    }

    /// As [`try_push`](Self::try_push), by reference: a large message is copied only once.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push), without the message.
    #[inline]
    pub fn try_push_from(&mut self, message: &T) -> Result<(), PushError<()>> {
        match self.core.push_known(message) {
            Some(0) => Ok(()),
            known => apart(self.try_push_from_slowly(message, known)),
        }
    }

    /// As [`push`](Self::push), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    #[inline]
    pub fn push_deadline(&mut self, message: T, deadline: Instant) -> Result<(), PushError<T>> {
        match self.core.push_known(&message) {
            Some(0) => Ok(()),
            known => apart(self.push_slowly(message, known, Some(deadline))),
        }
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
    /// [`PushError::Full`] when there is no room at all, and as [`try_push`](Self::try_push). The value
    /// handed back is the number of messages pushed, 0.
    pub fn try_push_slice(&mut self, messages: &[T]) -> Result<usize, PushError<usize>> {
        self.core.end.ours()?;
        if messages.is_empty() {
            return Ok(0);
        }
        let pushed = self.core.ring.try_push_slice(messages);
        self.settle_slice(pushed)
    }

    /// Handles the result of pushing from a slice.
    fn settle_slice(&mut self, pushed: Result<(usize, u32), Corruption>) -> Result<usize, PushError<usize>> {
        match pushed {
            Ok((0, _)) => Err(room::full(&self.core.end).with(0)),
            Ok((count, 0)) => Ok(count),
            Ok((count, signal)) => match self.core.published(signal) {
                Ok(()) => Ok(count),
                Err(refusal) => Err(refusal.with(count)),
            },
            Err(corruption) => Err(self.core.poison(corruption).with(0)),
        }
    }

    /// Pushes a whole slice, in order, waiting for room.
    ///
    /// # Errors
    /// As [`push`](Self::push). The value handed back is the number of messages pushed before the error.
    pub fn push_slice(&mut self, messages: &[T]) -> Result<(), PushError<usize>> {
        self.push_slice_until(messages, None)
    }

    /// As [`push_slice`](Self::push_slice), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_slice`](Self::push_slice).
    pub fn push_slice_deadline(&mut self, messages: &[T], deadline: Instant) -> Result<(), PushError<usize>> {
        self.push_slice_until(messages, Some(deadline))
    }

    fn push_slice_until(
        &mut self,
        messages: &[T],
        deadline: Option<Instant>,
    ) -> Result<(), PushError<usize>> {
        self.core.end.ours()?;
        let mut done = 0;
        while done < messages.len() {
            let pushed = self.core.ring.try_push_slice_by_head(&messages[done..]);
            match self.settle_slice(pushed) {
                Ok(count) => done += count,
                Err(PushError::Full(_)) => self.wait_for_room(done, deadline)?,
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

    /// The slow half of a push: a signal to act upon, or a ring that may be full.
    #[cold]
    #[inline(never)]
    fn push_slowly(
        &mut self,
        message: T,
        known: Option<u32>,
        deadline: Option<Instant>,
    ) -> Result<(), PushError<T>> {
        self.core.push_on(&message, known, deadline).map_err(|refusal| refusal.with(message))
    }

    /// As [`push_slowly`](Self::push_slowly), by reference.
    #[cold]
    #[inline(never)]
    fn push_from_slowly(
        &mut self,
        message: &T,
        known: Option<u32>,
        deadline: Option<Instant>,
    ) -> Result<(), PushError<()>> {
        self.core.push_on(message, known, deadline).map_err(|refusal| refusal.with(()))
    }

    /// As [`push_slowly`](Self::push_slowly), without waiting.
    #[cold]
    #[inline(never)]
    fn try_push_slowly(&mut self, message: T, known: Option<u32>) -> Result<(), PushError<T>> {
        self.core.try_push_on(&message, known).map_err(|refusal| refusal.with(message))
    }

    /// As [`try_push_slowly`](Self::try_push_slowly), by reference.
    #[cold]
    #[inline(never)]
    fn try_push_from_slowly(&mut self, message: &T, known: Option<u32>) -> Result<(), PushError<()>> {
        self.core.try_push_on(message, known).map_err(|refusal| refusal.with(()))
    }

    /// Waits until a slot is free. Hands `value` back otherwise.
    fn wait_for_room<V>(&mut self, value: V, deadline: Option<Instant>) -> Result<(), PushError<V>> {
        let end::Producer { ring, end } = &mut self.core;
        room::wait_for_room(ring, end, deadline).map_err(|refusal| refusal.with(value))
    }

    /// Whether the consumer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.core.end.peer()
    }

    /// Kills the process that holds the consumer's end, with SIGKILL, and waits until it is gone: for one
    /// that is stopped or stuck, which counts as alive. A successor may then take its place. True when that
    /// end has no holder any more.
    ///
    /// # Errors
    /// As [`Domain::evict`](crate::Domain::evict).
    ///
    /// # Blocking
    /// Until the process is gone or the deadline has passed.
    pub fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.core.end.evict_peer(deadline)
    }

    /// Sleeps until a consumer is attached and alive, or has closed the channel, or the timeout has passed.
    /// Returns its state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when the end is taken.
    pub fn wait_for_peer(&self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        self.core.end.wait_for_peer(timeout.map(crate::clock::after))
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.ring.memory().capacity()
    }

    /// Number of messages pushed since the channel was made, by this holder and its predecessors.
    #[must_use]
    pub fn pushed(&self) -> u64 {
        self.core.ring.position()
    }

    /// Identity of this channel, for a [pool](crate::pool) whose handles travel in its messages.
    #[must_use]
    pub fn route(&self) -> crate::pool::Route {
        crate::channel::pool::route(self.core.end.entry())
    }

    /// Ends the stream: the consumer pops what is left, then gets
    /// [`PopError::Closed`](crate::PopError::Closed). The same as dropping, in a channel that is not
    /// persistent.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Detaches and leaves the stream open: a new producer may continue it, while the consumer is attached or
    /// the channel is persistent.
    pub fn detach(mut self) {
        self.ending = Ending::Detach;
    }
}

has_core!([T: Message] Producer<T>, end::Producer<Mapped<T>, Segment, Kernel>, core);

impl<T: Message> Drop for Producer<T> {
    fn drop(&mut self) {
        pair::leave_producer(&mut self.core.end, self.ending);
    }
}

#[cold]
fn corrupt(end: &mut End, corruption: Corruption) -> PushError<()> {
    end.poison();
    room::Refusal::Corrupt(corruption).with(())
}
