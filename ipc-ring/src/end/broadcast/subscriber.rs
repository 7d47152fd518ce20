//! A reading end of a channel of elements.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::attached::{Attached, Source};
use crate::end::participant::Seats;
use crate::error::{Missed, PopError};
use crate::memory::{Of, Place};
use crate::message::Message;
use crate::ring::broadcast::{self as ring, Control, Memory, Pop};
use crate::wait::host::Host;

/// A reading end.
pub type Subscriber<M, F, W, H> = Attached<ring::Subscriber<M>, F, W, H>;

impl<M: Memory> Source for ring::Subscriber<M> {
    fn has_something(&self) -> bool {
        self.has_something()
    }
}

impl<M, F, W, H> Subscriber<M, F, W, H>
where
    M: Memory,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// Pops the next element if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Missed`]; [`PopError::Closed`] when there is nothing and never will
    /// be; [`PopError::PeerGone`] when there is nothing and the publisher has detached;
    /// [`PopError::Corrupt`].
    #[inline(always)]
    pub fn try_pop(&mut self, place: &mut Place<M>) -> Result<(), PopError> {
        self.end.place.ours()?;
        match self.ring.try_pop_into(place) {
            Pop::Item { look: false, .. } => Ok(()),
            other => self.settle(other, place),
        }
    }

    /// Pops the next element, waiting for it.
    ///
    /// # Errors
    /// [`PopError`], except [`PopError::Empty`].
    #[inline(always)]
    pub fn pop(&mut self, place: &mut Place<M>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.end.place.ours()?;
        match self.ring.try_pop_into(place) {
            Pop::Item { look: false, .. } => Ok(()),
            other => self.pop_slowly(other, place, deadline),
        }
    }

    /// A pop that was not a plain success: waits if there is nothing.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn pop_slowly(
        &mut self,
        pop: Pop<()>,
        place: &mut Place<M>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        let first = self.settle(pop, place);
        self.pop_after(first, deadline, |subscriber| {
            let pop = subscriber.ring.try_pop_into(place);
            subscriber.settle(pop, place)
        })
    }

    /// A pop that was not a plain success.
    #[inline(always)]
    pub(crate) fn settle(&mut self, pop: Pop<()>, place: &mut Place<M>) -> Result<(), PopError> {
        let Pop::Empty { look } = pop else { return self.explain(pop) };
        let position = self.ring.position();
        let Some(error) = self.end.nothing(look, position)? else { return Err(PopError::Empty) };
        // [C1] The bit is seen: everything published before is visible too. Check once more.
        match self.ring.try_pop_into(place) {
            Pop::Empty { .. } => Err(error),
            other => self.explain(other),
        }
    }

    /// The result of a pop that found something.
    pub(crate) fn explain<R>(&mut self, pop: Pop<R>) -> Result<R, PopError> {
        match pop {
            Pop::Item { item, look } => {
                self.end.look_at_publisher(look);
                Ok(item)
            }
            Pop::Empty { .. } => Err(PopError::Empty),
            Pop::Missed { count } => Err(PopError::Missed(Missed { count })),
            Pop::Corrupt(corruption) => Err(self.end.poison(corruption)),
        }
    }
}

impl<T, M, F, W, H> Subscriber<M, F, W, H>
where
    T: Message,
    M: Memory<Shape = Of<T>>,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// Pops as many elements as are ready and fit, in order; returns their number.
    ///
    /// # Errors
    /// When there are none, as [`try_pop`](Self::try_pop).
    pub fn try_pop_slice(&mut self, places: &mut [MaybeUninit<T>]) -> Result<usize, PopError> {
        self.end.place.ours()?;
        if places.is_empty() {
            return Ok(0);
        }
        match self.ring.try_pop_slice(places) {
            Pop::Empty { look } => self.settle(Pop::Empty { look }, &mut places[0]).map(|()| 1),
            other => self.explain(other),
        }
    }

    /// After an element was popped: pops as many more as are ready and fit; returns their number.
    pub(crate) fn pop_more(&mut self, places: &mut [MaybeUninit<T>]) -> usize {
        if !self.ring.has_something() {
            return 0;
        }
        let before = self.ring.position();
        match self.try_pop_slice(places) {
            Ok(count) => count,
            // The report of missed messages would be lost here; go back, so that the next call gets it.
            Err(PopError::Missed(_)) => {
                self.ring.go_back(before);
                0
            }
            // An end of the stream found here is found again by the next call.
            Err(_) => 0,
        }
    }

    /// Whether the next element of a gated channel can be lent in place. If there is nothing, a view may
    /// still fail.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop), except [`PopError::Empty`].
    ///
    /// # Panics
    /// In a lossy channel.
    pub fn before_view(&mut self) -> Result<(), PopError> {
        self.end.place.ours()?;
        let look = match self.ring.try_view().map(|_| ()) {
            Ok(()) => return Ok(()),
            Err(Pop::Empty { look }) => look,
            Err(pop) => return self.explain(pop),
        };
        let position = self.ring.position();
        match self.end.nothing(look, position)? {
            // [C1] As in `settle`: what was published before the end is visible now. Check once more.
            Some(error) if !self.ring.has_something() => Err(error),
            _ => Ok(()),
        }
    }
}
