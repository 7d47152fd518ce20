//! Popping one message, by value or into the caller's variable.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::Consumer;
use crate::apart::apart;
use crate::channel::by_value::pop_by_value;
use crate::error::PopError;
use crate::message::Message;
use crate::ring::mpmc::{Nothing, Taken};

impl<T: Message> Consumer<T> {
    /// Pops the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`], which is exact; [`PopError::Busy`]; [`PopError::Closed`]; [`PopError::Corrupt`].
    ///
    /// # Blocking
    /// Never. One system call when a producer sleeps, to wake it, or when the next message is being written,
    /// to check whether its producer is alive.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        pop_by_value!(self, |nothing, place| self.try_pop_one(nothing, &mut place))
    }

    /// Pops the next message, waiting for it.
    ///
    /// # Errors
    /// [`PopError::Closed`]; [`PopError::PeerGone`] when everything is popped and every producer is gone;
    /// [`PopError::Corrupt`]; [`PopError::System`]. Waits if no producer has ever attached.
    ///
    /// # Blocking
    /// By this end's wait strategy. One that polls waits for a batch of messages of more than 48 bytes, where
    /// that has been useful lately, for a few microseconds at most; for some tens of microseconds if they are
    /// longer than a KiB.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        pop_by_value!(self, |nothing, place| self.pop_one(nothing, &mut place, None))
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<T, PopError> {
        pop_by_value!(self, |nothing, place| self.pop_one(nothing, &mut place, Some(deadline)))
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), into the caller's variable: a large message is then copied only once. An error
    /// leaves the variable unchanged.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[inline]
    pub fn pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, None)
    }

    /// As [`pop_into`](Self::pop_into), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_into_deadline(&mut self, message: &mut T, deadline: Instant) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, Some(deadline))
    }

    /// As [`try_pop`](Self::try_pop), into the caller's variable.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn try_pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.try_pop_to(unsafe { crate::copy::as_uninit_one(message) })
    }

    /// Pops the next message if there is one, and if this end was opened by this process. `Err`: what was
    /// found instead, if known.
    #[inline(always)]
    fn pop_ready(&mut self, place: &mut MaybeUninit<T>) -> Result<(), Option<Nothing>> {
        if self.core.end.place.is_ours() { self.core.pop_next(place).map_err(Some) } else { Err(None) }
    }

    /// The first half of [`pop_ready`](Self::pop_ready), before [`pop_claimed`](Self::pop_claimed).
    #[inline(always)]
    fn claim_ready(&mut self) -> Result<Taken, Option<Nothing>> {
        if self.core.end.place.is_ours() { self.core.claim_next().map_err(Some) } else { Err(None) }
    }

    /// The second half.
    #[inline(never)]
    fn pop_claimed(&mut self, taken: Taken, place: &mut MaybeUninit<T>) {
        self.core.pop_claimed(taken, place);
    }

    /// A pop that was not a plain success.
    #[cold]
    #[inline(never)]
    fn try_pop_one(&mut self, nothing: Option<Nothing>, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        match nothing {
            Some(nothing) => self.try_again(nothing, place),
            None => self.try_pop_to(place),
        }
    }

    /// As [`try_pop_one`](Self::try_pop_one), waiting for a message.
    #[cold]
    #[inline(never)]
    fn pop_one(
        &mut self,
        nothing: Option<Nothing>,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        match nothing {
            Some(nothing) => self.pop_slowly(nothing, place, deadline),
            None => self.pop_to(place, deadline),
        }
    }

    #[inline(always)]
    fn try_pop_to(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.core.end.place.ours()?;
        match self.core.pop_next(place) {
            Ok(()) => Ok(()),
            Err(nothing) => apart(self.try_again(nothing, place)),
        }
    }

    #[inline(always)]
    fn pop_to(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.core.end.place.ours()?;
        match self.core.pop_next(place) {
            Ok(()) => Ok(()),
            Err(nothing) => apart(self.pop_slowly(nothing, place, deadline)),
        }
    }
}
