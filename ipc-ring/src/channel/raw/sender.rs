//! The end that sends bytes.

use std::time::{Duration, Instant};

use super::end::{Patience, Sending};
use super::{Builder, ElementInfo, SendError};
use crate::error::AttachError;
use crate::latest::PublishError;
use crate::layout::Kind;
use crate::pool::Route;

/// An end that sends elements as bytes, as the producer, publisher or writer of a channel: see the
/// [module](super).
///
/// Dropping it does what dropping that end does.
#[derive(Debug)]
pub struct RawSender {
    kind: Kind,
    element: ElementInfo,
    end: Box<dyn Sending>,
}

impl RawSender {
    /// Finds the channel of this name, which must exist, in the user's own domain, and takes its sending end.
    ///
    /// # Errors
    /// As [`Builder::open_sender`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_sender()
    }

    pub(super) fn new(kind: Kind, element: ElementInfo, end: Box<dyn Sending>) -> Self {
        Self { kind, element, end }
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

    /// Identity of this channel, for a [pool](crate::pool) whose handles travel in its messages: of
    /// [`spsc`](crate::spsc) and [`mpmc`](crate::mpmc). In the other kinds payloads are
    /// [shared](crate::pool::Loan::share).
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        self.end.route()
    }

    /// Sends an element if there is room.
    ///
    /// # Errors
    /// [`SendError::WrongSize`], and the errors of the kind's end.
    ///
    /// # Blocking
    /// Never. One system call when a receiver sleeps, to wake it.
    pub fn try_send(&mut self, element: &[u8]) -> Result<(), SendError> {
        self.send_how(0, element, Patience::Never)
    }

    /// Sends an element, waiting for room.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn send(&mut self, element: &[u8]) -> Result<(), SendError> {
        self.send_how(0, element, Patience::Until(None))
    }

    /// As [`send`](Self::send), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`](crate::PushError::TimedOut), and as [`send`](Self::send).
    pub fn send_deadline(&mut self, element: &[u8], deadline: Instant) -> Result<(), SendError> {
        self.send_how(0, element, Patience::Until(Some(deadline)))
    }

    /// As [`send`](Self::send), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`](crate::PushError::TimedOut), and as [`send`](Self::send).
    pub fn send_timeout(&mut self, element: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.send_deadline(element, crate::clock::after(timeout))
    }

    /// Publishes the value of a key of a table of [`latest`](crate::latest) values; the other forms publish
    /// that of key 0. Other kinds have only key 0.
    ///
    /// # Errors
    /// [`PublishError::NoSuchKey`], and as [`send`](Self::send).
    ///
    /// # Blocking
    /// As [`send`](Self::send).
    pub fn send_to(&mut self, key: u32, element: &[u8]) -> Result<(), SendError> {
        if key != 0 && self.kind != Kind::Latest {
            return Err(SendError::Publish(PublishError::NoSuchKey { key, keys: 1 }));
        }
        self.send_how(key, element, Patience::Until(None))
    }

    fn send_how(&mut self, key: u32, element: &[u8], patience: Patience) -> Result<(), SendError> {
        let size = self.element.size();
        if element.len() != size {
            return Err(SendError::WrongSize { given: element.len(), element: size });
        }
        self.end.send(key, element, patience)
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

    /// Ends the stream: receivers take what is left, then get the end of the stream.
    pub fn close(mut self) {
        self.end.set_closing(true);
    }

    /// Leaves the stream open for a successor.
    pub fn detach(mut self) {
        self.end.set_closing(false);
    }
}
