//! The writing end of a table.

use super::end::{End, Topic};
use super::error::PublishError;
use crate::channel::pair::Ending;
use crate::message::Message;
use crate::ring::latest::{self as ring, Mapped, Memory as _, Words as _};
use crate::wait::signal::{CLOSED, DETACHED};

/// The writing end of a table: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it to a successor. The values
/// stay readable in any case, as long as somebody is attached.
#[derive(Debug)]
pub struct TableWriter<T: Message> {
    ring: ring::Writer<Mapped<T>>,
    end: End<T>,
    ending: Ending,
}

impl<T: Message> TableWriter<T> {
    pub(super) fn new(end: End<T>) -> Self {
        let ending = Ending::of_producer(end.place.is_persistent());
        Self { ring: ring::Writer::attach(end.ring.clone()), end, ending }
    }

    /// Publishes a value of a key, stamped with the [clock](super::now_ns) of the machine; gives its sequence.
    ///
    /// # Errors
    /// [`PublishError::NoSuchKey`]; [`PublishError::Corrupt`], only at this end's first publication of the key;
    /// [`PublishError::NotWoken`].
    ///
    /// # Blocking
    /// Never. System calls when readers sleep that wait for this key, to wake them.
    #[inline]
    pub fn publish(&mut self, key: u32, value: T) -> Result<u64, PublishError> {
        self.publish_at(key, &value, crate::clock::machine_ns())
    }

    /// As [`publish`](Self::publish), from where the value lies, with a time of the caller's: one that was read before, or
    /// another clock's. Saves the reading of the clock.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    #[inline]
    pub fn publish_at(&mut self, key: u32, value: &T, time_ns: u64) -> Result<u64, PublishError> {
        self.end.place.ours()?;
        match self.ring.publish(key, time_ns, value) {
            Ok(sequence) => {
                let sides = [Topic::Any.side(), Topic::Key(key).side()];
                let memory = self.ring.memory();
                let masks = [memory.any_sleepers(), memory.key_sleepers(key)];
                match self.end.place.wake_concerned(sides, masks) {
                    Ok(()) => Ok(sequence),
                    Err(error) => Err(PublishError::NotWoken { sequence, reason: error.kind() }),
                }
            }
            Err(trouble) => Err(PublishError::from_trouble(trouble, key, self.keys())),
        }
    }

    /// The sequence of the key's newest value, published by this end or one before; 0 when there is none.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn sequence(&mut self, key: u32) -> Result<u64, PublishError> {
        self.end.place.ours()?;
        let keys = self.keys();
        self.ring.sequence(key).map_err(|trouble| PublishError::from_trouble(trouble, key, keys))
    }

    /// Number of keys.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.ring.memory().keys()
    }

    /// Ends the channel: who waits is told that nothing more comes. The same as dropping, but for a persistent channel.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Lets go and leaves the channel to a successor.
    pub fn detach(mut self) {
        self.ending = Ending::Detach;
    }
}

impl<T: Message> Drop for TableWriter<T> {
    fn drop(&mut self) {
        if self.end.place.is_ours() {
            let closes = self.ending == Ending::Close && !std::thread::panicking();
            self.end.raise(if closes { CLOSED } else { DETACHED });
            self.end.leave();
        }
    }
}
