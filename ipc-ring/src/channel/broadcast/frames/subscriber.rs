//! The reading end of a channel of frames.

use std::time::{Duration, Instant};

use super::Builder;
use crate::channel::broadcast::end::End;
use crate::channel::broadcast::waiting::{self, Poll};
use crate::channel::broadcast::{Counters, Missed, Mode, PopError, Position};
use crate::channel::end::PeerState;
use crate::channel::participant::Participant;
use crate::channel::seated::Seated;
use crate::channel::successor::{self, Follower};
use crate::channel::wait_set::News;
use crate::error::AttachError;
use crate::ring::broadcast::Corruption;
use crate::ring::broadcast::frames::{self as ring, Mapped, Pop};
use crate::wait::signal::POISONED;

/// A reading end: one of many, each in one thread at a time. Dropping it gives its seat back.
///
/// As an iterator over itself (`for frame in &mut subscriber`) it waits for each frame, reports those missed
/// in between, and ends when the channel is closed, or on an error; [`last_error`](Self::last_error) shows
/// which.
#[derive(Debug)]
#[doc(alias = "Consumer")]
pub struct Subscriber {
    /// Taken only by `drop`.
    ring: Option<ring::Subscriber<Mapped>>,
    end: End,
    last_error: Option<PopError>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder>>,
}

/// The destination of a popped frame.
trait Place {
    fn pop(&mut self, ring: &mut ring::Subscriber<Mapped>) -> Pop;
}

impl Place for &mut [u8] {
    fn pop(&mut self, ring: &mut ring::Subscriber<Mapped>) -> Pop {
        ring.try_pop_into(self)
    }
}

impl Place for &mut Vec<u8> {
    fn pop(&mut self, ring: &mut ring::Subscriber<Mapped>) -> Pop {
        ring.try_pop_vec(self)
    }
}

/// A pop that waits.
struct Popping<'a, P> {
    subscriber: &'a mut Subscriber,
    place: P,
}

impl<P: Place> Poll for Popping<'_, P> {
    type Item = usize;

    fn poll(&mut self) -> Result<usize, PopError> {
        self.subscriber.try_pop_to(&mut self.place)
    }

    fn has_something(&self) -> bool {
        self.subscriber.look().has_something()
    }

    fn end(&mut self) -> &mut End {
        &mut self.subscriber.end
    }

    fn seat(&self) -> &End {
        &self.subscriber.end
    }
}

impl Subscriber {
    crate::interrupter::interruptible!(end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes a seat, to start with
    /// the oldest frame that can be found.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_subscriber()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_subscriber()
    }

    pub(super) fn new(ring: ring::Subscriber<Mapped>, end: End) -> Self {
        Self { ring: Some(ring), end, last_error: None, origin: None }
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn of(mut self, builder: &Builder) -> Self {
        if self.end.place.is_open() {
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

    #[inline(always)]
    fn ring(&mut self) -> &mut ring::Subscriber<Mapped> {
        self.ring.as_mut().expect("only drop takes it")
    }

    fn look(&self) -> &ring::Subscriber<Mapped> {
        self.ring.as_ref().expect("only drop takes it")
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
        match self.try_pop_to(&mut place) {
            Err(error) if waiting::goes_on(&self.end, &error) => {
                waiting::wait_and_pop(&mut Popping { subscriber: self, place }, deadline)
            }
            result => result,
        }
    }

    #[inline(always)]
    fn try_pop_to<P: Place>(&mut self, place: &mut P) -> Result<usize, PopError> {
        self.end.place.ours()?;
        match place.pop(self.ring()) {
            Pop::Frame { len, look: false } => Ok(len),
            other => self.settle(other, place),
        }
    }

    /// A pop that was not a plain success.
    #[cold]
    #[inline(never)]
    fn settle<P: Place>(&mut self, pop: Pop, place: &mut P) -> Result<usize, PopError> {
        let Pop::Empty { look } = pop else { return self.explain(pop) };
        if look {
            self.end.wake_publisher();
        }
        self.end.place.tell().map_err(PopError::System)?;
        let Some(error) = waiting::ended(self.end.bits(), self.look().position()) else {
            return Err(PopError::Empty);
        };
        // [C1] The bit is seen: everything published before is visible too. Check once more.
        match place.pop(self.ring()) {
            Pop::Empty { .. } if self.follow() => Err(PopError::Empty),
            Pop::Empty { .. } => Err(error),
            other => self.explain(other),
        }
    }

    fn explain(&mut self, pop: Pop) -> Result<usize, PopError> {
        match pop {
            Pop::Frame { len, look } => {
                if look {
                    self.end.wake_publisher();
                }
                Ok(len)
            }
            Pop::TooLong { len } => Err(PopError::BufferTooSmall { needed: len }),
            Pop::Empty { .. } => Err(PopError::Empty),
            Pop::Missed { count } => Err(PopError::Missed(Missed { count })),
            Pop::Corrupt(corruption) => Err(self.poison(corruption)),
        }
    }

    #[cold]
    fn poison(&mut self, corruption: Corruption) -> PopError {
        self.end.raise(POISONED);
        PopError::Corrupt(corruption)
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
        self.end.place.ours()?;
        if let Err(pop) = self.ring().try_view().map(|_| ()) {
            let Pop::Empty { look } = pop else {
                return Err(self.explain(pop).err().unwrap_or(PopError::Empty));
            };
            if look {
                self.end.wake_publisher();
            }
            self.end.place.tell().map_err(PopError::System)?;
            // [C1] As in `settle`: what was published before the end is visible now. Check once more.
            if let Some(error) = waiting::ended(self.end.bits(), self.look().position())
                && !self.look().has_something()
                && !self.follow()
            {
                return Err(error);
            }
        }
        let end = &mut self.end;
        let ring = self.ring.as_mut().expect("only drop takes it");
        ring.try_view().map(|view| View { view, end }).map_err(|_| PopError::Empty)
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more.
    #[doc(alias = "peer")]
    pub fn publisher(&self) -> Result<PeerState, ipc_core::Error> {
        self.end.publisher()
    }

    /// The longest frame the channel takes, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.look().longest()
    }

    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.end.front.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.end.front.mode()
    }

    /// The sequence number of the next frame, which is the number of frames published before it. That of the
    /// frame popped last is one less.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.look().sequence()
    }

    /// The position of this subscriber, to be saved and started from later: see
    /// [`Start::Saved`](crate::broadcast::Start::Saved).
    #[must_use]
    pub fn position(&self) -> Position {
        let generation = self.end.generation();
        Position { generation, sequence: self.sequence(), offset: self.look().position() }
    }

    /// Number of published frames still to be read, or already overwritten. Racy.
    #[must_use]
    #[doc(alias = "len")]
    pub fn behind(&self) -> u64 {
        self.look().behind()
    }

    /// Why the iteration over this end stopped, unless the channel was closed.
    #[must_use]
    pub fn last_error(&self) -> Option<&PopError> {
        self.last_error.as_ref()
    }

    /// What the ends have counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::read_frames(&self.end.front)
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
    type Seat = Participant;

    fn seat(&mut self) -> &mut Participant {
        &mut self.end.place
    }

    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_subscriber().ok()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if let Some(ring) = self.ring.take()
            && self.end.place.is_ours()
        {
            self.end.leave(ring.into_seat());
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

impl Seated for Subscriber {
    type Seat = Participant;

    fn waiter(&self) -> &Participant {
        &self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.look().has_something() { Ok(Some(News::Ready)) } else { self.end.news_of_publisher(probe) }
    }
}
