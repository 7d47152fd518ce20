//! The consuming end of a channel.

use std::time::{Duration, Instant};

use super::Reader;
use super::builder::{Attached, Builder};
use super::drain::Drain;
use crate::channel::end::Segment;
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::seated::{Seat as _, has_core};
use crate::channel::successor::{self, Follower};
use crate::end::bytes as end;
use crate::end::pair::PeerState;
use crate::error::{AttachError, PopError};
use crate::ring::bytes::{self as ring, Mapped};

mod pop;
mod view;

pub use view::View;

/// The consuming end: one holder at a time, in one thread at a time.
///
/// Dropping it detaches: the channel stays, and another consumer may continue. [`close`](Self::close) ends
/// the stream: the producer learns that its frames will not be popped.
///
/// As an iterator over itself (`for frame in &mut consumer`) it waits for each frame, returns it as a vector,
/// and ends when the channel is closed, or on an error; [`last_error`](Self::last_error) shows which.
#[derive(Debug)]
pub struct Consumer {
    core: end::Consumer<Mapped, Segment, Kernel>,
    ending: Ending,
    last_error: Option<PopError>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder>>,
}

impl Consumer {
    crate::interrupter::interruptible!(core.end);
    crate::interrupter::shares_interrupts!(core.end);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes the consuming end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the ring found is of another kind, or the kernel refused.
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

    pub(in crate::channel) fn new(attached: Attached) -> Result<Self, AttachError> {
        let Attached { ring, mut end } = attached;
        match ring::Consumer::attach(ring) {
            Ok(ring) => Ok(Self {
                core: end::Consumer::new(ring, end),
                ending: Ending::Detach,
                last_error: None,
                origin: None,
            }),
            Err(corruption) => {
                end.give_up(false);
                Err(corruption.into())
            }
        }
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn of(mut self, builder: &Builder) -> Self {
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

    /// Lends the next frame in place. [`View::release`] pops it; dropping the view leaves it.
    ///
    /// # Errors
    /// As [`try_pop_vec`](Self::try_pop_vec).
    #[inline(always)]
    pub fn try_view(&mut self) -> Result<View<'_>, PopError> {
        match self.core.look() {
            Err(PopError::Closed) if self.follow() => {}
            looked => looked?,
        }
        let end::Consumer { ring, end, .. } = &mut self.core;
        match ring.try_view() {
            Ok(Ok(view)) => Ok(View { view, end }),
            Ok(Err(signal)) => Err(end::not_viewed(end, Ok(signal))),
            Err(corruption) => Err(end::not_viewed(end, Err(corruption))),
        }
    }

    /// Whether there is a frame, by a check that changes nothing.
    pub(super) fn has_frame(&self) -> bool {
        self.core.ring.has_item()
    }

    /// Takes every frame that is ready now, without waiting.
    pub fn drain(&mut self) -> Drain<'_> {
        Drain::of(self)
    }

    /// Reads the frames as one stream of bytes, without their boundaries.
    #[must_use]
    pub fn into_reader(self) -> Reader {
        Reader::new(self)
    }

    /// The longest frame that this channel takes, in bytes: a buffer of this size is never too small.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.core.ring.longest()
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

    /// Waits until the producer is attached, or has closed the channel, or the timeout has passed; returns
    /// its state then.
    ///
    /// # Errors
    /// When the semaphores were removed.
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

    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.ring.memory().capacity()
    }

    /// Number of frames popped since the channel was made, by this holder and its predecessors; one short for
    /// each of those that was killed between popping a frame and counting it.
    #[must_use]
    pub fn popped(&self) -> u64 {
        self.core.ring.frames()
    }

    /// Where the next frame begins, or the padding before it: bytes since the channel was made. Exact, even
    /// after deaths, and larger for each frame than for the one before.
    #[must_use]
    pub fn position(&self) -> u64 {
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

impl Iterator for &mut Consumer {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        match self.pop() {
            Ok(frame) => Some(frame),
            Err(PopError::Closed) => None,
            Err(error) => {
                self.last_error = Some(error);
                None
            }
        }
    }
}

impl Follower for Consumer {
    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_receiver().ok()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let has_item = self.core.end.is_ours() && self.core.ring.has_item();
        pair::leave_consumer(&mut self.core.end, self.ending, has_item);
    }
}

has_core!([] Consumer, end::Consumer<Mapped, Segment, Kernel>, core);
