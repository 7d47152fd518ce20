//! The consuming end of a channel.

use std::time::{Duration, Instant};

use super::builder::{Attached, Builder};
use crate::channel::end::Segment;
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::seated::{Seat as _, has_core};
use crate::channel::successor::{self, Follower};
use crate::end::pair::PeerState;
use crate::end::spsc as end;
use crate::error::{AttachError, PopError};
use crate::message::Message;
use crate::ring::spsc::{self as ring, Mapped};

mod in_place;
mod pop;
mod slice;
mod view;

pub use view::View;

/// The consuming end: one holder at a time, in one thread at a time.
///
/// Dropping it detaches: the channel stays, and another consumer may continue. [`close`](Self::close) ends
/// the stream: the producer learns that its messages will not be popped.
///
/// As an iterator over itself (`for message in &mut consumer`) it waits for each message and ends when the
/// channel is closed, or on an error; [`last_error`](Self::last_error) shows which.
#[derive(Debug)]
pub struct Consumer<T: Message> {
    pub(super) core: end::Consumer<Mapped<T>, Segment, Kernel>,
    ending: Ending,
    last_error: Option<PopError>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder<T>>>,
}

impl<T: Message> Consumer<T> {
    crate::interrupter::interruptible!(core.end);
    crate::interrupter::shares_interrupts!(core.end);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes the consuming end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the ring found is of another type, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_receiver()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_receiver()
    }

    pub(in crate::channel) fn new(attached: Attached<T>) -> Self {
        let Attached { ring, end } = attached;
        let core = end::Consumer::new(ring::Consumer::attach(ring), end);
        Self { core, ending: Ending::Detach, last_error: None, origin: None }
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn of(mut self, builder: &Builder<T>) -> Self {
        if self.core.end.is_open() {
            self.origin = Some(Box::new(builder.clone()));
        }
        self
    }

    /// Continues at the ring that has replaced this one. See [`successor::follow`].
    #[cold]
    #[inline(never)]
    fn follow(&mut self) -> bool {
        successor::follow(self)
    }

    /// Waits until there is a message, which stays in the ring.
    fn wait_for_item(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        loop {
            match self.core.wait_for_item(deadline) {
                Err(PopError::Closed) if self.follow() => {}
                result => return result,
            }
        }
    }

    /// The result of an attempt: a channel that continues elsewhere is not closed, but empty.
    fn unless_followed<R>(&mut self, result: Result<R, PopError>) -> Result<R, PopError> {
        match result {
            Err(PopError::Closed) if self.follow() => Err(PopError::Empty),
            result => result,
        }
    }

    /// Takes every message that is ready now, without waiting.
    pub fn drain(&mut self) -> Drain<'_, T> {
        Drain { consumer: self }
    }

    /// Whether the producer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        Ok(self.core.end.unless_replaced(self.core.end.peer()?))
    }

    /// Kills the process that holds the producer's end, with SIGKILL, and waits until it is gone: for one
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

    /// Sleeps until a producer is attached and alive, or has closed the channel, or the timeout has passed.
    /// Returns its state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when the end is taken.
    pub fn wait_for_peer(&mut self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        let deadline = timeout.map(crate::clock::after);
        loop {
            match self.core.end.wait_for_peer(deadline)? {
                PeerState::Closed if self.follow() => {}
                state => return Ok(state),
            }
        }
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.ring.memory().capacity()
    }

    /// Number of messages popped since the channel was made, by this holder and its predecessors: the
    /// sequence number of the next message.
    #[must_use]
    pub fn popped(&self) -> u64 {
        self.core.ring.position()
    }

    /// Why the iteration over this end stopped, unless the channel was closed.
    #[must_use]
    pub fn last_error(&self) -> Option<&PopError> {
        self.last_error.as_ref()
    }

    /// Ends the stream: the producer learns that nothing more will be popped.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Detaches and leaves the stream to a successor. The same as dropping.
    pub fn detach(self) {}
}

impl<T: Message> Iterator for &mut Consumer<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self.pop() {
            Ok(message) => Some(message),
            Err(PopError::Closed) => None,
            Err(error) => {
                self.last_error = Some(error);
                None
            }
        }
    }
}

impl<T: Message> Follower for Consumer<T> {
    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_receiver().ok()
    }
}

has_core!([T: Message] Consumer<T>, end::Consumer<Mapped<T>, Segment, Kernel>, core);

impl<T: Message> Drop for Consumer<T> {
    fn drop(&mut self) {
        let has_item = self.core.end.is_ours() && self.core.ring.has_item();
        pair::leave_consumer(&mut self.core.end, self.ending, has_item);
    }
}

/// An iterator over the messages that are ready, from [`Consumer::drain`].
#[derive(Debug)]
pub struct Drain<'a, T: Message> {
    consumer: &'a mut Consumer<T>,
}

impl<T: Message> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.consumer.try_pop().ok()
    }
}
