//! The ends as some of several that are waited for together.

use ipc_core::Error;

use super::attached::{Attached, Source};
use super::end::End;
use super::room::{Room, has_room_without_the_dead};
use crate::end::participant::{Participant, Seats};
use crate::memory::Of;
use crate::ring::broadcast::{self as ring, Control, frames, payloads};
use crate::ring::pool::Handle;
use crate::wait::host::Host;
use crate::wait::news::News;
use crate::wait::seated::Seated;

/// A half of a ring, with what the end that has it reports.
pub trait Half: Sized {
    /// [`Publishing`] or [`Subscribing`].
    type Side: Reports<Self>;
}

impl<M: ring::Memory> Half for ring::Publisher<M> {
    type Side = Publishing;
}

impl<M: ring::Memory> Half for ring::Subscriber<M> {
    type Side = Subscribing;
}

impl<M: frames::Memory> Half for frames::Publisher<M> {
    type Side = Publishing;
}

impl<M: frames::Memory> Half for frames::Subscriber<M> {
    type Side = Subscribing;
}

impl<M: ring::Memory<Shape = Of<Handle>>> Half for payloads::Publisher<M> {
    type Side = Publishing;
}

/// What an end on this side reports.
pub trait Reports<R> {
    /// Whether what it waits for may come without a token.
    const NEEDS_POLLING: bool;

    /// The event that the end has to report.
    ///
    /// # Errors
    /// That of a wake that was kept; with `probe`, when the liveness of an end is unknown.
    fn news<F, W, H>(ring: &mut R, end: &mut End<F, W, H>, probe: bool) -> Result<Option<News>, Error>
    where
        F: Control,
        W: Seats<Platform = F::Platform>,
        H: Host;
}

/// A publisher is ready when there is room, which a gated one waits for, and the last check of a wait also
/// makes by dropping dead subscribers in the way. The next publication reports a corrupt ring.
#[derive(Debug)]
pub enum Publishing {}

impl<R: Room> Reports<R> for Publishing {
    /// Subscribers notify of room for a quarter of the ring, or when they sleep themselves.
    const NEEDS_POLLING: bool = true;

    fn news<F, W, H>(ring: &mut R, end: &mut End<F, W, H>, probe: bool) -> Result<Option<News>, Error>
    where
        F: Control,
        W: Seats<Platform = F::Platform>,
        H: Host,
    {
        end.place.tell()?;
        let has_room =
            !matches!(ring.has_room(), Ok(false)) || (probe && has_room_without_the_dead(ring, end)?);
        Ok(has_room.then_some(News::Ready))
    }
}

/// A subscriber is ready when there is something to pop.
#[derive(Debug)]
pub enum Subscribing {}

impl<R: Source> Reports<R> for Subscribing {
    const NEEDS_POLLING: bool = false;

    fn news<F, W, H>(ring: &mut R, end: &mut End<F, W, H>, probe: bool) -> Result<Option<News>, Error>
    where
        F: Control,
        W: Seats<Platform = F::Platform>,
        H: Host,
    {
        if ring.has_something() { Ok(Some(News::Ready)) } else { end.news_of_publisher(probe) }
    }
}

impl<R, F, W, H> Seated for Attached<R, F, W, H>
where
    R: Half,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    type Seat = Participant<W, H>;

    fn seat(&self) -> &Participant<W, H> {
        &self.end.place
    }

    fn seat_mut(&mut self) -> &mut Participant<W, H> {
        &mut self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        R::Side::news(&mut self.ring, &mut self.end, probe)
    }

    fn needs_polling(&self) -> bool {
        R::Side::NEEDS_POLLING
    }
}
