//! The consuming end: popping, and what happens when there is nothing to pop.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::duties::Duties;
use super::end::{End, Role};
use crate::apart::apart;
use crate::cache::batching::Batching;
use crate::end::participant::{Participant, Seats};
use crate::error::PopError;
use crate::memory::{Of, Place, Shape as _};
use crate::message::Message;
use crate::ring::mpmc::{self as ring, Memory, Nothing, Taken};
use crate::wait::host::Host;
use crate::wait::news::News;
use crate::wait::seated::Seated;

/// The consuming end.
#[derive(Debug)]
pub struct Consumer<M: Memory, W: Seats, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Consumer<M>,
    /// Its seat.
    pub end: End<M, W, H>,
    /// Elements popped since the last check for waiting producers.
    popped: u64,
    /// Producers are woken when this number of slots has been freed, or nothing is left.
    quarter: u64,
    /// A set was woken for this end, and nothing has been popped since.
    woken_in_set: bool,
    /// What this end knows about batching.
    batching: Batching,
}

impl<M, W, H> Consumer<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// The end of a ring, with its seat.
    pub fn new(ring: ring::Consumer<M>, end: End<M, W, H>) -> Self {
        let quarter = (end.ring.capacity() / 4).max(1);
        Self { ring, end, popped: 0, quarter, woken_in_set: false, batching: Batching::new() }
    }

    /// The ring's half, and the duties towards other ends.
    #[inline(always)]
    pub(super) fn parts(&mut self) -> (&mut ring::Consumer<M>, Duties<'_, M, W, H>) {
        let Self { ring, end, popped, quarter, woken_in_set, .. } = self;
        (ring, Duties { end, popped, quarter: *quarter, woken_in_set })
    }

    /// Pops the next element if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Busy`]; [`PopError::Closed`]; [`PopError::Corrupt`].
    #[inline(always)]
    pub fn try_pop(&mut self, place: &mut Place<M>) -> Result<(), PopError> {
        self.end.place.ours()?;
        match self.pop_next(place) {
            Ok(()) => Ok(()),
            Err(nothing) => apart(self.try_again(nothing, place)),
        }
    }

    /// Pops the next element, waiting for it.
    ///
    /// # Errors
    /// [`PopError`], except [`PopError::Empty`] and [`PopError::Busy`].
    #[inline(always)]
    pub fn pop(&mut self, place: &mut Place<M>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.end.place.ours()?;
        match self.pop_next(place) {
            Ok(()) => Ok(()),
            Err(nothing) => apart(self.pop_slowly(nothing, place, deadline)),
        }
    }

    /// Pops the next element.
    #[inline(always)]
    pub(crate) fn pop_next(&mut self, place: &mut Place<M>) -> Result<(), Nothing> {
        let (ring, mut duties) = self.parts();
        match ring.pop_after(place, |ring| duties.before_freeing(ring, 1)) {
            Ok(_) => Ok(()),
            Err(nothing) => Err(nothing),
        }
    }

    /// The first half of [`pop_next`](Self::pop_next): claims the next element for
    /// [`pop_claimed`](Self::pop_claimed), which must follow.
    #[inline(always)]
    pub(crate) fn claim_next(&mut self) -> Result<Taken, Nothing> {
        self.ring.claim_next()
    }

    /// The second half, which cannot fail.
    #[inline(always)]
    pub(crate) fn pop_claimed(&mut self, taken: Taken, place: &mut Place<M>) {
        let (ring, mut duties) = self.parts();
        ring.pop_claimed(taken, place, |ring| duties.before_freeing(ring, 1));
    }

    /// Nothing was popped: retries if the obstacle can be cleared.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_again(&mut self, nothing: Nothing, place: &mut Place<M>) -> Result<(), PopError> {
        let again = match &nothing {
            Nothing::Busy(holder) => self.end.repair(holder).map_err(PopError::System)?,
            Nothing::Closed => self.search_the_dead()?,
            Nothing::Contended => true,
            _ => false,
        };
        let answer = if again { self.pop_next(place) } else { Err(nothing) };
        answer.map_err(|nothing| {
            self.look_at_producers();
            self.explain(nothing)
        })
    }

    /// The stream has ended, but a consumer may have died holding an element, and there may be no other
    /// consumer left to find it. True: retry, whichever end did the recovery.
    #[cold]
    pub(super) fn search_the_dead(&mut self) -> Result<bool, PopError> {
        self.end.recover().map_err(PopError::System)?;
        Ok(true)
    }

    pub(super) fn explain(&mut self, nothing: Nothing) -> PopError {
        if let Err(error) = self.end.place.tell() {
            return PopError::System(error);
        }
        match nothing {
            Nothing::Empty | Nothing::Contended => PopError::Empty,
            Nothing::Busy(holder) => PopError::Busy { pid: self.end.place.pid(holder.endpoint) },
            Nothing::Closed => PopError::Closed,
            Nothing::Corrupt(corruption) => {
                self.end.poison();
                PopError::Corrupt(corruption)
            }
        }
    }

    /// `count` slots were freed, of elements used in place: is there a producer to wake?
    #[inline(always)]
    pub(super) fn freed(&mut self, count: u64) {
        self.popped += count;
        if self.popped >= self.quarter {
            self.look_at_producers();
        }
    }

    #[inline]
    pub(super) fn look_at_producers(&mut self) {
        let (ring, mut duties) = self.parts();
        duties.look_at_producers(ring);
    }

    /// Waits for a batch of elements, when that has been useful lately or is due to be tried.
    pub(crate) fn wait_for_batch(&mut self) {
        let ring = &self.ring;
        let (size, run) = (ring.memory().shape().size(), ring.memory().batch_len());
        self.batching.wait_for_batch(size, run, 1, |count| ring.is_full_ahead(count));
    }
}

