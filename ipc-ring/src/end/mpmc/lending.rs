//! Elements that are used in place, or copied elsewhere before their slot is given back.

use std::time::Instant;

use super::consumer::Consumer;
use crate::end::participant::Seats;
use crate::error::{Forked, PopError};
use crate::ring::mpmc::{Lent, Memory, Nothing};
use crate::wait::host::Host;

impl<M, W, H> Consumer<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// Gives the next element to `f` and pops it. Wakes other ends before `f`, and only pops after it: by
    /// then the caller has what `f` made. If the process dies in `f`, or `f` panics, the element goes to a
    /// consumer again.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    pub fn try_take_with<R>(&mut self, f: impl FnOnce(&Lent<'_, M>) -> R) -> Result<R, PopError> {
        self.end.place.ours()?;
        let (ring, mut duties) = self.parts();
        match ring.pop_with_after(f, |ring| duties.before_freeing(ring, 1)) {
            Ok(result) => Ok(result),
            Err(nothing) => Err(self.nothing_to_take(nothing)?),
        }
    }

    /// As [`try_take_with`](Self::try_take_with), waiting for an element; calls `f` once.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn take_with<R>(
        &mut self,
        f: &mut Option<impl FnOnce(&Lent<'_, M>) -> R>,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        self.end.place.ours()?;
        loop {
            if let Err(nothing) = self.ring.look() {
                self.wait_for_item(nothing, deadline)?;
            }
            // If another consumer is faster, `f` is not called.
            let (ring, mut duties) = self.parts();
            let take = |lent: &Lent<'_, M>| f.take().map(|f| f(lent));
            if let Ok(Some(result)) = ring.pop_with_after(take, |ring| duties.before_freeing(ring, 1)) {
                return Ok(result);
            }
        }
    }

    /// Lends the next element to `f` in place, and pops it when `f` returns.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    pub fn try_pop_with<R>(&mut self, f: impl FnOnce(&Lent<'_, M>) -> R) -> Result<R, PopError> {
        self.end.place.ours()?;
        match self.lend(f) {
            Ok(result) => {
                let result = result?;
                self.freed(1);
                Ok(result)
            }
            Err(nothing) => Err(self.nothing_to_take(nothing)?),
        }
    }

    /// As [`try_pop_with`](Self::try_pop_with), waiting for an element; calls `f` once.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_with<R>(
        &mut self,
        f: &mut Option<impl FnOnce(&Lent<'_, M>) -> R>,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        self.end.place.ours()?;
        loop {
            if let Err(nothing) = self.ring.look() {
                self.wait_for_item(nothing, deadline)?;
            }
            // If another consumer is faster, `f` is not called.
            if let Ok(popped) = self.lend(|lent| f.take().map(|f| f(lent)))
                && let Some(result) = popped?
            {
                self.freed(1);
                return Ok(result);
            }
        }
    }

    /// Why there was nothing to lend.
    #[cold]
    fn nothing_to_take(&mut self, nothing: Nothing) -> Result<PopError, PopError> {
        match &nothing {
            Nothing::Busy(holder) => {
                self.end.repair(holder).map_err(PopError::System)?;
            }
            Nothing::Closed => {
                self.search_the_dead()?;
                if self.ring.look().is_ok() {
                    return Ok(PopError::Empty); // It was empty a moment ago.
                }
            }
            _ => {}
        }
        self.look_at_producers();
        Ok(self.explain(nothing))
    }

    /// Lends the next element to `f` and pops it, but not in a child process that `f` forked: the parent pops
    /// it.
    #[inline]
    fn lend<R>(&mut self, f: impl FnOnce(&Lent<'_, M>) -> R) -> Result<Result<R, Forked>, Nothing> {
        let lent = self.ring.try_lend()?;
        let result = f(&lent);
        if self.end.place.is_ours() {
            lent.release();
            Ok(Ok(result))
        } else {
            std::mem::forget(lent);
            Ok(Err(Forked))
        }
    }
}
