//! Reading messages where they lie in the ring, each form once for all kinds.

use std::time::{Duration, Instant};

use super::Receiver;
use crate::channel::kind::Kind;
use crate::error::PopError;

/// The kinds of channels whose messages are lent in place, and popped when the borrower is done:
/// [`Spsc`](crate::spsc::Spsc), [`Bytes`](crate::bytes::Bytes), [`Mpmc`](crate::mpmc::Mpmc).
pub trait Lends: Kind {
    /// A message in place.
    type Lent<'a>;

    /// Lends the next message to `f`, and pops it when `f` returns.
    ///
    /// # Errors
    /// As [`Receiver::try_pop_with`].
    #[doc(hidden)]
    fn try_lend<R>(
        receiver: &mut Receiver<Self>,
        f: impl FnOnce(&Self::Lent<'_>) -> R,
    ) -> Result<R, PopError>;
    /// As [`try_lend`](Self::try_lend), waiting for a message.
    ///
    /// # Errors
    /// As [`Receiver::pop_with_deadline`].
    #[doc(hidden)]
    fn lend<R>(
        receiver: &mut Receiver<Self>,
        f: impl FnOnce(&Self::Lent<'_>) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError>;
}

/// Reading in place.
impl<K: Lends> Receiver<K> {
    /// Lends the next message to `f` in place, and pops it when `f` returns. If `f` panics, or the process
    /// dies in it, the message stays, and is popped next.
    ///
    /// In a channel with many consumers it goes to a consumer again, so that it is delivered at least once;
    /// [`Lent::attempt`](crate::mpmc::Lent::attempt) counts these failures. After the fifteenth it is given
    /// up and counted as a dead letter.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn try_pop_with<R>(&mut self, f: impl FnOnce(&K::Lent<'_>) -> R) -> Result<R, PopError> {
        K::try_lend(self, f)
    }

    /// As [`try_pop_with`](Self::try_pop_with), waiting for a message.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn pop_with<R>(&mut self, f: impl FnOnce(&K::Lent<'_>) -> R) -> Result<R, PopError> {
        K::lend(self, f, None)
    }

    /// As [`pop_with`](Self::pop_with), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_with_deadline<R>(
        &mut self,
        f: impl FnOnce(&K::Lent<'_>) -> R,
        deadline: Instant,
    ) -> Result<R, PopError> {
        K::lend(self, f, Some(deadline))
    }

    /// As [`pop_with`](Self::pop_with), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_with_timeout<R>(
        &mut self,
        f: impl FnOnce(&K::Lent<'_>) -> R,
        timeout: Duration,
    ) -> Result<R, PopError> {
        self.pop_with_deadline(f, crate::clock::after(timeout))
    }
}