impl<M, W, H> Seated for Consumer<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    type Seat = Participant<W, H>;

    fn seat(&self) -> &Participant<W, H> {
        &self.end.place
    }

    fn seat_mut(&mut self) -> &mut Participant<W, H> {
        &mut self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        let recovered = if probe { self.end.recover().map(drop) } else { Ok(()) };
        match self.ring.look() {
            Err(Nothing::Empty | Nothing::Busy(_)) => {}
            Err(Nothing::Closed | Nothing::Corrupt(_)) => {
                return Ok(self.end.is_newly_ended().then_some(News::Ended));
            }
            Ok(()) | Err(Nothing::Contended) => return Ok(Some(News::Ready)),
        }
        recovered?;
        Ok((probe && self.end.is_newly_deserted(Role::Producer)).then_some(News::PeerGone))
    }

    fn begin_wait(&mut self, _is_worth_it: bool) {
        self.wait_for_batch();
    }

    fn clear_waiting(&mut self) -> bool {
        let woken = self.end.place.clear_waiting();
        if woken {
            self.woken_in_set = true;
            self.popped = self.quarter; // The next pop checks for what it was woken for.
        }
        woken
    }

    /// What this end was woken for goes to another consumer.
    fn is_passed_over(&mut self) {
        if std::mem::take(&mut self.woken_in_set) {
            let (ring, mut duties) = self.parts();
            duties.pass_on(ring);
        }
    }
}

impl<T, M, W, H> Consumer<M, W, H>
where
    T: Message,
    M: Memory<Shape = Of<T>>,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// Pops as many elements as are ready and fit, in order; returns their number.
    ///
    /// # Errors
    /// When there are none, as [`try_pop`](Self::try_pop).
    pub fn try_pop_slice(&mut self, places: &mut [MaybeUninit<T>]) -> Result<usize, PopError> {
        self.end.place.ours()?;
        let mut popped = self.pop_ready(places);
        if matches!(popped, (0, Err(Nothing::Closed))) && self.search_the_dead()? {
            popped = self.pop_ready(places);
        }
        match popped {
            (0, Err(nothing)) => {
                self.look_at_producers();
                Err(self.explain(nothing))
            }
            (done, _) => Ok(done),
        }
    }

    /// Waits for an element, then pops it and as many more as are ready and fit; returns their number.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_slice(
        &mut self,
        places: &mut [MaybeUninit<T>],
        deadline: Option<Instant>,
    ) -> Result<usize, PopError> {
        loop {
            // All of them in one pop: none is held while waiting for others.
            match self.try_pop_slice(places) {
                Err(PopError::Empty | PopError::Busy { .. }) => {}
                result => return result,
            }
            // If another consumer is faster then, this one goes on waiting.
            if let Err(nothing) = self.ring.look() {
                self.wait_for_item(nothing, deadline)?;
            }
        }
    }

    fn pop_ready(&mut self, places: &mut [MaybeUninit<T>]) -> (usize, Result<(), Nothing>) {
        let (ring, mut duties) = self.parts();
        ring.pop_slice_after(places, |ring, count| duties.before_freeing(ring, count as u64))
    }
}
