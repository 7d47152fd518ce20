//! What the ends have in common, whatever goes through the ring.

use std::time::Instant;

use ipc_core::Error;

use super::end::End;
use super::waiting::{ForItem, Room, goes_on, has_room_without_the_dead};
use crate::end::participant::Seats;
use crate::error::{PopError, PushError};
use crate::ring::broadcast::Control;
use crate::wait::host::Host;
use crate::wait::news::News;
use crate::wait::park::park;

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

    /// Something was published: wakes the subscribers that wait for it.
    #[inline(always)]
    pub(crate) fn published<V>(&mut self, value: V) -> Result<(), PushError<V>> {
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
    /// After the first attempt of a pop: if it found nothing, waits until there is something for `poll`, which
    /// says [`PopError::Empty`] when there is nothing and the stream has not ended.
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
            Err(error) if goes_on(&self.end, &error) => park(&mut ForItem::new(self, poll), deadline),
            result => result,
        }
    }

    /// The event that a subscriber in a set has to report.
    ///
    /// # Errors
    /// With `probe`, when it is unknown whether the publisher is alive; that of a wake that was kept.
    pub(crate) fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        if self.ring.has_something() { Ok(Some(News::Ready)) } else { self.end.news_of_publisher(probe) }
    }
}
