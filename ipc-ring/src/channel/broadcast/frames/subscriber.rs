//! The reading end of a channel of frames.

use std::time::{Duration, Instant};

use super::Builder;
use crate::channel::broadcast::end::End;
use crate::channel::broadcast::{Counters, Missed, Mode, PopError, Position};
use crate::channel::kernel::Kernel;
use crate::channel::seated::has_core;
use crate::channel::seats::Segment;
use crate::channel::successor::{self, Follower};
use crate::end::broadcast::frames::{self as end, Place};
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::ring::broadcast::Front;
use crate::ring::broadcast::frames::{self as ring, Mapped};

/// A reading end: one of many, each in one thread at a time. Dropping it gives its seat back.
///
/// As an iterator over itself (`for frame in &mut subscriber`) it waits for each frame, reports those missed
/// in between, and ends when the channel is closed, or on an error; [`last_error`](Self::last_error) shows
/// which.
#[derive(Debug)]
#[doc(alias = "Consumer")]
pub struct Subscriber {
    core: end::Subscriber<Mapped, Front, Segment, Kernel>,
    last_error: Option<PopError>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder>>,
}

impl Subscriber {
    crate::interrupter::interruptible!(core.end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes a seat, to start with
    /// the oldest frame that can be found.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, or the kernel refused.
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

    pub(super) fn new(ring: ring::Subscriber<Mapped>, end: End) -> Self {
        Self { core: end::Subscriber { ring, end }, last_error: None, origin: None }
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn of(mut self, builder: &Builder) -> Self {
        if self.core.end.place.is_open() {
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
    /// [`PopError::Empty`]; [`PopError::Missed`]; [`PopError::BufferTooSmall`], and the frame stays;
    /// [`PopError::Closed`] when there is nothing and never will be; [`PopError::PeerGone`] when there is
    /// nothing and the publisher has detached; [`PopError::Corrupt`]. The contents of `out` are then
    /// unspecified.
    ///
    /// # Blocking
    /// Never. One system call when the publisher of a gated channel sleeps, to wake it.
    #[inline]
    pub fn try_pop_into(&mut self, mut out: &mut [u8]) -> Result<usize, PopError> {
        self.try_pop_to(&mut out)
    }

    /// Pops the next frame, if there is one, replacing the contents of `out`; returns its length.
    ///
    /// # Errors
    /// As [`try_pop_into`](Self::try_pop_into), except for the buffer's size.
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
    /// [`PopError::Missed`]; [`PopError::Closed`]; [`PopError::PeerGone`] when everything published has been
    /// read and the publisher has detached or died; [`PopError::Corrupt`]; [`PopError::System`]. A publisher
    /// that has never attached is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn pop(&mut self) -> Result<Vec<u8>, PopError> {
        let mut out = Vec::new();
        self.pop_to(&mut out, None)?;
        Ok(out)
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<Vec<u8>, PopError> {
        let mut out = Vec::new();
        self.pop_to(&mut out, Some(deadline))?;
        Ok(out)
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), into the front of `out`; returns the frame's length.
    ///
    /// # Errors
    /// [`PopError::BufferTooSmall`], and the frame stays; as [`pop`](Self::pop).
    #[inline]
    pub fn pop_into(&mut self, out: &mut [u8]) -> Result<usize, PopError> {
        self.pop_to(out, None)
    }

    /// As [`pop_into`](Self::pop_into), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop_into`](Self::pop_into).
    pub fn pop_into_deadline(&mut self, out: &mut [u8], deadline: Instant) -> Result<usize, PopError> {
        self.pop_to(out, Some(deadline))
    }

    /// As [`pop`](Self::pop), replacing the contents of `out`; returns the frame's length.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_vec(&mut self, out: &mut Vec<u8>) -> Result<usize, PopError> {
        self.pop_to(out, None)
    }

    #[inline(always)]
    fn pop_to<P: Place>(&mut self, mut place: P, deadline: Option<Instant>) -> Result<usize, PopError> {
        loop {
            match self.core.pop(&mut place, deadline) {
                Err(PopError::Closed | PopError::PeerGone(_)) if self.follow() => {}
                result => return result,
            }
        }
    }

    #[inline(always)]
    fn try_pop_to<P: Place>(&mut self, place: &mut P) -> Result<usize, PopError> {
        let popped = self.core.try_pop(place);
        self.unless_followed(popped)
    }

    /// The result of an attempt: a channel that continues elsewhere has not ended, but is empty.
    #[inline(always)]
    fn unless_followed<R>(&mut self, result: Result<R, PopError>) -> Result<R, PopError> {
        match result {
            Err(PopError::Closed | PopError::PeerGone(_)) if self.follow() => Err(PopError::Empty),
            result => result,
        }
    }

    /// Lends the next frame of a gated channel in place. [`View::release`] pops it; dropping the view leaves
    /// it.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    ///
    /// # Panics
    /// In a lossy channel, whose publisher may write there at any time.
    pub fn try_view(&mut self) -> Result<View<'_>, PopError> {
        let ready = self.core.before_view();
        match self.unless_followed(ready) {
            Ok(()) | Err(PopError::Empty) => {}
            Err(error) => return Err(error),
        }
        let end::Subscriber { ring, end } = &mut self.core;
        ring.try_view().map(|view| View { view, end }).map_err(|_| PopError::Empty)
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more.
    #[doc(alias = "peer")]
    pub fn publisher(&self) -> Result<PeerState, ipc_core::Error> {
        self.core.end.publisher()
    }

    /// The longest frame the channel takes, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.core.ring.longest()
    }

    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.end.front.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.core.end.front.mode()
    }

    /// The sequence number of the next frame, which is the number of frames published before it. That of the
    /// frame popped last is one less.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.core.ring.sequence()
    }

