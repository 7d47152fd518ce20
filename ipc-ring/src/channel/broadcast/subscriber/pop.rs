//! Popping, with what is ready before anything else.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::Receiving;
use crate::channel::kind::Pop;
use crate::error::PopError;
use crate::message::Message;
use crate::ring::broadcast::Pop as Popped;

// SAFETY: the ring copies a whole message to a place before it says that it has popped it: `try_pop_into`,
// `pop_gated`, which always does, and `try_pop_slice` for as many places as it counts. All steps return `Ok`
// after one of these alone. What was overwritten during the copy, and is then said to be missed, consists of
// initialised bytes as well, and any bytes are a message.
unsafe impl<T: Message> Pop<T> for Receiving<T> {
    type Found = Option<Popped<()>>;
    type Claimed = ();
    type Nothing = Popped<()>;

    #[inline(always)]
    fn take_known(&mut self, place: &mut MaybeUninit<T>) -> Result<(), Option<Popped<()>>> {
        if !self.end.place.is_ours() {
            return Err(None);
        }
        match self.ring.try_pop_into(place) {
            Popped::Item { look: false, .. } => Ok(()),
            other => Err(Some(other)),
        }
    }

    #[inline(always)]
    fn take_ready(&mut self, place: &mut MaybeUninit<T>) -> Result<(), Option<Popped<()>>> {
        if !self.end.place.is_ours() {
            return Err(None);
        }
        match self.ring.try_pop_into(place) {
            Popped::Item { look, .. } => {
                if look {
                    look_at_publisher(self);
                }
                Ok(())
            }
            other => Err(Some(other)),
        }
    }

    /// In a gated channel. In a lossy one it is known only after the copy that it was not overwritten.
    #[inline(always)]
    fn claim_ready(&mut self) -> Result<(), Option<Popped<()>>> {
        if self.end.place.is_ours() && self.ring.knows_next() { Ok(()) } else { Err(None) }
    }

    #[inline(never)]
    fn take_claimed(&mut self, (): (), place: &mut MaybeUninit<T>) {
        if self.ring.pop_gated(place) {
            look_at_publisher(self);
        }
    }

    #[inline(always)]
    fn take_next(
        &mut self,
        found: Option<Popped<()>>,
        _place: &mut MaybeUninit<T>,
    ) -> Result<(), Option<Popped<()>>> {
        Err(found)
    }

    #[inline(always)]
    fn try_take_on(&mut self, nothing: Popped<()>, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.settle(nothing, place)
    }

    #[inline(always)]
    #[track_caller]
    fn take_on(
        &mut self,
        nothing: Popped<()>,
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
        self.try_pop_slice(places)
    }

    fn take_slice(
        &mut self,
        places: &mut [MaybeUninit<T>],
        deadline: Option<Instant>,
    ) -> Result<usize, PopError> {
        self.end.place.ours()?;
        let Some((first, rest)) = places.split_first_mut() else { return Ok(0) };
        self.pop(first, deadline)?;
        Ok(1 + self.pop_more(rest))
    }
}

#[cold]
#[inline(never)]
fn look_at_publisher<T: Message>(core: &mut Receiving<T>) {
    core.end.look_at_publisher(true);
}
