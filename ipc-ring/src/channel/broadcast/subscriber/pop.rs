//! Popping one message, by value or into the caller's variable.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::Subscriber;
use crate::channel::by_value::pop_by_value;
use crate::error::PopError;
use crate::message::Message;
use crate::ring::broadcast::Pop;

impl<T: Message> Subscriber<T> {
    /// Pops the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Missed`]; [`PopError::Closed`] when there is nothing and never will
    /// be; [`PopError::PeerGone`] when there is nothing and the publisher has detached;
    /// [`PopError::Corrupt`]. Only [`pop`](Self::pop) and [`publisher`](Self::publisher) notice that a
    /// publisher died, since the check costs a system call.
    ///
    /// # Blocking
    /// Never. One system call when the publisher of a gated channel sleeps, to wake it.
    #[inline]
    #[doc(alias = "try_receive")]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        pop_by_value!(self, |other, place| self.try_pop_one(other, &mut place))
    }

    /// Pops the next message, waiting for it.
    ///
    /// # Errors
    /// [`PopError::Missed`]; [`PopError::Closed`]; [`PopError::PeerGone`] when everything published has been
    /// read and the publisher has detached or died; [`PopError::Corrupt`]; [`PopError::System`]. A publisher
    /// that has never attached is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    #[doc(alias = "receive")]
    pub fn pop(&mut self) -> Result<T, PopError> {
        pop_by_value!(self, |other, place| self.pop_one(other, &mut place, None))
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<T, PopError> {
        pop_by_value!(self, |other, place| self.pop_one(other, &mut place, Some(deadline)))
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), into the caller's variable: a large message is then copied only once. After an
    /// error the variable holds some message's bytes.
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

    /// As [`try_pop`](Self::try_pop), into the caller's variable. After an error the variable holds some
    /// message's bytes.
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
    fn pop_ready(&mut self, place: &mut MaybeUninit<T>) -> Result<(), Option<Pop<()>>> {
        if !self.core.end.place.is_ours() {
            return Err(None);
        }
        match self.core.ring.try_pop_into(place) {
            Pop::Item { look, .. } => {
                if look {
                    self.look_at_publisher();
                }
                Ok(())
            }
            other => Err(Some(other)),
        }
    }

    /// Whether the next message can be popped by [`pop_claimed`](Self::pop_claimed): in a gated channel. In a
    /// lossy one it is known only after the copy that it was not overwritten.
    #[inline(always)]
    fn claim_ready(&mut self) -> Result<(), Option<Pop<()>>> {
        if self.core.end.place.is_ours() && self.core.ring.knows_next() { Ok(()) } else { Err(None) }
    }

    #[inline(never)]
    fn pop_claimed(&mut self, (): (), place: &mut MaybeUninit<T>) {
        if self.core.ring.pop_gated(place) {
            self.look_at_publisher();
        }
    }

    #[cold]
    #[inline(never)]
    fn look_at_publisher(&mut self) {
        self.core.end.look_at_publisher(true);
    }

    /// A pop that was not a plain success.
    #[cold]
    #[inline(never)]
    fn try_pop_one(&mut self, other: Option<Pop<()>>, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        match other {
            Some(other) => self.settle(other, place),
            None => self.try_pop_to(place),
        }
    }

    /// As [`try_pop_one`](Self::try_pop_one), waiting for a message.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn pop_one(
        &mut self,
        other: Option<Pop<()>>,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        match other {
            Some(other) => self.pop_slowly(other, place, deadline),
            None => self.pop_to(place, deadline),
        }
    }

    #[inline(always)]
    fn try_pop_to(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.core.end.place.ours()?;
        match self.core.ring.try_pop_into(place) {
            Pop::Item { look: false, .. } => Ok(()),
            other => self.settle(other, place),
        }
    }

    #[inline(always)]
    pub(super) fn pop_to(
        &mut self,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        self.core.end.place.ours()?;
        match self.core.ring.try_pop_into(place) {
            Pop::Item { look: false, .. } => Ok(()),
            other => self.pop_slowly(other, place, deadline),
        }
    }
}