    /// The position of this subscriber, to be saved and started from later: see
    /// [`Start::Saved`](crate::broadcast::Start::Saved).
    #[must_use]
    pub fn position(&self) -> Position {
        let generation = self.core.end.generation();
        Position { generation, sequence: self.sequence(), offset: self.core.ring.position() }
    }

    /// Number of published frames still to be read, or already overwritten. Racy.
    #[must_use]
    #[doc(alias = "len")]
    pub fn behind(&self) -> u64 {
        self.core.ring.behind()
    }

    /// Why the iteration over this end stopped, unless the channel was closed.
    #[must_use]
    pub fn last_error(&self) -> Option<&PopError> {
        self.last_error.as_ref()
    }

    /// What the ends have counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::read_frames(&self.core.end.front)
    }

    /// Gives the seat back. The same as dropping.
    pub fn detach(self) {}
}

impl Iterator for &mut Subscriber {
    type Item = Result<Vec<u8>, Missed>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Missed>> {
        match self.pop() {
            Ok(frame) => Some(Ok(frame)),
            Err(PopError::Missed(missed)) => Some(Err(missed)),
            Err(PopError::Closed) => None,
            Err(error) => {
                self.last_error = Some(error);
                None
            }
        }
    }
}

impl Follower for Subscriber {
    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_receiver().ok()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if self.core.end.place.is_ours()
            && let Some(seat) = self.core.ring.take_seat()
        {
            self.core.end.leave(Some(seat));
        }
    }
}

/// The next frame in place, from [`Subscriber::try_view`]. Dropping it leaves the frame to be popped.
#[derive(Debug)]
pub struct View<'a> {
    view: ring::View<'a, Mapped>,
    end: &'a mut End,
}

impl View<'_> {
    /// Bytes of the frame.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether it is an empty frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// The frame's sequence number.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.view.sequence()
    }

    /// A pointer to the frame's bytes: [`len`](Self::len) of them, readable, aligned to 8, valid until the
    /// view is released or dropped. A publisher that keeps to the protocol does not write them meanwhile; one
    /// that violates it may, so bytes that were checked in place must not be read again.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.view.memory().address(self.view.index(), self.view.len()).as_ptr()
    }

    /// Copies bytes out, from an offset in the frame.
    ///
    /// # Panics
    /// When the range exceeds the frame.
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
    pub fn release(self) {
        if !self.end.place.is_ours() {
            return;
        }
        if self.view.release() {
            self.end.wake_publisher();
        }
    }
}

has_core!([] Subscriber, end::Subscriber<Mapped, Front, Segment, Kernel>, core);
