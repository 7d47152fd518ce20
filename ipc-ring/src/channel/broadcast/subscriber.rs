//! The reading end of a channel.

use super::Counters;
use super::end::End;
use super::position::Position;
use super::{Broadcast, Subscriber};
use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Elements, Parts};
use crate::channel::pair::Ending;
use crate::channel::receiver::Receiver;
use crate::channel::seats::Segment;
use crate::end::broadcast as end;
use crate::error::{Missed, PopError};
use crate::message::Message;
use crate::ring::broadcast::{self as ring, Front, Mapped, Mode};

mod accept;
mod pop;
mod view;

pub use view::View;

/// The reading end without what is common to all kinds.
pub(super) type Receiving<T> = end::Subscriber<Mapped<T>, Front, Segment, Kernel>;

impl<T: Message> Parts for Broadcast<T> {
    type Sending = super::publisher::Sending<T>;
    type Receiving = Receiving<T>;
    type Counters = Counters;
    fn may_continue(error: &PopError) -> bool {
        matches!(error, PopError::Closed | PopError::PeerGone(_))
    }
}

impl<T: Message> Elements for Broadcast<T> {
    type Item = T;
    type Yield = Result<T, Missed>;

    #[inline]
    fn yields(popped: Result<T, PopError>) -> Result<Result<T, Missed>, PopError> {
        missed_or(popped)
    }
}

/// What an iteration returns for this result of a pop: a message, or the number of those missed.
pub(in crate::channel::broadcast) fn missed_or<I>(
    popped: Result<I, PopError>,
) -> Result<Result<I, Missed>, PopError> {
    match popped {
        Ok(item) => Ok(Ok(item)),
        Err(PopError::Missed(missed)) => Ok(Err(missed)),
        Err(error) => Err(error),
    }
}

impl<T: Message> Core for Receiving<T> {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        Counters::read(&self.end.front)
    }

    fn capacity(&self) -> u64 {
        self.end.front.capacity()
    }

    fn leave(&mut self, _ending: Ending) {
        self.end.leave_by(|| self.ring.take_seat());
    }
}

impl<T: Message> Subscriber<T> {
    pub(super) fn new(ring: ring::Subscriber<Mapped<T>>, end: End) -> Self {
        Receiver::of(end::Subscriber { ring, end })
    }

    /// Lends the next message of a gated channel in place. [`View::release`] pops it; dropping the view
    /// leaves it.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    ///
    /// # Panics
    /// In a lossy channel, whose publisher may write there at any time.
    pub fn try_view(&mut self) -> Result<View<'_, T>, PopError> {
        let ready = self.core.before_view();
        match self.unless_followed(ready) {
            Ok(()) | Err(PopError::Empty) => {}
            Err(error) => return Err(error),
        }
        let end::Subscriber { ring, end } = &mut self.core;
        ring.try_view().map(|view| View::new(view, end)).map_err(|_| PopError::Empty)
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.core.end.front.mode()
    }

    /// The sequence number of the next message, which is the number of messages published before it. That of
    /// the message popped last is one less.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.core.ring.position()
    }

    /// The position of this subscriber, to be saved and started from later: see
    /// [`Start::Saved`](super::Start::Saved).
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            generation: self.core.end.generation(),
            sequence: self.sequence(),
            offset: self.sequence(),
        }
    }

    /// Number of published messages still to be read, or already overwritten. Racy.
    #[must_use]
    #[doc(alias = "len")]
    pub fn behind(&self) -> u64 {
        self.core.ring.behind()
    }
}
