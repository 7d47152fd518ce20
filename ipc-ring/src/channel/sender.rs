//! The sending end of a channel of any kind.

use std::fmt;
use std::time::{Duration, Instant};

use super::builder::{Builder, Channel, by_name};
use super::kind::{Core as _, Elements, Kind, OneToOne, Parts, Peered, Push as _};
use super::pair::Ending;
use super::seated::{HasCore, Seat as _};
use crate::end::pair::PeerState;
use crate::error::{AttachError, PushError};
use crate::interrupter::Interrupter;
use crate::wait::park::Waiter as _;
use crate::wait::seated::Seated as _;

/// The sending end of a channel of kind `K`, in one thread at a time. The kinds' names for it are
/// [`spsc::Producer`](crate::spsc::Producer), [`bytes::Producer`](crate::bytes::Producer),
/// [`mpmc::Producer`](crate::mpmc::Producer), [`broadcast::Publisher`](crate::broadcast::Publisher) and
/// [`frames::Publisher`](crate::broadcast::frames::Publisher).
///
/// What dropping it means is the kind's: see its page.
pub struct Sender<K: Kind> {
    pub(in crate::channel) core: <K as Parts>::Sending,
    pub(in crate::channel) ending: Ending,
}

impl<K: Kind> Sender<K> {
    /// An end whose seat was taken. How it ends when it is dropped is that of a producer: the stream ends,
    /// unless the channel is to outlive its processes.
    pub(in crate::channel) fn closing(core: K::Sending) -> Self {
        let ending = Ending::of_producer(core.seat().is_persistent());
        Self { core, ending }
    }

    /// As [`closing`](Self::closing), for an end among others.
    pub(in crate::channel) fn detaching(core: K::Sending) -> Self {
        Self { core, ending: Ending::Detach }
    }

    /// A handle with which another thread, or a signal handler, ends the waits of this one with
    /// `Interrupted`.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.core.seat().host().interrupter()
    }

    /// Sets whether a signal ends the wait with `Interrupted`, when a handler has run in the thread that
    /// waits. By default it continues, whatever `SA_RESTART` says.
    ///
    /// A signal that arrives while the thread polls, or just before it goes to sleep, is not noticed: for
    /// signals that must not be missed, and for ends that only poll, let the handler call
    /// [`Interrupter::interrupt`](crate::Interrupter::interrupt).
    pub fn set_interruptible(&mut self, by_signals: bool) {
        self.core.seat_mut().host_mut().set_interruptible(by_signals);
    }

    /// The size of the ring: slots, or bytes in a channel of frames.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.capacity()
    }

    /// What the ends have counted so far. No system call.
    #[must_use]
    pub fn counters(&self) -> K::Counters {
        self.core.counters()
    }

    /// Ends the stream: what was pushed can still be popped, then the other side gets
    /// [`PopError::Closed`](crate::PopError::Closed). In a channel with many producers, for all of them.
    ///
    /// While the thread unwinds from a panic this only [detaches](Self::detach), except in a channel with
    /// many producers, which it closes.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Leaves the stream open to another sending end: in a channel that is persistent, or while a receiving
    /// end is attached; in [`mpmc`](crate::mpmc) while any end is.
    pub fn detach(mut self) {
        self.ending = Ending::Detach;
    }
}

/// Ends by name, in the user's own domain; a [`Builder`] has more to choose from.
impl<K: Kind + Channel<Sender = Sender<K>, Options: Default>> Sender<K> {
    by_name!(Builder<K>: create_sender, create_new_sender, open_sender);
}

/// Pushing.
impl<K: Elements> Sender<K> {
    /// Pushes a message if there is room. A lossy [`broadcast`](crate::broadcast) channel always has room.
    ///
    /// # Errors
    /// [`PushError::Full`]; [`PushError::Closed`]; [`PushError::Corrupt`]; in a channel with many producers
    /// [`PushError::Busy`], when another end holds the next slot; [`PushError::Forked`] and
    /// [`PushError::System`]. Each of them hands the message back. Not so [`PushError::NotWoken`]: the
    /// message was pushed, but a receiver that sleeps was not woken.
    ///
    /// # Blocking
    /// Never. One system call to wake what sleeps on the other side, if anything does. In a channel with many
    /// ends on a side, one for each end in the way, to check whether it is alive.
    #[inline]
    pub fn try_push(&mut self, message: K::Item) -> Result<(), PushError<K::Item>> {
        self.core.try_put_value(message)
    }

    /// As [`try_push`](Self::try_push), by reference: a large message is copied only once.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push), without the message.
    #[inline]
    pub fn try_push_from(&mut self, message: &K::Item) -> Result<(), PushError<()>> {
        self.core.try_put(message)
    }

