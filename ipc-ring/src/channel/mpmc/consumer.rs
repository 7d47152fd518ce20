//! The consuming end of a channel.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::builder::Builder;
use super::end::{End, Role};
use crate::channel::kernel::Kernel;
use crate::channel::seated::has_core;
use crate::channel::seats::Segment;
use crate::channel::successor::{self, Follower};
use crate::end::mpmc as end;
use crate::error::{AttachError, PopError};
use crate::memory::Of;
use crate::message::Message;
use crate::ring::mpmc::{self as ring, Lent, Mapped, Nothing, Seat, recovery};

mod pop;

/// A consuming end: one of many, each in one thread at a time. Dropping it gives its seat back.
#[derive(Debug)]
pub struct Consumer<T: Message> {
    core: end::Consumer<Mapped<T>, Segment, Kernel>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder<T>>>,
}

impl<T: Message> Consumer<T> {
    crate::interrupter::interruptible!(core.end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes a seat as a consumer.
    ///
    /// # Errors
    /// [`AttachError`].
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

    pub(super) fn new((end, seat): (End<Of<T>>, Seat)) -> Self {
        let ring = ring::Consumer::attach(end.ring.clone(), seat);
        Self { core: end::Consumer::new(ring, end), origin: None }
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

    /// The result of an attempt: a channel that continues elsewhere is not closed, but empty.
    fn unless_followed<R>(&mut self, result: Result<R, PopError>) -> Result<R, PopError> {
        match result {
            Err(PopError::Closed) if self.follow() => Err(PopError::Empty),
            result => result,
        }
    }

    #[cold]
    #[inline(never)]
    fn try_again(&mut self, nothing: Nothing, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        match self.core.try_again(nothing, place) {
            Err(PopError::Closed) if self.follow() => {
                let popped = self.core.try_pop(place);
                self.unless_followed(popped)
            }
            result => result,
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_slowly(
        &mut self,
        nothing: Nothing,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        let mut popped = self.core.pop_slowly(nothing, place, deadline);
        while matches!(popped, Err(PopError::Closed)) && self.follow() {
            popped = self.core.pop(place, deadline);
        }
        popped
    }

    /// Pops as many messages as are ready and fit, in order; returns their number.
    ///
    /// # Errors
    /// When there are none, as [`try_pop`](Self::try_pop).
    pub fn try_pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        let popped = self.core.try_pop_slice(unsafe { crate::copy::as_uninit(out) });
        self.unless_followed(popped)
    }

    /// Gives the next message to `f` and pops it. Wakes other ends before `f`, and only pops after it: by
    /// then the caller has what `f` made. If the process dies in `f`, or `f` panics, the message goes to a
    /// consumer again.
    pub(in crate::channel) fn try_take_with<R>(&mut self, f: impl FnOnce(T) -> R) -> Result<R, PopError> {
        let taken = self.core.try_take_with(|lent| f(lent.read()));
        self.unless_followed(taken)
    }

    /// As [`try_take_with`](Self::try_take_with), waiting for a message.
    pub(in crate::channel) fn take_with<R>(
        &mut self,
        f: impl FnOnce(T) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        let mut f = Some(|lent: &Lent<'_, Mapped<T>>| f(lent.read()));
        loop {
            match self.core.take_with(&mut f, deadline) {
                Err(PopError::Closed) if self.follow() => {}
                result => return result,
            }
        }
    }

    /// Lends the next message to `f` in place, and pops it when `f` returns: delivered at least once. If the
    /// process dies in `f`, or `f` panics, the message goes to a consumer again; [`Lent::attempt`] counts
    /// these failures. After the fifteenth it is given up and counted as a dead letter.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    pub fn try_pop_with<R>(&mut self, f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R) -> Result<R, PopError> {
        let popped = self.core.try_pop_with(f);
        self.unless_followed(popped)
    }

    /// As [`try_pop_with`](Self::try_pop_with), waiting for a message.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn pop_with<R>(&mut self, f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R) -> Result<R, PopError> {
        self.pop_with_until(f, None)
    }

    /// As [`pop_with`](Self::pop_with), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_with_deadline<R>(
        &mut self,
        f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R,
        deadline: Instant,
    ) -> Result<R, PopError> {
        self.pop_with_until(f, Some(deadline))
    }

    fn pop_with_until<R>(
        &mut self,
        f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        let mut f = Some(f);
        loop {
            match self.core.pop_with(&mut f, deadline) {
                Err(PopError::Closed) if self.follow() => {}
                result => return result,
            }
        }
    }

    /// Recovers from dead ends now, instead of when an end waits for one. Does nothing in a forked child that
    /// inherited the end.
    ///
    /// # Blocking
    /// Never; one system call for each end of the channel.
    ///
    /// # Errors
    /// When it is unknown whether some end's process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more. Nothing was taken from that one; the others were recovered.
    pub fn recover(&mut self) -> Result<recovery::Report, ipc_core::Error> {
        self.core.end.recover()
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.end.ring.capacity()
    }

    /// Number of messages waiting. Off by operations in progress.
    #[must_use]
    pub fn len(&self) -> u64 {
        ring::len(&self.core.end.ring)
    }

    /// Whether no message is waiting, according to [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory of the ring, for its counters.
    #[must_use]
    pub fn memory(&self) -> &Mapped<T> {
        &self.core.end.ring
    }

    /// Ends the stream for all producers. What was pushed can still be popped by the other consumers.
    pub fn close(mut self) {
        self.core.end.close_channel();
    }
}

impl<T: Message> Follower for Consumer<T> {
    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_receiver().ok()
    }
}

impl<T: Message> Drop for Consumer<T> {
    fn drop(&mut self) {
        let end::Consumer { ring, end, .. } = &mut self.core;
        end.leave(Role::Consumer, || ring.leave());
    }
}

has_core!([T: Message] Consumer<T>, end::Consumer<Mapped<T>, Segment, Kernel>, core);
