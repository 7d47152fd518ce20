//! Popping several messages into a slice.

use std::time::Instant;

use super::Consumer;
use crate::end::item;
use crate::error::PopError;
use crate::message::Message;

impl<T: Message> Consumer<T> {
    /// Pops as many messages as are ready and fit into `out`, from its front; returns their number.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop), when there are none.
    pub fn try_pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        self.core.end.ours()?;
        if out.is_empty() {
            return Ok(0);
        }
        // SAFETY: only whole elements are copied there, or nothing.
        let places = unsafe { crate::copy::as_uninit(out) };
        match self.core.ring.pop_slice(places, |signal| self.core.end.wake_peer_if(signal)) {
            Ok(0) => {
                // SAFETY: as above.
                let place = unsafe { crate::copy::as_uninit_one(&mut out[0]) };
                self.settle(Ok(0), place).map(|()| 1)
            }
            Ok(count) => Ok(count),
            Err(corruption) => Err(self.core.poison(corruption)),
        }
    }

    /// Waits for a message, then pops it and as many more as are ready and fit into `out`, from its front;
    /// returns their number.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        self.pop_slice_until(out, None)
    }

    /// As [`pop_slice`](Self::pop_slice), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_slice_deadline(&mut self, out: &mut [T], deadline: Instant) -> Result<usize, PopError> {
        self.pop_slice_until(out, Some(deadline))
    }

    fn pop_slice_until(&mut self, out: &mut [T], deadline: Option<Instant>) -> Result<usize, PopError> {
        self.core.end.ours()?;
        match self.try_pop_slice(out) {
            // All of them in one pop: none is held while waiting for others.
            Err(error) if item::goes_on(&self.core.end, &error) => {
                self.wait_for_item(deadline)?;
                self.try_pop_slice(out)
            }
            result => result,
        }
    }
}
