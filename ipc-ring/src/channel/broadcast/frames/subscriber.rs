//! The reading end of a channel of frames.

use std::time::{Duration, Instant};

use super::{Frames, Subscriber};
use crate::channel::broadcast::end::End;
use crate::channel::broadcast::subscriber::missed_or;
use crate::channel::broadcast::{Counters, Missed, Mode, PopError, Position};
use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Parts};
use crate::channel::pair::Ending;
use crate::channel::receiver::{Drain, Receiver};
use crate::channel::seats::Segment;
use crate::end::broadcast::frames::{self as end, Place};
use crate::ring::broadcast::Front;
use crate::ring::broadcast::frames::{self as ring, Mapped};

/// The reading end without what is common to all kinds.
pub(super) type Receiving = end::Subscriber<Mapped, Front, Segment, Kernel>;

impl Subscriber {
    pub(super) fn new(ring: ring::Subscriber<Mapped>, end: End) -> Self {
        Receiver::of(end::Subscriber { ring, end })
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
    #[doc(alias = "receive")]
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

    /// As [`pop_into`](Self::pop_into), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop_into`](Self::pop_into).
    pub fn pop_into_timeout(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize, PopError> {
        self.pop_into_deadline(out, crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), replacing the contents of `out`; returns the frame's length.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_vec(&mut self, out: &mut Vec<u8>) -> Result<usize, PopError> {
        self.pop_to(out, None)
    }

    /// As [`pop_vec`](Self::pop_vec), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_vec_deadline(&mut self, out: &mut Vec<u8>, deadline: Instant) -> Result<usize, PopError> {
        self.pop_to(out, Some(deadline))
    }

    /// As [`pop_vec`](Self::pop_vec), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_vec_timeout(&mut self, out: &mut Vec<u8>, timeout: Duration) -> Result<usize, PopError> {
        self.pop_vec_deadline(out, crate::clock::after(timeout))
    }

    #[inline(always)]
    fn pop_to<P: Place>(&mut self, mut place: P, deadline: Option<Instant>) -> Result<usize, PopError> {
        loop {
            let popped = self.core.pop(&mut place, deadline);
            if !self.is_followed(&popped) {
                return popped;
            }
        }
    }

    #[inline(always)]
    fn try_pop_to<P: Place>(&mut self, place: &mut P) -> Result<usize, PopError> {
        let popped = self.core.try_pop(place);
        self.unless_followed(popped)
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

    /// The longest frame the channel takes, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.core.ring.longest()
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
}

impl Iterator for &mut Subscriber {
    type Item = Result<Vec<u8>, Missed>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Missed>> {
        let popped = missed_or(self.pop());
        self.or_end(popped)
    }
}

impl Iterator for Drain<'_, Frames> {
    type Item = Result<Vec<u8>, Missed>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Missed>> {
        missed_or(self.receiver.try_pop()).ok()
    }
}

impl Parts for Frames {
    type Sending = super::publisher::Sending;
    type Receiving = Receiving;
    type Counters = Counters;
    fn may_continue(error: &PopError) -> bool {
        matches!(error, PopError::Closed | PopError::PeerGone(_))
    }
}

impl Core for Receiving {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        Counters::read_frames(&self.end.front)
    }

    fn capacity(&self) -> u64 {
        self.end.front.capacity()
    }

    fn leave(&mut self, _ending: Ending) {
        self.end.leave_by(|| self.ring.take_seat());
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
