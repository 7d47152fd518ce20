//! The reading end of a channel.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::builder::Builder;
use super::end::End;
use super::position::Position;
use crate::channel::kernel::Kernel;
use crate::channel::seated::has_core;
use crate::channel::seats::Segment;
use crate::channel::successor::{self, Follower};
use crate::end::broadcast as end;
use crate::end::pair::PeerState;
use crate::error::{AttachError, Missed, PopError};
use crate::message::Message;
use crate::ring::broadcast::{self as ring, Front, Mapped, Mode, Pop};

mod accept;
mod pop;
mod view;

pub use view::View;

/// A reading end: one of many, each in one thread at a time. Dropping it gives its seat back.
///
/// As an iterator over itself (`for message in &mut subscriber`) it waits for each message, reports those
/// missed in between, and ends when the channel is closed, or on an error; [`last_error`](Self::last_error)
/// shows which.
#[derive(Debug)]
#[doc(alias = "Consumer")]
pub struct Subscriber<T: Message> {
    core: end::Subscriber<Mapped<T>, Front, Segment, Kernel>,
    last_error: Option<PopError>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder<T>>>,
}

impl<T: Message> Subscriber<T> {
    crate::interrupter::interruptible!(core.end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes a seat, to start with
    /// the oldest message.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the channel found is of another type, or the kernel refused.
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

    pub(super) fn new(ring: ring::Subscriber<Mapped<T>>, end: End) -> Self {
        Self { core: end::Subscriber { ring, end }, last_error: None, origin: None }
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn of(mut self, builder: &Builder<T>) -> Self {
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

    /// The result of an attempt: a channel that continues elsewhere has not ended, but is empty.
    fn unless_followed<R>(&mut self, result: Result<R, PopError>) -> Result<R, PopError> {
        match result {
            Err(PopError::Closed | PopError::PeerGone(_)) if self.follow() => Err(PopError::Empty),
            result => result,
        }
    }

    /// Pops as many messages as are ready and fit into `out`, from its front; returns their number.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop), when there are none. The contents of `out` are then unspecified.
    pub fn try_pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        let popped = self.core.try_pop_slice(unsafe { crate::copy::as_uninit(out) });
        self.unless_followed(popped)
    }

    /// Waits for a message, then pops it and as many more as are ready and fit into `out`, from its front;
    /// returns their number.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        self.pop_slice_until(out, None)
    }

    /// As [`pop_slice`](Self::pop_slice), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_slice_deadline(&mut self, out: &mut [T], deadline: Instant) -> Result<usize, PopError> {
        self.pop_slice_until(out, Some(deadline))
    }

    fn pop_slice_until(&mut self, out: &mut [T], deadline: Option<Instant>) -> Result<usize, PopError> {
        self.core.end.place.ours()?;
        let Some((first, rest)) = out.split_first_mut() else { return Ok(0) };
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(first) }, deadline)?;
        // SAFETY: as above.
        Ok(1 + self.core.pop_more(unsafe { crate::copy::as_uninit(rest) }))
    }

    /// Lends the next message of a gated channel in place. [`View::release`] pops it; dropping the view
    /// leaves it.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    ///
    /// # Panics
    /// In a lossy channel, whose publisher may write there at any time.
    pub fn try_view(&mut self) -> Result<View<'_, T>, PopError> {
        let ready = self.core.before_view();
        match self.unless_followed(ready) {
            Ok(()) | Err(PopError::Empty) => {}
            Err(error) => return Err(error),
        }
        let end::Subscriber { ring, end } = &mut self.core;
        ring.try_view().map(|view| View::new(view, end)).map_err(|_| PopError::Empty)
    }

    /// A pop that was not a plain success.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, pop: Pop<()>, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        let popped = self.core.settle(pop, place);
        self.unless_followed(popped)
    }

    /// As [`settle`](Self::settle), waiting for a message.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn pop_slowly(
        &mut self,
        pop: Pop<()>,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        let mut popped = self.core.pop_slowly(pop, place, deadline);
        while matches!(popped, Err(PopError::Closed | PopError::PeerGone(_))) && self.follow() {
            popped = self.core.pop(place, deadline);
        }
        popped
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

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.end.front.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.core.end.front.mode()
    }

    /// The sequence number of the next message, which is the number of messages published before it. That of
    /// the message popped last is one less.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.core.ring.position()
    }

    /// The position of this subscriber, to be saved and started from later: see
    /// [`Start::Saved`](super::Start::Saved).
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            generation: self.core.end.generation(),
            sequence: self.sequence(),
            offset: self.sequence(),
        }
    }

    /// Number of published messages still to be read, or already overwritten. Racy.
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
    pub fn counters(&self) -> super::Counters {
        super::Counters::read(&self.core.end.front)
    }

    /// Gives the seat back. The same as dropping.
    pub fn detach(self) {}
}

impl<T: Message> Iterator for &mut Subscriber<T> {
    type Item = Result<T, Missed>;

    fn next(&mut self) -> Option<Result<T, Missed>> {
        match self.pop() {
            Ok(message) => Some(Ok(message)),
            Err(PopError::Missed(missed)) => Some(Err(missed)),
            Err(PopError::Closed) => None,
            Err(error) => {
                self.last_error = Some(error);
                None
            }
        }
    }
}

impl<T: Message> Follower for Subscriber<T> {
    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_receiver().ok()
    }
}

impl<T: Message> Drop for Subscriber<T> {
    fn drop(&mut self) {
        if self.core.end.place.is_ours()
            && let Some(seat) = self.core.ring.take_seat()
        {
            self.core.end.leave(Some(seat));
        }
    }
}

has_core!([T: Message] Subscriber<T>, end::Subscriber<Mapped<T>, Front, Segment, Kernel>, core);
