//! Popping, with what is ready before anything else.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::{Consumer, Receiving};
use crate::channel::kind::Pop;
use crate::end::item;
use crate::error::PopError;
use crate::layout::LINE;
use crate::message::Message;
use crate::ring::spsc::Corruption;

impl<T: Message> Consumer<T> {
    /// The next message if it is ready and popping it is a matter of a few instructions. `None` says nothing:
    /// [`try_pop`](Self::try_pop) goes on.
    #[doc(hidden)]
    #[inline(always)]
    pub fn pop_if_known(&mut self) -> Option<T> {
        let mut place = MaybeUninit::uninit();
        if size_of::<T>() <= crate::copy::IN_REGISTERS {
            self.core.take_ready(&mut place).ok()?;
        } else {
            self.core.claim_ready().ok()?;
            self.core.take_claimed((), &mut place);
        }
        // SAFETY: `Pop` promises that every byte was written.
        Some(unsafe { place.assume_init() })
    }

    /// As [`pop_if_known`](Self::pop_if_known), into the caller's variable.
    #[doc(hidden)]
    #[inline(always)]
    pub fn pop_into_if_known(&mut self, message: &mut T) -> bool {
        // SAFETY: as in `Pop`: a whole message is copied there, or nothing.
        self.core.pop_known(unsafe { crate::copy::as_uninit_one(message) })
    }
}

// SAFETY: the ring copies a whole message to a place, then says that it has popped it, and copies nothing
// else: `pop_known`, `pop_next` and, for as many places as it counts, `pop_slice`. All steps return `Ok`
// after one of these alone. `take_claimed` panics unless it has popped.
unsafe impl<T: Message> Pop<T> for Receiving<T> {
    type Found = ();
    type Claimed = ();
    type Nothing = Result<u32, Corruption>;

    #[inline(always)]
    fn take_known(&mut self, place: &mut MaybeUninit<T>) -> Result<(), ()> {
        if self.pop_known(place) { Ok(()) } else { Err(()) }
    }

    /// Small messages that need a separate check are left to the second step.
    #[inline(always)]
    fn take_ready(&mut self, place: &mut MaybeUninit<T>) -> Result<(), ()> {
        let popped = self.pop_known(place) || (size_of::<T>() > LINE && self.pop_ready(place));
        if popped { Ok(()) } else { Err(()) }
    }

    #[inline(always)]
    fn claim_ready(&mut self) -> Result<(), ()> {
        if self.knows_next() { Ok(()) } else { Err(()) }
    }

    #[inline(never)]
    fn take_claimed(&mut self, (): (), place: &mut MaybeUninit<T>) {
        assert!(self.pop_ready(place), "what is known to be there is popped without a look");
    }

    #[inline(always)]
    fn take_next(&mut self, (): (), place: &mut MaybeUninit<T>) -> Result<(), Option<Self::Nothing>> {
        if self.end.is_ours() { self.pop_next(place).map_err(Some) } else { Err(None) }
    }

    #[inline(always)]
    fn try_take_on(&mut self, nothing: Self::Nothing, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.settle(nothing, place)
    }

    #[inline(always)]
    fn take_on(
        &mut self,
        nothing: Self::Nothing,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        self.pop_slowly(nothing, place, deadline)
    }

    fn try_take(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.try_pop(place)
    }

    fn take(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.pop(place, deadline)
    }

    fn try_take_slice(&mut self, places: &mut [MaybeUninit<T>]) -> Result<usize, PopError> {
        self.end.ours()?;
        if places.is_empty() {
            return Ok(0);
        }
        match self.ring.pop_slice(places, |signal| self.end.wake_peer_if(signal)) {
            Ok(0) => self.settle(Ok(0), &mut places[0]).map(|()| 1),
            Ok(count) => Ok(count),
            Err(corruption) => Err(self.poison(corruption)),
        }
    }

    fn take_slice(
        &mut self,
        places: &mut [MaybeUninit<T>],
        deadline: Option<Instant>,
    ) -> Result<usize, PopError> {
        match self.try_take_slice(places) {
            // All of them in one pop: none is held while waiting for others.
            Err(error) if item::goes_on(&self.end, &error) => {
                self.wait_for_item(deadline)?;
                self.try_take_slice(places)
            }
            result => result,
        }
    }
}
