//! Popping messages, each form once for all kinds.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::Receiver;
use crate::apart::apart;
use crate::channel::by_value::pop_by_value;
use crate::channel::kind::{Elements, Kind, Pop};
use crate::error::PopError;

/// Popping.
impl<K: Elements> Receiver<K> {
    /// Pops the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Closed`] when there is nothing and never will be;
    /// [`PopError::PeerGone`] when there is nothing and the one producer has detached; [`PopError::Corrupt`];
    /// [`PopError::Missed`] in a lossy [`broadcast`](crate::broadcast) channel; [`PopError::Busy`] in a
    /// channel with many producers, when the next message is being written. Only [`pop`](Self::pop) and other
    /// forms that wait notice that a producer died, since the check costs a system call.
    ///
    /// # Blocking
    /// Never. One system call when a producer sleeps, to wake it, or when the next message is being written,
    /// to check whether its producer is alive.
    #[inline]
    pub fn try_pop(&mut self) -> Result<K::Item, PopError> {
        pop_by_value!(self.core, K::Item, |found, place| self.try_pop_one(found, &mut place))
    }

    /// Pops the next message, waiting for it.
    ///
    /// # Errors
    /// [`PopError::Closed`]; [`PopError::PeerGone`] when everything pushed has been popped and every producer
    /// has detached or died (if none has ever attached, one is waited for); [`PopError::Missed`] in a lossy
    /// [`broadcast`](crate::broadcast) channel; [`PopError::Corrupt`]; [`PopError::System`].
    ///
    /// # Blocking
    /// By this end's wait strategy. One that polls waits for a batch of messages, where that has been useful
    /// lately, for a few microseconds at most; for some tens of microseconds if they are longer than a KiB.
    #[doc(alias = "receive")]
    #[inline]
    pub fn pop(&mut self) -> Result<K::Item, PopError> {
        pop_by_value!(self.core, K::Item, |found, place| self.pop_one(found, &mut place, None))
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<K::Item, PopError> {
        pop_by_value!(self.core, K::Item, |found, place| self.pop_one(found, &mut place, Some(deadline)))
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<K::Item, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), into the caller's variable: a large message is then copied only once. After an
    /// error the variable holds what it held before or, in a [`broadcast`](crate::broadcast) channel, some
    /// message's bytes.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[inline]
    pub fn pop_into(&mut self, message: &mut K::Item) -> Result<(), PopError> {
        self.pop_to(message, None)
    }

    /// As [`pop_into`](Self::pop_into), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_into_deadline(&mut self, message: &mut K::Item, deadline: Instant) -> Result<(), PopError> {
        self.pop_to(message, Some(deadline))
    }

