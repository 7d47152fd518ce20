//! Reading a newer type through its older beginning.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::{RawReceiver, ReceiveError, Received};
use crate::message::Message;

/// An end that receives the beginning of each element as a `T`: the channel's type has the fields of `T`
/// first, and perhaps more. From [`Builder::open_prefix`](super::Builder::open_prefix).
#[derive(Debug)]
pub struct PrefixReceiver<T> {
    receiver: RawReceiver,
    element: PhantomData<fn() -> T>,
}

impl<T: Message> PrefixReceiver<T> {
    pub(super) fn new(receiver: RawReceiver) -> Self {
        Self { receiver, element: PhantomData }
    }

    /// Receives the next element, if there is one.
    ///
    /// # Errors
    /// As [`RawReceiver::try_receive`].
    ///
    /// # Blocking
    /// Never.
    pub fn try_receive(&mut self) -> Result<T, ReceiveError> {
        self.receive_by(|receiver, place| receiver.try_receive(place))
    }

    /// Receives the next element, waiting for it.
    ///
    /// # Errors
    /// As [`RawReceiver::receive`].
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn receive(&mut self) -> Result<T, ReceiveError> {
        self.receive_by(RawReceiver::receive)
    }

    /// As [`receive`](Self::receive), until a deadline.
    ///
    /// # Errors
    /// As [`RawReceiver::receive_deadline`].
    pub fn receive_deadline(&mut self, deadline: Instant) -> Result<T, ReceiveError> {
        self.receive_by(|receiver, place| receiver.receive_deadline(place, deadline))
    }

    /// As [`receive`](Self::receive), with a timeout.
    ///
    /// # Errors
    /// As [`RawReceiver::receive_timeout`].
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<T, ReceiveError> {
        self.receive_deadline(crate::clock::after(timeout))
    }

    fn receive_by(
        &mut self,
        receive: impl FnOnce(&mut RawReceiver, &mut [u8]) -> Result<Received, ReceiveError>,
    ) -> Result<T, ReceiveError> {
        let mut element = T::new_zeroed();
        receive(&mut self.receiver, element.as_mut_bytes())?;
        Ok(element)
    }

    /// The end itself: for the channel's elements, and for interrupting its waits.
    #[must_use]
    pub const fn raw(&self) -> &RawReceiver {
        &self.receiver
    }
}
