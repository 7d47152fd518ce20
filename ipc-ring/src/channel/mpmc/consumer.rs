//! The consuming end of a channel.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::end::{End, Role};
use super::producer::counters;
use super::{Consumer, Mpmc};
use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Elements, Parts, Pop};
use crate::channel::pair::Ending;
use crate::channel::receiver::{Lends, Receiver};
use crate::channel::seats::Segment;
use crate::end::mpmc as end;
use crate::error::PopError;
use crate::memory::Of;
use crate::message::Message;
use crate::ring::mpmc::{self as ring, Counters, Lent, Mapped, Nothing, Seat, Taken, recovery};

/// The consuming end without what is common to all kinds.
pub(super) type Receiving<T> = end::Consumer<Mapped<T>, Segment, Kernel>;

impl<T: Message> Parts for Mpmc<T> {
    type Sending = super::producer::Sending<T>;
    type Receiving = Receiving<T>;
    type Counters = Counters;
}

impl<T: Message> Elements for Mpmc<T> {
    type Item = T;
    type Yield = T;

    #[inline]
    fn yields(popped: Result<T, PopError>) -> Result<T, PopError> {
        popped
    }
}

impl<T: Message> Core for Receiving<T> {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        counters::<T>(&self.end.place, self.capacity())
    }

    fn capacity(&self) -> u64 {
        self.end.ring.capacity()
    }

    fn leave(&mut self, ending: Ending) {
        let Self { ring, end, .. } = self;
        end.leave(Role::Consumer, ending, || ring.leave());
    }
}

impl<T: Message> Consumer<T> {
    pub(super) fn new((end, seat): (End<Of<T>>, Seat)) -> Self {
        let ring = ring::Consumer::attach(end.ring.clone(), seat);
        Receiver::of(end::Consumer::new(ring, end))
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
            let taken = self.core.take_with(&mut f, deadline);
            if !self.is_followed(&taken) {
                return taken;
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
    pub fn close(self) {
        self.end_with_close();
    }
}

impl<T: Message> Lends for Mpmc<T> {
    type Lent<'a> = Lent<'a, Mapped<T>>;

    fn try_lend<R>(
        consumer: &mut Consumer<T>,
        f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R,
    ) -> Result<R, PopError> {
        let popped = consumer.core.try_pop_with(f);
        consumer.unless_followed(popped)
    }

    fn lend<R>(
        consumer: &mut Consumer<T>,
        f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        let mut f = Some(f);
        loop {
            let popped = consumer.core.pop_with(&mut f, deadline);
            if !consumer.is_followed(&popped) {
                return popped;
            }
        }
    }
}

// SAFETY: the ring copies the whole message that it has claimed, then says that it has popped it, and copies
// nothing else: `pop_next`, `pop_claimed`, which always does, and `pop_slice_after` for as many places as it
// counts. All steps return `Ok` after one of these alone.
unsafe impl<T: Message> Pop<T> for Receiving<T> {
    type Found = Option<Nothing>;
    type Claimed = Taken;
    type Nothing = Nothing;

    #[inline(always)]
    fn take_known(&mut self, place: &mut MaybeUninit<T>) -> Result<(), Option<Nothing>> {
        self.take_ready(place)
    }

    #[inline(always)]
    fn take_ready(&mut self, place: &mut MaybeUninit<T>) -> Result<(), Option<Nothing>> {
        if self.end.place.is_ours() { self.pop_next(place).map_err(Some) } else { Err(None) }
    }

    #[inline(always)]
    fn claim_ready(&mut self) -> Result<Taken, Option<Nothing>> {
        if self.end.place.is_ours() { self.claim_next().map_err(Some) } else { Err(None) }
    }

    #[inline(never)]
    fn take_claimed(&mut self, taken: Taken, place: &mut MaybeUninit<T>) {
        self.pop_claimed(taken, place);
    }

    #[inline(always)]
    fn take_next(
        &mut self,
        found: Option<Nothing>,
        _place: &mut MaybeUninit<T>,
    ) -> Result<(), Option<Nothing>> {
        Err(found)
    }

    #[inline(always)]
    fn try_take_on(&mut self, nothing: Nothing, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.try_again(nothing, place)
    }

    #[inline(always)]
    fn take_on(
        &mut self,
        nothing: Nothing,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        self.pop_slowly(nothing, place, deadline)
    }

    fn try_take(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.try_pop(place)
    }

    fn take(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.pop(place, deadline)
    }

    fn try_take_slice(&mut self, places: &mut [MaybeUninit<T>]) -> Result<usize, PopError> {
        self.try_pop_slice(places)
    }

    fn take_slice(
        &mut self,
        places: &mut [MaybeUninit<T>],
        deadline: Option<Instant>,
    ) -> Result<usize, PopError> {
        self.pop_slice(places, deadline)
    }
}
