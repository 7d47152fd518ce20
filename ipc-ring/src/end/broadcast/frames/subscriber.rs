//! A reading end of a channel of frames.

use std::time::Instant;

use crate::end::broadcast::attached::{Attached, Source};
use crate::end::participant::Seats;
use crate::error::{Missed, PopError};
use crate::ring::broadcast::Control;
use crate::ring::broadcast::frames::{self as ring, Memory, Pop};
use crate::wait::host::Host;

/// A reading end.
pub type Subscriber<M, F, W, H> = Attached<ring::Subscriber<M>, F, W, H>;

impl<M: Memory> Source for ring::Subscriber<M> {
    fn has_something(&self) -> bool {
        self.has_something()
    }
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
        self.pop_after(first, deadline, |subscriber| subscriber.try_pop(place))
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
}
