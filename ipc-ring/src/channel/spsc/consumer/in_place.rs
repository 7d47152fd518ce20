//! Messages that are read where they lie in the ring.

use std::time::Instant;

use super::{Consumer, Spsc, View};
use crate::channel::receiver::Lends;
use crate::end::spsc as end;
use crate::error::PopError;
use crate::message::Message;

impl<T: Message> Consumer<T> {
    /// Lends the next message in place. [`View::release`] pops it; dropping the view leaves it.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    pub fn try_view(&mut self) -> Result<View<'_, T>, PopError> {
        let looked = self.core.look();
        self.unless_followed(looked)?;
        let end::Consumer { ring, end, .. } = &mut self.core;
        match ring.try_view() {
            Ok(Ok(view)) => Ok(View { view, end }),
            _ => Err(PopError::Empty),
        }
    }

    /// Gives the next message to `f` and pops it. Wakes the producer before `f`, and only pops after it: by
    /// then the caller has what `f` made.
    #[inline(always)]
    pub(in crate::channel) fn try_take_with<R>(&mut self, f: impl FnOnce(T) -> R) -> Result<R, PopError> {
        self.core.end.ours()?;
        if !self.core.ring.has_item() {
            self.has_ended()?;
        }
        let popped =
            self.core.ring.pop_next_with(|view| f(view.read()), |signal| self.core.end.wake_peer_if(signal));
        popped.map_err(|_| PopError::Empty)
    }

    /// An error unless there is a message: the end of the stream, or a corrupt ring.
    #[inline(never)]
    fn has_ended(&mut self) -> Result<(), PopError> {
        self.try_view().map(drop)
    }

    /// As [`try_take_with`](Self::try_take_with), waiting for a message.
    #[inline(always)]
    pub(in crate::channel) fn take_with<R>(
        &mut self,
        f: impl FnOnce(T) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        if !self.core.ring.has_item() {
            self.wait_for_item(deadline)?;
        }
        self.try_take_with(f)
    }
}

impl<T: Message> Lends for Spsc<T> {
    type Lent<'a> = View<'a, T>;

    #[inline]
    fn try_lend<R>(consumer: &mut Consumer<T>, f: impl FnOnce(&View<'_, T>) -> R) -> Result<R, PopError> {
        let view = consumer.try_view()?;
        let result = f(&view);
        view.release();
        Ok(result)
    }

    #[inline]
    fn lend<R>(
        consumer: &mut Consumer<T>,
        f: impl FnOnce(&View<'_, T>) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        if !consumer.core.ring.has_item() {
            consumer.wait_for_item(deadline)?;
        }
        Self::try_lend(consumer, f)
    }
}