    /// As [`pop_into`](Self::pop_into), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_into_timeout(&mut self, message: &mut K::Item, timeout: Duration) -> Result<(), PopError> {
        self.pop_into_deadline(message, crate::clock::after(timeout))
    }

    /// As [`try_pop`](Self::try_pop), into the caller's variable, as [`pop_into`](Self::pop_into).
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn try_pop_into(&mut self, message: &mut K::Item) -> Result<(), PopError> {
        // SAFETY: `Pop` promises that only initialised bytes are written there, and any are a message.
        let place = unsafe { crate::copy::as_uninit_one(message) };
        match self.core.take_known(place) {
            Ok(()) => Ok(()),
            Err(found) => apart(self.try_pop_one(found, place)),
        }
    }

    /// Pops as many messages as are ready and fit into `out`, from its front; returns their number.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop), when there are none. The contents of `out` are then unspecified.
    pub fn try_pop_slice(&mut self, out: &mut [K::Item]) -> Result<usize, PopError> {
        // SAFETY: `Pop` promises that only initialised bytes are written there, and any are a message.
        let popped = self.core.try_take_slice(unsafe { crate::copy::as_uninit(out) });
        self.unless_followed(popped)
    }

    /// Waits for a message, then pops it and as many more as are ready and fit into `out`, from its front;
    /// returns their number.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_slice(&mut self, out: &mut [K::Item]) -> Result<usize, PopError> {
        self.pop_slice_until(out, None)
    }

    /// As [`pop_slice`](Self::pop_slice), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_slice_deadline(&mut self, out: &mut [K::Item], deadline: Instant) -> Result<usize, PopError> {
        self.pop_slice_until(out, Some(deadline))
    }

    /// As [`pop_slice`](Self::pop_slice), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_slice_timeout(&mut self, out: &mut [K::Item], timeout: Duration) -> Result<usize, PopError> {
        self.pop_slice_deadline(out, crate::clock::after(timeout))
    }

    fn pop_slice_until(&mut self, out: &mut [K::Item], deadline: Option<Instant>) -> Result<usize, PopError> {
        loop {
            // SAFETY: `Pop` promises that only initialised bytes are written there, and any are a message.
            let popped = self.core.take_slice(unsafe { crate::copy::as_uninit(out) }, deadline);
            if !self.is_followed(&popped) {
                return popped;
            }
        }
    }

    #[inline(always)]
    fn pop_to(&mut self, message: &mut K::Item, deadline: Option<Instant>) -> Result<(), PopError> {
        // SAFETY: `Pop` promises that only initialised bytes are written there, and any are a message.
        let place = unsafe { crate::copy::as_uninit_one(message) };
        match self.core.take_known(place) {
            Ok(()) => Ok(()),
            Err(found) => apart(self.pop_one(found, place, deadline)),
        }
    }

    /// What is left of an attempt after its first step.
    #[inline(never)]
    fn try_pop_one(
        &mut self,
        found: <K::Receiving as Pop<K::Item>>::Found,
        place: &mut MaybeUninit<K::Item>,
    ) -> Result<(), PopError> {
        match self.core.take_next(found, place) {
            Ok(()) => Ok(()),
            Err(nothing) => self.try_pop_slowly(nothing, place),
        }
    }

    /// What is left of a pop that waits after its first step.
    #[inline(never)]
    #[track_caller]
    fn pop_one(
        &mut self,
        found: <K::Receiving as Pop<K::Item>>::Found,
        place: &mut MaybeUninit<K::Item>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        match self.core.take_next(found, place) {
            Ok(()) => Ok(()),
            Err(nothing) => self.pop_slowly(nothing, place, deadline),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_pop_slowly(
        &mut self,
        nothing: Option<<K::Receiving as Pop<K::Item>>::Nothing>,
        place: &mut MaybeUninit<K::Item>,
    ) -> Result<(), PopError> {
        let mut popped = match nothing {
            Some(nothing) => self.core.try_take_on(nothing, place),
            None => self.core.try_take(place),
        };
        while self.is_followed(&popped) {
            popped = self.core.try_take(place);
        }
        popped
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn pop_slowly(
        &mut self,
        nothing: Option<<K::Receiving as Pop<K::Item>>::Nothing>,
        place: &mut MaybeUninit<K::Item>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        let mut popped = match nothing {
            Some(nothing) => self.core.take_on(nothing, place, deadline),
            None => self.core.take(place, deadline),
        };
        while self.is_followed(&popped) {
            popped = self.core.take(place, deadline);
        }
        popped
    }
}

impl<K: Elements> Iterator for &mut Receiver<K> {
    type Item = K::Yield;

    fn next(&mut self) -> Option<K::Yield> {
        let popped = K::yields(self.pop());
        self.or_end(popped)
    }
}

/// An iterator over the messages that are ready, from [`Receiver::drain`]. It ends with the first pop that
/// finds none, for whatever reason: the next pop reports it again.
#[derive(Debug)]
pub struct Drain<'a, K: Kind> {
    pub(in crate::channel) receiver: &'a mut Receiver<K>,
}

impl<K: Elements> Iterator for Drain<'_, K> {
    type Item = K::Yield;

    fn next(&mut self) -> Option<K::Yield> {
        K::yields(self.receiver.try_pop()).ok()
    }
}
