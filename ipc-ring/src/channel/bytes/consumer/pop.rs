//! Popping one frame into a buffer or a vector.

use std::time::{Duration, Instant};

use super::Consumer;
use crate::apart::apart;
use crate::end::bytes::Place;
use crate::error::PopError;

impl Consumer {
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
    pub fn try_pop_into(&mut self, out: &mut [u8]) -> Result<usize, PopError> {
        self.try_pop_to(out)
    }

    /// As [`try_pop_into`](Self::try_pop_into), replacing the vector's contents. Allocates when its capacity
    /// is too small for the frame, which is never longer than [`longest`](Self::longest).
    ///
    /// # Errors
    /// As [`try_pop_into`](Self::try_pop_into), without [`PopError::BufferTooSmall`].
    #[inline]
    pub fn try_pop_vec(&mut self, out: &mut Vec<u8>) -> Result<usize, PopError> {
        self.try_pop_to(out)
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
    #[doc(alias = "receive")]
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

    /// As [`pop_into`](Self::pop_into), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop_into`](Self::pop_into).
    pub fn pop_into_timeout(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize, PopError> {
        self.pop_into_deadline(out, crate::clock::after(timeout))
    }

    /// As [`pop_vec`](Self::pop_vec), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop_vec`](Self::pop_vec).
    pub fn pop_vec_timeout(&mut self, out: &mut Vec<u8>, timeout: Duration) -> Result<usize, PopError> {
        self.pop_vec_deadline(out, crate::clock::after(timeout))
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

    #[inline(always)]
    fn pop_until(&mut self, mut place: impl Place, deadline: Option<Instant>) -> Result<usize, PopError> {
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
        while self.is_followed(&popped) {
            popped = self.core.pop(&mut place, deadline);
        }
        popped
    }

    #[inline(always)]
    fn try_pop_to(&mut self, mut place: impl Place) -> Result<usize, PopError> {
        match self.core.pop_known(&mut place) {
            Some(len) => Ok(len),
            None => apart(self.settle(place)),
        }
    }

    /// Handles any result of a pop. A channel that continues elsewhere is not closed, but empty. The place is
    /// passed by value, so that the fast path need not keep it in memory.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, mut place: impl Place) -> Result<usize, PopError> {
        self.core.end.ours()?;
        let settled = self.core.settle(&mut place);
        self.unless_followed(settled)
    }
}
