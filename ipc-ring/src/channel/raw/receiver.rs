//! The end that receives bytes.

use std::time::{Duration, Instant};

use super::end::{Patience, Received, Receiving};
use super::{Builder, ElementInfo, ReceiveError};
use crate::channel::wait_set::News;
use crate::channel::waitable::{Await, Bell, Home, Waiting};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::platform::Barrier;

/// An end that receives elements as bytes, as the consumer, subscriber or reader of a channel: see the
/// [module](super).
///
/// Dropping it does what dropping that end does.
#[derive(Debug)]
pub struct RawReceiver {
    kind: Kind,
    element: ElementInfo,
    /// Bytes of an element that are copied.
    size: usize,
    end: Box<dyn Receiving>,
}

impl RawReceiver {
    /// Finds the channel of this name, which must exist, in the user's own domain, and takes a receiving end.
    ///
    /// # Errors
    /// As [`Builder::open_receiver`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_receiver()
    }

    pub(super) fn new(kind: Kind, element: ElementInfo, size: usize, end: Box<dyn Receiving>) -> Self {
        Self { kind, element, size, end }
    }

    /// The kind of the channel.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The elements of the channel.
    #[must_use]
    pub const fn element(&self) -> &ElementInfo {
        &self.element
    }

    /// Number of slots, or of keys.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.end.capacity()
    }

    /// Receives the next element, if there is one, into a slice of its size. An error leaves the slice
    /// unchanged.
    ///
    /// # Errors
    /// [`ReceiveError::WrongSize`], and the errors of the kind's end.
    ///
    /// # Blocking
    /// Never. One system call when a sender sleeps for room, to wake it.
    pub fn try_receive(&mut self, place: &mut [u8]) -> Result<Received, ReceiveError> {
        self.receive_how(place, Patience::Never)
    }

    /// Receives the next element, waiting for it.
    ///
    /// # Errors
    /// As [`try_receive`](Self::try_receive).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn receive(&mut self, place: &mut [u8]) -> Result<Received, ReceiveError> {
        self.receive_how(place, Patience::Until(None))
    }

    /// As [`receive`](Self::receive), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`](crate::PopError::TimedOut), and as [`receive`](Self::receive).
    pub fn receive_deadline(
        &mut self,
        place: &mut [u8],
        deadline: Instant,
    ) -> Result<Received, ReceiveError> {
        self.receive_how(place, Patience::Until(Some(deadline)))
    }

    /// As [`receive`](Self::receive), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`](crate::PopError::TimedOut), and as [`receive`](Self::receive).
    pub fn receive_timeout(&mut self, place: &mut [u8], timeout: Duration) -> Result<Received, ReceiveError> {
        self.receive_deadline(place, crate::clock::after(timeout))
    }

    fn receive_how(&mut self, place: &mut [u8], patience: Patience) -> Result<Received, ReceiveError> {
        if place.len() != self.size {
            return Err(ReceiveError::WrongSize { given: place.len(), element: self.size });
        }
        self.end.receive(place, patience)
    }

    /// Recovers from ends of an [`mpmc`](crate::mpmc) channel that died holding a slot, as
    /// [`mpmc::Consumer::recover`](crate::mpmc::Consumer::recover) does; does nothing in other kinds. Ends
    /// that wait do so by themselves.
    ///
    /// # Errors
    /// When it is unknown whether some end is alive.
    pub fn recover(&mut self) -> Result<(), ipc_core::Error> {
        self.end.recover()
    }

    crate::interrupter::interruptible!(end);

    /// Ends the stream where there is one sender and one receiver: the sender learns that nothing more will
    /// be received. In an [`mpmc`](crate::mpmc) channel it ends the stream for all ends; in other kinds it is
    /// the same as dropping the receiver.
    pub fn close(mut self) {
        self.end.set_closing(true);
    }
}

/// In a set, a receiver behaves as the end of its kind.
impl Await for RawReceiver {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        self.end.news(probe)
    }

    fn begin_wait(&mut self, is_worth_it: bool) {
        self.end.begin_wait(is_worth_it);
    }

    fn set_waiting(&mut self, bell: Bell) -> Barrier {
        self.end.set_waiting(bell)
    }

    fn clear_waiting(&mut self) -> bool {
        self.end.clear_waiting()
    }

    fn has_peer_died(&self) -> bool {
        self.end.has_peer_died()
    }

    fn is_passed_over(&mut self) {
        self.end.is_passed_over();
    }

    fn is_served(&mut self) {
        self.end.is_served();
    }

    fn home(&self) -> Home<'_> {
        self.end.home()
    }

    fn waiting(&self) -> Option<Waiting> {
        self.end.waiting()
    }

    fn awaits_successors(&self) -> bool {
        self.end.awaits_successors()
    }

    fn needs_polling(&self) -> bool {
        self.end.needs_polling()
    }

    fn is_soon(&mut self) -> bool {
        self.end.is_soon()
    }
}
