//! Frames that consist of several pieces.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use super::Producer;
use crate::error::PushError;

impl Producer {
    /// Pushes one frame that consists of several pieces, if there is room.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push).
    pub fn try_push_vectored(&mut self, pieces: &[IoSlice<'_>]) -> Result<(), PushError<()>> {
        self.core.end.ours()?;
        let pushed = self.core.ring.try_push_vectored(pieces);
        self.settle_one(pushed, total(pieces))
    }

    /// Pushes one frame that consists of several pieces, waiting for room.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_vectored(&mut self, pieces: &[IoSlice<'_>]) -> Result<(), PushError<()>> {
        self.push_vectored_until(pieces, None)
    }

    /// As [`push_vectored`](Self::push_vectored), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_vectored_deadline(
        &mut self,
        pieces: &[IoSlice<'_>],
        deadline: Instant,
    ) -> Result<(), PushError<()>> {
        self.push_vectored_until(pieces, Some(deadline))
    }

    /// As [`push_vectored`](Self::push_vectored), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_vectored_timeout(
        &mut self,
        pieces: &[IoSlice<'_>],
        timeout: Duration,
    ) -> Result<(), PushError<()>> {
        self.push_vectored_deadline(pieces, crate::clock::after(timeout))
    }

    fn push_vectored_until(
        &mut self,
        pieces: &[IoSlice<'_>],
        deadline: Option<Instant>,
    ) -> Result<(), PushError<()>> {
        self.core.end.ours()?;
        let first = self.core.ring.try_push_vectored(pieces);
        self.push_slowly(first, total(pieces), deadline, |ring| ring.try_push_vectored(pieces))
    }
}

fn total(pieces: &[IoSlice<'_>]) -> usize {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.len()))
}