    /// Pushes a message, waiting for room.
    ///
    /// # Errors
    /// [`PushError::Closed`]; [`PushError::PeerGone`] when the ring is full and no consumer is left to make
    /// room, in kinds that wait for consumers (one that has never attached is waited for);
    /// [`PushError::Corrupt`]; [`PushError::Forked`]; [`PushError::System`]; [`PushError::NotWoken`], after
    /// the message was pushed.
    ///
    /// # Blocking
    /// By this end's wait strategy; never in a lossy [`broadcast`](crate::broadcast) channel. One that polls
    /// waits for a part of a full ring to be freed, for a few microseconds at most.
    #[doc(alias = "publish")]
    #[inline]
    pub fn push(&mut self, message: K::Item) -> Result<(), PushError<K::Item>> {
        self.core.put_value(message, None)
    }

    /// As [`push`](Self::push), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    #[inline]
    pub fn push_deadline(&mut self, message: K::Item, deadline: Instant) -> Result<(), PushError<K::Item>> {
        self.core.put_value(message, Some(deadline))
    }

    /// As [`push`](Self::push), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_timeout(&mut self, message: K::Item, timeout: Duration) -> Result<(), PushError<K::Item>> {
        self.push_deadline(message, crate::clock::after(timeout))
    }

    /// As [`push`](Self::push), by reference: a large message is copied only once.
    ///
    /// # Errors
    /// As [`push`](Self::push), without the message.
    #[inline]
    pub fn push_from(&mut self, message: &K::Item) -> Result<(), PushError<()>> {
        self.core.put(message, None)
    }

    /// As [`push_from`](Self::push_from), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_from`](Self::push_from).
    #[inline]
    pub fn push_from_deadline(&mut self, message: &K::Item, deadline: Instant) -> Result<(), PushError<()>> {
        self.core.put(message, Some(deadline))
    }

    /// As [`push_from`](Self::push_from), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_from`](Self::push_from).
    pub fn push_from_timeout(&mut self, message: &K::Item, timeout: Duration) -> Result<(), PushError<()>> {
        self.push_from_deadline(message, crate::clock::after(timeout))
    }

    /// Pushes messages from the front of a slice while there is room; returns their number. One wake at most.
    ///
    /// # Errors
    /// When there is no room at all, as [`try_push`](Self::try_push). The value handed back is the number of
    /// messages pushed, 0.
    pub fn try_push_slice(&mut self, messages: &[K::Item]) -> Result<usize, PushError<usize>> {
        self.core.try_put_slice(messages)
    }

    /// Pushes a whole slice, in order, waiting for room. Messages of other producers may come between them.
    ///
    /// # Errors
    /// As [`push`](Self::push). The value handed back is the number of messages pushed before the error.
    pub fn push_slice(&mut self, messages: &[K::Item]) -> Result<(), PushError<usize>> {
        self.core.put_slice(messages, None)
    }

    /// As [`push_slice`](Self::push_slice), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_slice`](Self::push_slice).
    pub fn push_slice_deadline(
        &mut self,
        messages: &[K::Item],
        deadline: Instant,
    ) -> Result<(), PushError<usize>> {
        self.core.put_slice(messages, Some(deadline))
    }

    /// As [`push_slice`](Self::push_slice), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_slice`](Self::push_slice).
    pub fn push_slice_timeout(
        &mut self,
        messages: &[K::Item],
        timeout: Duration,
    ) -> Result<(), PushError<usize>> {
        self.push_slice_deadline(messages, crate::clock::after(timeout))
    }
}

/// The one end on the other side.
impl<K: OneToOne> Sender<K> {
    /// Whether the consumer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        Peered::peer(&self.core)
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
        self.core.seat().evict_peer(deadline)
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
        self.core.seat().wait_for_peer(timeout.map(crate::clock::after))
    }

    /// This interrupts the end's waits from now on; `None`: handles of its own.
    pub(crate) fn share_interrupts(&mut self, with: Option<(&Interrupter, usize)>) {
        self.core.seat_mut().host_mut().share_interrupts(with);
    }
}

impl<K: Kind> HasCore for Sender<K> {
    type Core = K::Sending;

    fn core(&self) -> &K::Sending {
        &self.core
    }

    fn core_mut(&mut self) -> &mut K::Sending {
        &mut self.core
    }
}

impl<K: Kind> fmt::Debug for Sender<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("core", &self.core).field("ending", &self.ending).finish()
    }
}

impl<K: Kind> Drop for Sender<K> {
    fn drop(&mut self) {
        self.core.leave(self.ending);
    }
}
