//! The writing end of a table.

use super::end::End;
use super::writing::Writing;
use crate::channel::pair::Ending;
use crate::error::PublishError;
use crate::memory::Of;
use crate::message::Message;

/// The writing end of a table: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it to a
/// successor. The values stay readable in any case, as long as a process is attached.
#[derive(Debug)]
pub struct TableWriter<T: Message> {
    writing: Writing<Of<T>>,
}

impl<T: Message> TableWriter<T> {
    pub(super) fn new(end: End<Of<T>>) -> Self {
        Self { writing: Writing::new(end) }
    }

    /// Publishes a value of a key, stamped with the [clock](super::now_ns) of the machine; returns its
    /// sequence.
    ///
    /// # Errors
    /// [`PublishError::NoSuchKey`]; [`PublishError::Corrupt`], only at this end's first publication of the
    /// key; [`PublishError::NotWoken`].
    ///
    /// # Blocking
    /// Never. System calls when readers sleep that wait for this key, to wake them.
    #[inline]
    pub fn publish(&mut self, key: u32, value: T) -> Result<u64, PublishError> {
        self.publish_at(key, &value, crate::clock::machine_ns())
    }

    /// As [`publish`](Self::publish), by reference and with the caller's time: one that was read before, or
    /// another clock's. Saves reading the clock.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    #[inline]
    pub fn publish_at(&mut self, key: u32, value: &T, time_ns: u64) -> Result<u64, PublishError> {
        self.writing.publish(key, value, time_ns)
    }

    /// The sequence of the key's newest value, published by this end or a predecessor; 0 when there is none.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn sequence(&mut self, key: u32) -> Result<u64, PublishError> {
        self.writing.sequence(key)
    }

    /// Number of keys.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.writing.keys()
    }

    /// Ends the channel: waiting readers learn that nothing more comes. The same as dropping, except in a
    /// persistent channel.
    pub fn close(mut self) {
        self.writing.ending = Ending::Close;
    }

    /// Detaches and leaves the channel to a successor.
    pub fn detach(mut self) {
        self.writing.ending = Ending::Detach;
    }
}
