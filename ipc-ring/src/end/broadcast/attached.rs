//! What the ends have in common, whatever goes through the ring.

use std::time::Instant;

use super::end::End;
use super::room::{Room, has_room_without_the_dead};
use crate::end::participant::{Participant, Seats};
use crate::error::{PopError, PushError};
use crate::ring::broadcast::Control;
use crate::wait::host::Host;
use crate::wait::park::{Attempt, Look, Presence, park};
use crate::wait::{Wait, between_polls};

/// An attached end: its half of the ring, and its seat.
#[derive(Debug)]
pub struct Attached<R, F: Control, W: Seats, H: Host> {
    /// Its half of the ring.
    pub ring: R,
    /// Its seat.
    pub end: End<F, W, H>,
}

/// A subscriber's half of a ring, as far as waiting is concerned.
pub trait Source {
    /// Whether there is something to pop, by a check that changes nothing.
    fn has_something(&self) -> bool;
}

impl<R, F, W, H> Attached<R, F, W, H>
where
    R: Room,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// The publishing end of a ring, with its seat. Subscribers that wait for a publisher to attach check
    /// again.
    pub fn new(ring: R, mut end: End<F, W, H>) -> Self {
        let woken = end.wake_subscribers();
        end.place.keep(woken);
        Self { ring, end }
    }

    /// Something was pushed: wakes the subscribers that wait for it.
    #[inline(always)]
    pub(crate) fn pushed<V>(&mut self, value: V) -> Result<(), PushError<V>> {
        self.end.wake_subscribers().map_err(|error| PushError::NotWoken(value, error))
    }

    /// There was no room; checks again after dropping dead subscribers.
    ///
    /// # Errors
    /// When the liveness of the one in the way is unknown.
    #[cold]
    pub(crate) fn after_full(&mut self) -> Result<bool, PushError<()>> {
        has_room_without_the_dead(&mut self.ring, &self.end).map_err(|error| PushError::System((), error))
    }
}

impl<R, F, W, H> Attached<R, F, W, H>
where
    R: Source,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// After the first attempt of a pop: if it found nothing, waits until there is something for `poll`,
    /// which says [`PopError::Empty`] when there is nothing and the stream has not ended.
    ///
    /// # Errors
    /// [`PopError`], except [`PopError::Empty`].
    #[inline(always)]
    #[track_caller]
    pub(crate) fn pop_after<I>(
        &mut self,
        first: Result<I, PopError>,
        deadline: Option<Instant>,
        poll: impl FnMut(&mut Self) -> Result<I, PopError>,
    ) -> Result<I, PopError> {
        match first {
            Err(error) if goes_on(&self.end, &error) => {
                park(&mut ForItem { subscriber: self, poll }, deadline)
            }
            result => result,
        }
    }
}

/// Whether a wait goes on after this result: there is nothing yet, or the publisher is gone and a successor
/// is waited for.
fn goes_on<F, W, H>(end: &End<F, W, H>, error: &PopError) -> bool
where
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    match error {
        PopError::Empty => true,
        PopError::PeerGone(_) => end.place.waits.awaits_successors(),
        _ => false,
    }
}

/// Waiting for something to pop, by `poll`.
struct ForItem<'a, R, F: Control, W: Seats, H: Host, P> {
    subscriber: &'a mut Attached<R, F, W, H>,
    poll: P,
}

impl<R, F, W, H, P, I> Attempt for ForItem<'_, R, F, W, H, P>
where
    R: Source,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
    P: FnMut(&mut Attached<R, F, W, H>) -> Result<I, PopError>,
{
    type Waiter = Participant<W, H>;
    type Output = I;
    type Error = PopError;

    fn waiter(&self) -> &Self::Waiter {
        &self.subscriber.end.place
    }

    fn waiter_mut(&mut self) -> &mut Self::Waiter {
        &mut self.subscriber.end.place
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<I>, PopError> {
        let answer = (self.poll)(self.subscriber);
        if let Err(error) = &answer
            && goes_on(&self.subscriber.end, error)
        {
            return Ok(None);
        }
        self.subscriber.end.place.waits.finished(wait);
        answer.map(Some)
    }

    fn look(&mut self) -> Look {
        let Attached { ring, end } = &*self.subscriber;
        let is_something_there = end.place.waits.is_over(end.bits()) || ring.has_something();
        if is_something_there { Look::Ready } else { Look::Nothing }
    }

    /// Checks a few more times, cheaply, whether there is something.
    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        for _ in 0..self.subscriber.end.place.waits.looks(1) {
            if self.subscriber.ring.has_something() {
                break;
            }
            between_polls();
        }
        Ok(())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<PopError>, PopError> {
        let died = if ask { self.subscriber.end.died().map_err(PopError::System)? } else { None };
        Ok(died.map_or(Presence::There, |exit| Presence::Gone(PopError::PeerGone(exit))))
    }
}
