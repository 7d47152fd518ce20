//! The ends in a set and in an event loop: a consumer waits for messages, a producer for room.

use super::Producer;
use crate::apart::apart;
use crate::error::PushError;
use crate::message::Message;
use crate::ring::spsc::Push;

impl<T: Message> Producer<T> {
    /// As [`try_push_from`](Self::try_push_from), for a task that waits when the ring is full: it may miss
    /// what the consumer has freed last, which the wait then checks for.
    ///
    /// # Errors
    /// As [`try_push_from`](Self::try_push_from).
    #[doc(hidden)]
    #[inline]
    pub fn try_push_before_waiting(&mut self, message: &T) -> Result<(), PushError<()>> {
        match self.core.push_known(message) {
            Some(0) => Ok(()),
            known => apart(self.try_push_by_head_slowly(message, known)),
        }
    }

    /// Pushes a message if that is a matter of a few instructions. `None` says nothing:
    /// [`try_push_before_waiting`](Self::try_push_before_waiting) goes on. A number that is not 0 has to be
    /// passed to [`wake_for`](Self::wake_for).
    #[doc(hidden)]
    #[inline(always)]
    pub fn push_if_known(&mut self, message: &T) -> Option<u32> {
        self.core.push_known(message)
    }

    /// Wakes the consumer, as its signal found by [`push_if_known`](Self::push_if_known) demands.
    ///
    /// # Errors
    /// [`PushError::NotWoken`].
    #[doc(hidden)]
    #[cold]
    #[inline(never)]
    pub fn wake_for(&mut self, signal: u32) -> Result<(), PushError<()>> {
        self.core.settle(Push::Done { signal }).map_err(|refusal| refusal.with(()))
    }

    #[cold]
    #[inline(never)]
    fn try_push_by_head_slowly(&mut self, message: &T, known: Option<u32>) -> Result<(), PushError<()>> {
        let pushed = match known {
            Some(signal) => Push::Done { signal },
            None => {
                self.core.end.ours()?;
                self.core.ring.try_push_by_head(message)
            }
        };
        self.core.settle(pushed).map_err(|refusal| refusal.with(()))
    }
}
