//! The producing end of a channel.

use std::time::Instant;

use super::Producer;
use super::end::{End, Role};
use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Push};
use crate::channel::pair::Ending;
use crate::channel::seated::Seat;
use crate::channel::seats::Segment;
use crate::channel::sender::Sender;
use crate::end::mpmc as end;
use crate::error::PushError;
use crate::layout;
use crate::memory::Of;
use crate::message::Message;
use crate::ring::mpmc::{self as ring, Counters, Mapped, recovery};

/// The producing end without what is common to all kinds.
pub(super) type Sending<T> = end::Producer<Mapped<T>, Segment, Kernel>;

impl<T: Message> Producer<T> {
    pub(super) fn new((end, seat): (End<Of<T>>, ring::Seat)) -> Self {
        let ring = ring::Producer::attach(end.ring.clone(), seat);
        Sender::detaching(end::Producer::new(ring, end))
    }

    /// Recovers from dead ends now, instead of when an end waits for one. Does nothing in a child process
    /// that inherited the end through a fork.
    ///
    /// # Blocking
    /// Never; one system call for each end of the channel.
    ///
    /// # Errors
    /// When it is unknown whether some end's process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more. Nothing was taken from that one; the others were recovered.
    pub fn recover(&mut self) -> Result<recovery::Report, ipc_core::Error> {
        self.core.end.recover()
    }

    /// Number of messages waiting. Off by operations in progress.
    #[must_use]
    pub fn len(&self) -> u64 {
        ring::len(&self.core.end.ring)
    }

    /// Whether no message is waiting, according to [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Identity of this channel, for a [pool](crate::pool) whose handles travel in its messages.
    #[must_use]
    pub fn route(&self) -> crate::pool::Route {
        crate::channel::pool::route(self.core.end.entry())
    }

    /// The memory of the ring, for its counters.
    #[must_use]
    pub fn memory(&self) -> &Mapped<T> {
        &self.core.end.ring
    }
}

impl<T: Message> Core for Sending<T> {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        counters::<T>(&self.end.place, self.capacity())
    }

    fn capacity(&self) -> u64 {
        self.end.ring.capacity()
    }

    fn leave(&mut self, ending: Ending) {
        let Self { ring, end, .. } = self;
        end.leave(Role::Producer, ending, || ring.leave());
    }
}

impl<T: Message> Push<T> for Sending<T> {
    #[inline(always)]
    fn try_put(&mut self, item: &T) -> Result<(), PushError<()>> {
        self.try_push(item)
    }

    #[inline(always)]
    fn put(&mut self, item: &T, deadline: Option<Instant>) -> Result<(), PushError<()>> {
        self.push(item, deadline)
    }

    fn try_put_slice(&mut self, items: &[T]) -> Result<usize, PushError<usize>> {
        self.try_push_slice(items)
    }

    fn put_slice(&mut self, items: &[T], deadline: Option<Instant>) -> Result<(), PushError<usize>> {
        self.push_slice(items, deadline)
    }
}

/// What the ends of a ring have counted so far.
pub(super) fn counters<T: Message>(seat: &impl Seat, capacity: u64) -> Counters {
    let geometry = Mapped::<T>::geometry(capacity).expect("that of a ring that was opened");
    Counters::read(seat.region(), &geometry, layout::first_position(seat.region()))
}
