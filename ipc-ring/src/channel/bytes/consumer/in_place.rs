//! Frames that are read where they lie in the ring.

use std::time::Instant;

use super::{Bytes, Consumer, View};
use crate::channel::receiver::Lends;
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

impl Lends for Bytes {
    type Lent<'a> = View<'a>;

    #[inline]
    fn try_lend<R>(consumer: &mut Consumer, f: impl FnOnce(&View<'_>) -> R) -> Result<R, PopError> {
        let view = consumer.try_view()?;
        let result = f(&view);
        view.release();
        Ok(result)
    }

    #[inline]
    fn lend<R>(
        consumer: &mut Consumer,
        f: impl FnOnce(&View<'_>) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        consumer.wait_for_frame(deadline)?;
        Self::try_lend(consumer, f)
    }
}
