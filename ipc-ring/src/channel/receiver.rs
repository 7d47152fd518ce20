//! The receiving end of a channel of any kind.

use std::fmt;
use std::time::{Duration, Instant};

use super::builder::{Builder, Channel, by_name};
use super::kind::{Core as _, Kind, OneToOne, Parts, Peered};
use super::pair::Ending;
use super::seated::{HasCore, Seat as _};
use super::successor::{self, Follower};
use crate::end::pair::PeerState;
use crate::error::{AttachError, PopError};
use crate::interrupter::Interrupter;
use crate::wait::park::Waiter as _;
use crate::wait::seated::Seated as _;

mod lend;
#[allow(unsafe_code)]
mod pop;

pub use lend::Lends;
pub use pop::Drain;

/// The receiving end of a channel of kind `K`, in one thread at a time. The kinds' names for it are
/// [`spsc::Consumer`](crate::spsc::Consumer), [`bytes::Consumer`](crate::bytes::Consumer),
/// [`mpmc::Consumer`](crate::mpmc::Consumer), [`broadcast::Subscriber`](crate::broadcast::Subscriber) and
/// [`frames::Subscriber`](crate::broadcast::frames::Subscriber).
///
/// Dropping it detaches it: the channel stays.
///
/// As an iterator over itself (`for message in &mut receiver`) it waits for each message and ends when the
/// channel is closed, or on an error; [`last_error`](Self::last_error) shows which. Where messages may be
/// missed, it reports those in between.
pub struct Receiver<K: Kind> {
    pub(in crate::channel) core: <K as Parts>::Receiving,
    ending: Ending,
    last_error: Option<PopError>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Reopen<K>>>,
}

/// Opens an end again as it was opened before.
type Reopen<K> = dyn Fn() -> Result<Receiver<K>, AttachError> + Send + Sync;

impl<K: Kind> Receiver<K> {
    /// An end whose seat was taken.
    pub(in crate::channel) fn of(core: K::Receiving) -> Self {
        Self { core, ending: Ending::Detach, last_error: None, origin: None }
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn opened_by<C>(
        mut self,
        builder: &Builder<C>,
        open: fn(&Builder<C>) -> Result<Self, AttachError>,
    ) -> Self
    where
        C: Channel<Options: Send + Sync> + 'static,
        K: 'static,
    {
        if self.core.seat().is_open() {
            let builder = builder.kept();
            self.origin = Some(Box::new(move || open(&builder)));
        }
        self
    }

    /// Continues at the ring that has replaced this one. See [`successor::follow`].
    #[cold]
    #[inline(never)]
    pub(in crate::channel) fn follow(&mut self) -> bool {
        successor::follow(self)
    }

    /// Whether this result is that of a ring that has been replaced: if so, continues there.
    pub(in crate::channel) fn is_followed<R>(&mut self, result: &Result<R, PopError>) -> bool {
        matches!(result, Err(error) if K::may_continue(error)) && self.follow()
    }

    /// The result of an attempt: a channel that continues elsewhere has not ended, but is empty.
    pub(in crate::channel) fn unless_followed<R>(
        &mut self,
        result: Result<R, PopError>,
    ) -> Result<R, PopError> {
        if self.is_followed(&result) { Err(PopError::Empty) } else { result }
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

    /// Takes every message that is ready now, without waiting.
    pub fn drain(&mut self) -> Drain<'_, K> {
        Drain { receiver: self }
    }

    /// Why the iteration over this end stopped, unless the channel was closed.
    #[must_use]
    pub fn last_error(&self) -> Option<&PopError> {
        self.last_error.as_ref()
    }

    /// Leaves the channel to others. The same as dropping.
    pub fn detach(self) {}

    /// Closes the channel when this end is dropped.
    pub(in crate::channel) fn end_with_close(mut self) {
        self.ending = Ending::Close;
    }

    /// The item of an iteration, or its end.
    pub(in crate::channel) fn or_end<I>(&mut self, popped: Result<I, PopError>) -> Option<I> {
        match popped {
            Ok(item) => Some(item),
            Err(PopError::Closed) => None,
            Err(error) => {
                self.last_error = Some(error);
                None
            }
        }
    }
}

/// Ends by name, in the user's own domain; a [`Builder`] has more to choose from.
impl<K: Kind + Channel<Receiver = Receiver<K>, Options: Default>> Receiver<K> {
    by_name!(Builder<K>: create_receiver, create_new_receiver, open_receiver);
}

/// The one end on the other side.
impl<K: Kind<Receiving: Peered>> Receiver<K> {
    /// Whether the one end on the other side is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more.
    #[doc(alias = "publisher")]
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.core.peer()
    }

    /// Kills the process that holds that end, with SIGKILL, and waits until it is gone: for one that is
    /// stopped or stuck, which counts as alive. A successor may then take its place. True when that end has
    /// no holder any more.
    ///
    /// # Errors
    /// As [`Domain::evict`](crate::Domain::evict).
    ///
    /// # Blocking
    /// Until the process is gone or the deadline has passed.
    pub fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.core.evict_peer(deadline)
    }

    /// Sleeps until the one end on the other side is attached and alive, or has closed the channel, or the
    /// timeout has passed. Returns its state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when the end is taken.
    pub fn wait_for_peer(&mut self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        let deadline = timeout.map(crate::clock::after);
        loop {
            match self.core.wait_for_peer(deadline)? {
                PeerState::Closed if self.follow() => {}
                state => return Ok(state),
            }
        }
    }
}

/// The producer.
impl<K: OneToOne> Receiver<K> {
    /// Ends the stream: the producer learns that nothing more will be popped.
    pub fn close(self) {
        self.end_with_close();
    }

    /// This interrupts the end's waits from now on; `None`: handles of its own.
    pub(crate) fn share_interrupts(&mut self, with: Option<(&Interrupter, usize)>) {
        self.core.seat_mut().host_mut().share_interrupts(with);
    }
}

impl<K: Kind> Follower for Receiver<K> {
    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?().ok()
    }
}

impl<K: Kind> HasCore for Receiver<K> {
    type Core = K::Receiving;

    fn core(&self) -> &K::Receiving {
        &self.core
    }

    fn core_mut(&mut self) -> &mut K::Receiving {
        &mut self.core
    }
}

impl<K: Kind> fmt::Debug for Receiver<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { core, ending, last_error, origin } = self;
        let mut f = f.debug_struct("Receiver");
        f.field("core", core).field("ending", ending).field("last_error", last_error);
        f.field("may_follow", &origin.is_some()).finish()
    }
}

impl<K: Kind> Drop for Receiver<K> {
    fn drop(&mut self) {
        self.core.leave(self.ending);
    }
}
