//! Popping one message, by value or into the caller's variable.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::Consumer;
use crate::apart::apart;
use crate::error::PopError;
use crate::layout::LINE;
use crate::message::Message;
use crate::ring::spsc::Corruption;

/// Returns `$wrap` of a message that is ready, without a second copy.
///
/// A message of up to a few registers need not be in memory at all ([`copy`](crate::copy)). A longer one is
/// written by a call that keeps no pointer to the place: so the compiler passes it the place of the pop's
/// result in place of the variable here.
macro_rules! return_ready {
    ($self:ident, $wrap:path) => {
        if size_of::<T>() > crate::copy::IN_REGISTERS {
            if $self.core.knows_next() {
                let mut place = MaybeUninit::uninit();
                $self.take_known(&mut place);
                // SAFETY: popped, so every byte was written.
                return $wrap(unsafe { place.assume_init() });
            }
        } else {
            let mut place = MaybeUninit::uninit();
            if $self.pop_ready(&mut place) {
                // SAFETY: as above.
                return $wrap(unsafe { place.assume_init() });
            }
        }
    };
}

/// A pop by value: of a message that is ready, else by `$slowly`, whose last argument is `$place`.
///
/// A message of up to a few registers comes by a place that only that call knows: the result of a call would
/// be in memory, and with it the message that is ready.
macro_rules! pop_by_value {
    ($self:ident, |$place:ident| $slowly:expr) => {{
        return_ready!($self, Ok);
        let mut $place = MaybeUninit::uninit();
        match $slowly {
            // SAFETY: popped, so every byte was written.
            Ok(()) => Ok(unsafe { $place.assume_init() }),
            Err(error) => Err(error),
        }
    }};
}

impl<T: Message> Consumer<T> {
    /// Pops the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Closed`] when there is nothing and never will be;
    /// [`PopError::PeerGone`] when there is nothing and the producer has detached; [`PopError::Corrupt`].
    /// Only [`pop`](Self::pop) and [`peer`](Self::peer) notice that a producer died, since the check costs a
    /// system call.
    ///
    /// # Blocking
    /// Never. One system call when the producer sleeps, to wake it.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        pop_by_value!(self, |place| self.try_pop_one(&mut place))
    }

    /// Pops the next message, waiting for it.
    ///
    /// # Errors
    /// [`PopError::Closed`]; [`PopError::PeerGone`] when everything pushed has been popped and the producer
    /// has detached or died; [`PopError::Corrupt`]; [`PopError::System`]. A producer that has never attached
    /// is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy. One that polls waits for a batch of messages, where that has been useful
    /// lately, for a few microseconds at most; for some tens of microseconds if they are longer than a KiB.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        pop_by_value!(self, |place| self.pop_one(&mut place, None))
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<T, PopError> {
        pop_by_value!(self, |place| self.pop_one(&mut place, Some(deadline)))
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), into the caller's variable: a large message is then copied only once. An error
    /// leaves the variable unchanged.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[inline]
    pub fn pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, None)
    }

    /// As [`pop_into`](Self::pop_into), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_into_deadline(&mut self, message: &mut T, deadline: Instant) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, Some(deadline))
    }

    /// As [`try_pop`](Self::try_pop), into the caller's variable.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn try_pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.try_pop_to(unsafe { crate::copy::as_uninit_one(message) })
    }

    /// The next message if it is ready and popping it is a matter of a few instructions. `None` says nothing:
    /// [`try_pop`](Self::try_pop) goes on.
    #[doc(hidden)]
    #[inline(always)]
    pub fn pop_if_known(&mut self) -> Option<T> {
        return_ready!(self, Some);
        None
    }

    /// As [`pop_if_known`](Self::pop_if_known), into the caller's variable.
    #[doc(hidden)]
    #[inline(always)]
    pub fn pop_into_if_known(&mut self, message: &mut T) -> bool {
        // SAFETY: only whole elements are copied there, or nothing.
        self.core.pop_known(unsafe { crate::copy::as_uninit_one(message) })
    }

    /// Pops a message that is ready, in the caller's frame. No pointer to the destination leaves that frame;
    /// the calls that continue after it have their own. Small messages that need a separate check are left to
    /// those calls.
    #[inline(always)]
    fn pop_ready(&mut self, place: &mut MaybeUninit<T>) -> bool {
        self.core.pop_known(place) || (size_of::<T>() > LINE && self.core.pop_ready(place))
    }

    /// Pops a message that is [known](crate::end::spsc::Consumer::knows_next) to be ready.
    #[inline(never)]
    fn take_known(&mut self, place: &mut MaybeUninit<T>) {
        assert!(self.core.pop_ready(place), "what is known to be there is popped without a look");
    }

    #[inline(always)]
    fn try_pop_to(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        if self.core.pop_known(place) { Ok(()) } else { apart(self.try_pop_one(place)) }
    }

    /// Pops a message that may need a separate check.
    #[inline(never)]
    fn try_pop_one(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.core.end.ours()?;
        match self.core.pop_next(place) {
            Ok(()) => Ok(()),
            Err(found) => self.settle(found, place),
        }
    }

    #[inline(always)]
    fn pop_to(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        if self.core.pop_known(place) { Ok(()) } else { apart(self.pop_one(place, deadline)) }
    }

    /// As [`try_pop_one`](Self::try_pop_one), waiting for a message.
    #[inline(never)]
    fn pop_one(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.core.end.ours()?;
        match self.core.pop_next(place) {
            Ok(()) => Ok(()),
            Err(found) => self.pop_slowly(found, place, deadline),
        }
    }

    /// What was found instead of a message: the producer's signal, or an invalid word.
    #[cold]
    #[inline(never)]
    pub(super) fn settle(
        &mut self,
        found: Result<u32, Corruption>,
        place: &mut MaybeUninit<T>,
    ) -> Result<(), PopError> {
        let settled = self.core.settle(found, place);
        self.unless_followed(settled)
    }

    #[cold]
    #[inline(never)]
    fn pop_slowly(
        &mut self,
        found: Result<u32, Corruption>,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        let mut popped = self.core.pop_slowly(found, place, deadline);
        while matches!(popped, Err(PopError::Closed)) && self.follow() {
            popped = self.core.pop(place, deadline);
        }
        popped
    }
}
