//! Frames that are read where they lie in the ring.

use std::time::{Duration, Instant};

use super::{Consumer, View};
use crate::end::bytes as end;
use crate::error::PopError;

impl Consumer {
    /// Lends the next frame in place. [`View::release`] pops it; dropping the view leaves it.
    ///
    /// # Errors
    /// As [`try_pop_vec`](Self::try_pop_vec).
    #[inline(always)]
    pub fn try_view(&mut self) -> Result<View<'_>, PopError> {
        let looked = self.core.look();
        if !self.is_followed(&looked) {
            looked?;
        }
        let end::Consumer { ring, end, .. } = &mut self.core;
        match ring.try_view() {
            Ok(Ok(view)) => Ok(View { view, end }),
            Ok(Err(signal)) => Err(end::not_viewed(end, Ok(signal))),
            Err(corruption) => Err(end::not_viewed(end, Err(corruption))),
        }
    }

    /// Lends the next frame to `f` in place, and pops it when `f` returns. If `f` panics, or the process dies
    /// in it, the frame stays, and is popped next.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn try_pop_with<R>(&mut self, f: impl FnOnce(&View<'_>) -> R) -> Result<R, PopError> {
        let view = self.try_view()?;
        let result = f(&view);
        view.release();
        Ok(result)
    }

    /// As [`try_pop_with`](Self::try_pop_with), waiting for a frame.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn pop_with<R>(&mut self, f: impl FnOnce(&View<'_>) -> R) -> Result<R, PopError> {
        self.wait_for_frame(None)?;
        self.try_pop_with(f)
    }

    /// As [`pop_with`](Self::pop_with), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_with_deadline<R>(
        &mut self,
        f: impl FnOnce(&View<'_>) -> R,
        deadline: Instant,
    ) -> Result<R, PopError> {
        self.wait_for_frame(Some(deadline))?;
        self.try_pop_with(f)
    }

    /// As [`pop_with`](Self::pop_with), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_with_timeout<R>(
        &mut self,
        f: impl FnOnce(&View<'_>) -> R,
        timeout: Duration,
    ) -> Result<R, PopError> {
        self.pop_with_deadline(f, crate::clock::after(timeout))
    }

    /// Waits until there is a frame, which stays in the ring.
    #[inline(always)]
    fn wait_for_frame(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        if self.core.ring.has_item() { Ok(()) } else { self.wait_for_frame_slowly(deadline) }
    }

    #[cold]
    #[inline(never)]
    fn wait_for_frame_slowly(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        loop {
            let ready = self.core.wait_for_frame(deadline);
            if !self.is_followed(&ready) {
                return ready;
            }
        }
    }
}
