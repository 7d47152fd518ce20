//! Frames that consist of several pieces.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use super::Publisher;
use crate::error::PushError;

impl Publisher {
    /// Publishes one frame that consists of several pieces, if there is room; a lossy channel always has
    /// room.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push).
    pub fn try_push_vectored(&mut self, pieces: &[IoSlice<'_>]) -> Result<(), PushError<()>> {
        self.core.try_publish_vectored(pieces)
    }

    /// Publishes one frame that consists of several pieces, in a gated channel waiting for room.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// # Blocking
    /// As [`push`](Self::push).
    pub fn push_vectored(&mut self, pieces: &[IoSlice<'_>]) -> Result<(), PushError<()>> {
        self.core.publish_vectored(pieces, None)
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
        self.core.publish_vectored(pieces, Some(deadline))
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
}
