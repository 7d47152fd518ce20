//! A reading end of a channel of frames.

use std::time::Instant;

use crate::end::broadcast::end::End;
use crate::end::broadcast::waiting::{Poll, pop_after};
use crate::end::participant::Seats;
use crate::error::{Missed, PopError};
use crate::ring::broadcast::Control;
use crate::ring::broadcast::frames::{self as ring, Memory, Pop};
use crate::wait::host::Host;
use crate::wait::news::News;

/// A reading end.
#[derive(Debug)]
pub struct Subscriber<M: Memory, F: Control, W: Seats, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Subscriber<M>,
    /// Its seat.
    pub end: End<F, W, H>,
}

/// The destination of a popped frame.
pub trait Place {
    /// Pops a frame there.
    fn pop<M: Memory>(&mut self, ring: &mut ring::Subscriber<M>) -> Pop;
}

impl Place for &mut [u8] {
    #[inline(always)]
    fn pop<M: Memory>(&mut self, ring: &mut ring::Subscriber<M>) -> Pop {
        ring.try_pop_into(self)
    }
}

impl Place for &mut Vec<u8> {
    #[inline(always)]
    fn pop<M: Memory>(&mut self, ring: &mut ring::Subscriber<M>) -> Pop {
        ring.try_pop_vec(self)
    }
}

/// A pop that waits.
struct Popping<'a, M: Memory, F: Control, W: Seats, H: Host, P> {
    subscriber: &'a mut Subscriber<M, F, W, H>,
    place: &'a mut P,
}

impl<M, F, W, H, P> Poll for Popping<'_, M, F, W, H, P>
where
    M: Memory,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
    P: Place,
{
    type Front = F;
    type Words = W;
    type Host = H;
    type Item = usize;

    fn poll(&mut self) -> Result<usize, PopError> {
        self.subscriber.try_pop(self.place)
    }

    fn has_something(&self) -> bool {
        self.subscriber.ring.has_something()
    }

    fn end_mut(&mut self) -> &mut End<F, W, H> {
        &mut self.subscriber.end
    }

    fn end(&self) -> &End<F, W, H> {
        &self.subscriber.end
    }
}

impl<M, F, W, H> Subscriber<M, F, W, H>
where
    M: Memory,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// Pops the next frame if there is one; returns its length.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Missed`]; [`PopError::BufferTooSmall`], and the frame stays;
    /// [`PopError::Closed`] when there is nothing and never will be; [`PopError::PeerGone`] when there is
    /// nothing and the publisher has detached; [`PopError::Corrupt`].
    #[inline(always)]
    pub fn try_pop<P: Place>(&mut self, place: &mut P) -> Result<usize, PopError> {
        self.end.place.ours()?;
        match place.pop(&mut self.ring) {
            Pop::Frame { len, look: false } => Ok(len),
            other => self.settle(other, place),
        }
    }

    /// Pops the next frame, waiting for it; returns its length.
    ///
    /// # Errors
    /// [`PopError`], except [`PopError::Empty`].
    #[inline(always)]
    #[track_caller]
    pub fn pop<P: Place>(&mut self, place: &mut P, deadline: Option<Instant>) -> Result<usize, PopError> {
        let first = self.try_pop(place);
        pop_after(&mut Popping { subscriber: self, place }, first, deadline)
    }

    /// A pop that was not a plain success.
    #[cold]
    #[inline(never)]
    fn settle<P: Place>(&mut self, pop: Pop, place: &mut P) -> Result<usize, PopError> {
        let Pop::Empty { look } = pop else { return self.explain(pop) };
        let position = self.ring.position();
        let Some(error) = self.end.nothing(look, position)? else { return Err(PopError::Empty) };
        // [C1] The bit is seen: everything published before is visible too. Check once more.
        match place.pop(&mut self.ring) {
            Pop::Empty { .. } => Err(error),
            other => self.explain(other),
        }
    }

    fn explain(&mut self, pop: Pop) -> Result<usize, PopError> {
        match pop {
            Pop::Frame { len, look } => {
                self.end.look_at_publisher(look);
                Ok(len)
            }
            Pop::TooLong { len } => Err(PopError::BufferTooSmall { needed: len }),
            Pop::Empty { .. } => Err(PopError::Empty),
            Pop::Missed { count } => Err(PopError::Missed(Missed { count })),
            Pop::Corrupt(corruption) => Err(self.end.poison(corruption)),
        }
    }

    /// Whether the next frame of a gated channel can be lent in place. If there is nothing, a view may still
    /// fail.
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
            Err(pop) => return self.explain(pop).map(drop),
        };
        let position = self.ring.position();
        match self.end.nothing(look, position)? {
            // [C1] As in `settle`: what was published before the end is visible now. Check once more.
            Some(error) if !self.ring.has_something() => Err(error),
            _ => Ok(()),
        }
    }

    /// The event that a subscriber in a set has to report.
    ///
    /// # Errors
    /// With `probe`, when it is unknown whether the publisher is alive; that of a wake that was kept.
    pub(crate) fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.ring.has_something() { Ok(Some(News::Ready)) } else { self.end.news_of_publisher(probe) }
    }
}
