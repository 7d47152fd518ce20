//! How a consumer waits for an element, to pop it or to lend it.

use std::time::Instant;

use super::consumer::Consumer;
use super::end::Role;
use super::patience::Patience;
use crate::end::participant::{Participant, Seats};
use crate::error::{PeerExit, PopError};
use crate::memory::Place;
use crate::ring::mpmc::{self as ring, Memory, Nothing};
use crate::wait::host::Host;
use crate::wait::park::{Attempt, Look, Presence, park};
use crate::wait::{Wait, between_polls};

/// What is done before a slot is given back.
type Before<'a, M> = &'a mut dyn FnMut(&mut ring::Consumer<M>);

impl<M, W, H> Consumer<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// A pop that found nothing.
    #[cold]
    #[inline(never)]
    pub(crate) fn pop_slowly(
        &mut self,
        nothing: Nothing,
        place: &mut Place<M>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        self.wait_for(nothing, deadline, |ring, before| ring.pop_after(place, before).map(drop))
    }

    /// Waits until there is an element, which stays in the ring. `nothing` is what was found before.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub(super) fn wait_for_item(
        &mut self,
        nothing: Nothing,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        self.wait_for(nothing, deadline, |ring, _| ring.look())
    }

    /// Waits until `take` succeeds. `take` may pop; then it calls the function it is given before it frees
    /// the slot. `nothing` is what was found before.
    fn wait_for(
        &mut self,
        nothing: Nothing,
        deadline: Option<Instant>,
        take: impl FnMut(&mut ring::Consumer<M>, Before<'_, M>) -> Result<(), Nothing>,
    ) -> Result<(), PopError> {
        self.look_at_producers();
        let patience = Patience::default();
        park(&mut Taking { consumer: self, take, nothing, searched: false, patience }, deadline)
    }
}

/// A wait for an element.
struct Taking<'a, M: Memory, W: Seats, H: Host, F> {
    consumer: &'a mut Consumer<M, W, H>,
    take: F,
    /// What was found last.
    nothing: Nothing,
    /// Recovery has run since the stream was found ended.
    searched: bool,
    patience: Patience,
}

impl<M, W, H, F> Attempt for Taking<'_, M, W, H, F>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
    F: FnMut(&mut ring::Consumer<M>, Before<'_, M>) -> Result<(), Nothing>,
{
    type Waiter = Participant<W, H>;
    type Output = ();
    type Error = PopError;

    fn waiter(&self) -> &Participant<W, H> {
        &self.consumer.end.place
    }

    fn waiter_mut(&mut self) -> &mut Participant<W, H> {
        &mut self.consumer.end.place
    }

    fn begin(&mut self) {
        if matches!(self.nothing, Nothing::Empty | Nothing::Busy(_)) {
            self.consumer.wait_for_batch();
            self.consumer.ring.take_line();
        }
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<()>, PopError> {
        loop {
            let (ring, mut duties) = self.consumer.parts();
            let mut is_done = false;
            let mut before = |ring: &mut ring::Consumer<M>| {
                is_done = true;
                duties.end.place.waits.finished(wait);
                duties.before_freeing(ring, 1);
                if wait.has_slept() {
                    duties.pass_on(ring); // The baton.
                }
            };
            match (self.take)(ring, &mut before) {
                Ok(()) => {
                    if !is_done {
                        // Only looked.
                        duties.end.place.waits.finished(wait);
                        if wait.has_slept() {
                            duties.pass_on(ring);
                        }
                    }
                    return Ok(Some(()));
                }
                Err(Nothing::Closed) if !self.searched => self.searched = self.consumer.search_the_dead()?,
                Err(nothing @ (Nothing::Closed | Nothing::Corrupt(_))) => {
                    return Err(self.consumer.explain(nothing));
                }
                Err(nothing) => {
                    self.nothing = nothing;
                    self.consumer.end.place.tell().map_err(PopError::System)?;
                    return Ok(None);
                }
            }
        }
    }

    fn look(&mut self) -> Look {
        // Producers that have left since may have found no sleepers.
        if self.consumer.end.ends_without(Role::Producer) {
            return Look::Ready;
        }
        match self.consumer.ring.look() {
            Err(Nothing::Empty | Nothing::Busy(_)) => Look::Nothing,
            _ => Look::Ready,
        }
    }

    /// Checks a few more times, cheaply, whether there is an element.
    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        let looks = self.consumer.end.place.waits.looks(1);
        if let Nothing::Busy(holder) = &self.nothing
            && self.patience.is_over(looks)
        {
            self.consumer.end.repair_or_give_way(holder).map_err(PopError::System)?;
        }
        let ring = &self.consumer.ring;
        for _ in 0..looks {
            if ring.has_item() {
                break;
            }
            between_polls();
        }
        Ok(())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<PopError>, PopError> {
        if ask {
            self.consumer.end.recover().map_err(PopError::System)?;
        }
        let is_deserted = self.consumer.end.ends_without(Role::Producer)
            && matches!(self.consumer.ring.look(), Err(Nothing::Empty));
        Ok(if is_deserted { Presence::Gone(PopError::PeerGone(PeerExit::All)) } else { Presence::There })
    }
}
