//! The consuming end of a channel.

use std::time::{Duration, Instant};

use super::Reader;
use super::builder::{Attached, Builder};
use super::drain::Drain;
use crate::apart::apart;
use crate::channel::end::{End, PeerState, Segment};
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::seated::Seated;
use crate::channel::successor::{self, Followed as _, Follower};
use crate::channel::wait_set::News;
use crate::end::bytes::{self as end, Place};
use crate::error::{AttachError, PopError};
use crate::ring::bytes::{self as ring, Mapped};

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
        Builder::new(name).create_consumer()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_consumer()
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

    /// Pops the next frame into the front of `out`, if there is one; returns its length.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::BufferTooSmall`], which leaves the frame in the ring;
    /// [`PopError::Closed`] when there is nothing and never will be; [`PopError::PeerGone`] when there is
    /// nothing and the producer has detached; [`PopError::Corrupt`]. Only the forms that wait and
    /// [`peer`](Self::peer) notice that a producer died, since the check costs a system call.
    ///
    /// # Blocking
    /// Never. One system call when the producer sleeps, to wake it.
    #[inline]
    pub fn try_pop_into(&mut self, mut out: &mut [u8]) -> Result<usize, PopError> {
        self.try_pop_to(&mut out)
    }

    /// As [`try_pop_into`](Self::try_pop_into), replacing the vector's contents. Allocates when its capacity
    /// is too small for the frame, which is never longer than [`longest`](Self::longest).
    ///
    /// # Errors
    /// As [`try_pop_into`](Self::try_pop_into), without [`PopError::BufferTooSmall`].
    #[inline]
    pub fn try_pop_vec(&mut self, mut out: &mut Vec<u8>) -> Result<usize, PopError> {
        self.try_pop_to(&mut out)
    }

    /// Pops the next frame, if there is one, into a new vector.
    ///
    /// # Errors
    /// As [`try_pop_vec`](Self::try_pop_vec).
    pub fn try_pop(&mut self) -> Result<Vec<u8>, PopError> {
        let mut out = Vec::new();
        self.try_pop_vec(&mut out)?;
        Ok(out)
    }

    /// Pops the next frame into a new vector, waiting for it.
    ///
    /// # Errors
    /// As [`pop_into`](Self::pop_into), without [`PopError::BufferTooSmall`].
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn pop(&mut self) -> Result<Vec<u8>, PopError> {
        let mut out = Vec::new();
        self.pop_vec(&mut out)?;
        Ok(out)
    }

    /// Pops the next frame into the front of `out`, waiting for it; returns its length.
    ///
    /// # Errors
    /// [`PopError::BufferTooSmall`], which leaves the frame in the ring; [`PopError::Closed`];
    /// [`PopError::PeerGone`] when everything pushed has been popped and the producer has detached or died;
    /// [`PopError::Corrupt`]; [`PopError::System`]. A producer that has never attached is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn pop_into(&mut self, out: &mut [u8]) -> Result<usize, PopError> {
        self.pop_until(out, None)
    }

    /// As [`pop_into`](Self::pop_into), replacing the vector's contents.
    ///
    /// # Errors
    /// As [`pop_into`](Self::pop_into), without [`PopError::BufferTooSmall`].
    #[inline]
    pub fn pop_vec(&mut self, out: &mut Vec<u8>) -> Result<usize, PopError> {
        self.pop_until(out, None)
    }

    /// As [`pop_into`](Self::pop_into), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop_into`](Self::pop_into).
    #[inline]
    pub fn pop_into_deadline(&mut self, out: &mut [u8], deadline: Instant) -> Result<usize, PopError> {
        self.pop_until(out, Some(deadline))
    }

    /// As [`pop_vec`](Self::pop_vec), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop_vec`](Self::pop_vec).
    #[inline]
    pub fn pop_vec_deadline(&mut self, out: &mut Vec<u8>, deadline: Instant) -> Result<usize, PopError> {
        self.pop_until(out, Some(deadline))
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<Vec<u8>, PopError> {
        let mut out = Vec::new();
        self.pop_vec_deadline(&mut out, deadline)?;
        Ok(out)
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
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

    #[inline(always)]
    fn pop_until(&mut self, mut place: impl Place, deadline: Option<Instant>) -> Result<usize, PopError> {
        self.core.end.ours()?;
        match self.core.pop_known(&mut place) {
            Some(len) => Ok(len),
            None => apart(self.pop_slowly(place, deadline)),
        }
    }

    /// A pop that was not a plain success, or was not tried yet.
    #[cold]
    #[inline(never)]
    fn pop_slowly(&mut self, mut place: impl Place, deadline: Option<Instant>) -> Result<usize, PopError> {
        let mut popped = self.core.pop_slowly(&mut place, deadline);
        while matches!(popped, Err(PopError::Closed)) && self.follow() {
            popped = self.core.pop(&mut place, deadline);
        }
        popped
    }

    #[inline(always)]
    fn try_pop_to(&mut self, place: &mut impl Place) -> Result<usize, PopError> {
        self.core.end.ours()?;
        match self.core.pop_known(place) {
            Some(len) => Ok(len),
            None => apart(self.settle(place)),
        }
    }

    /// Handles any result of a pop. A channel that continues elsewhere is not closed, but empty.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, place: &mut impl Place) -> Result<usize, PopError> {
        match self.core.settle(place) {
            Err(PopError::Closed) if self.follow() => Err(PopError::Empty),
            result => result,
        }
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
    pub fn wait_for_producer(&mut self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
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
    type Seat = End;

    fn seat(&mut self) -> &mut End {
        &mut self.core.end
    }

    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_consumer().ok()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let has_item = self.core.end.is_ours() && self.core.ring.has_item();
        pair::leave_consumer(&mut self.core.end, self.ending, has_item);
    }
}

/// The next frame in place, from [`Consumer::try_view`]. Dropping it leaves the frame to be popped.
#[derive(Debug)]
pub struct View<'a> {
    view: ring::View<'a, Mapped>,
    end: &'a mut End,
}

impl View<'_> {
    /// Bytes of the frame.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether it is an empty frame.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// Where the frame's header lies: bytes since the channel was made.
    #[must_use]
    #[inline]
    pub fn position(&self) -> u64 {
        self.view.position()
    }

    /// A pointer to the frame's bytes: [`len`](Self::len) of them, readable, aligned to 8, valid until the
    /// view is released or dropped. A producer that keeps to the protocol does not write them meanwhile; one
    /// that violates it may, so bytes that were checked in place must not be read again.
    #[must_use]
    #[inline]
    pub fn as_ptr(&self) -> *const u8 {
        self.view.memory().address(self.view.index(), self.view.len()).as_ptr()
    }

    /// Copies bytes out, from an offset in the frame.
    ///
    /// # Panics
    /// When the range exceeds the frame.
    #[inline]
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        self.view.read(offset, out);
    }

    /// Copies the frame out and leaves it in the ring.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = vec![0; self.len()];
        self.read(0, &mut out);
        out
    }

    /// Pops the frame; not in a forked child that inherited the view.
    #[inline]
    pub fn release(self) {
        if !self.end.is_ours() {
            return;
        }
        let signal = self.view.release();
        if signal != 0 {
            self.end.wake_peer_if(signal);
        }
    }
}

impl Seated for Consumer {
    type Seat = End;

    fn waiter(&self) -> &End {
        &self.core.end
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.core.ring.has_item() { Ok(Some(News::Ready)) } else { self.core.end.news(probe) }
    }

    fn begin_wait(&mut self, _is_worth_it: bool) {
        self.core.let_gather();
    }
}
