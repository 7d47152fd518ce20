//! The writing end of a channel of one value.

use super::{Builder, PublishError, TableWriter};
use crate::channel::builder::by_name;
use crate::message::Message;

/// The writing end of one value: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it to a
/// successor. The last value stays readable in any case, as long as a process is attached.
#[derive(Debug)]
pub struct Writer<T: Message>(TableWriter<T>);

impl<T: Message> Writer<T> {
    by_name!(Builder<T>: create_sender, create_new_sender, open_sender);

    pub(super) fn new(table: TableWriter<T>) -> Self {
        Self(table)
    }

    /// Publishes a value, stamped with the [clock](super::now_ns) of the machine; returns its sequence.
    ///
    /// # Errors
    /// [`PublishError::Corrupt`], only at this end's first publication; [`PublishError::NotWoken`].
    ///
    /// # Blocking
    /// Never. System calls when readers sleep, to wake them.
    #[inline]
    pub fn publish(&mut self, value: T) -> Result<u64, PublishError> {
        self.0.publish(0, value)
    }

    /// As [`publish`](Self::publish), by reference and with the caller's time: one that was read before, or
    /// another clock's. Saves reading the clock.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    #[inline]
    pub fn publish_at(&mut self, value: &T, time_ns: u64) -> Result<u64, PublishError> {
        self.0.publish_at(0, value, time_ns)
    }

    /// The sequence of the newest value, published by this end or a predecessor; 0 when there is none.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn sequence(&mut self) -> Result<u64, PublishError> {
        self.0.sequence(0)
    }

    /// Ends the channel: waiting readers learn that nothing more comes. The same as dropping, except in a
    /// persistent channel.
    pub fn close(self) {
        self.0.close();
    }

    /// Detaches and leaves the channel to a successor.
    pub fn detach(self) {
        self.0.detach();
    }
}
