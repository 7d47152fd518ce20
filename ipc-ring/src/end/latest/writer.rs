//! The writing end: publishing, and waking the readers that wait for the value.

use super::end::{End, Topic};
use crate::end::participant::Seats;
use crate::error::PublishError;
use crate::memory::Shape;
use crate::ring::latest::{self as ring, Memory};
use crate::wait::host::Host;

/// The writing end.
#[derive(Debug)]
pub struct Writer<M: Memory, W: Seats, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Writer<M>,
    /// Its seat.
    pub end: End<M, W, H>,
}

impl<M, W, H> Writer<M, W, H>
where
    M: Memory + Clone,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// The writing half of an end's table.
    pub fn new(end: End<M, W, H>) -> Self {
        Self { ring: ring::Writer::attach(end.ring.clone()), end }
    }

    /// Publishes a value of a key, and wakes the readers that wait for it; returns its sequence.
    ///
    /// # Errors
    /// [`PublishError`].
    #[inline(always)]
    pub fn publish(
        &mut self,
        key: u32,
        value: &<M::Shape as Shape>::Item,
        time_ns: u64,
    ) -> Result<u64, PublishError> {
        self.end.place.ours()?;
        match self.ring.publish(key, time_ns, value) {
            Ok(sequence) => {
                let classes = [Topic::Any.class(), Topic::Key(key).class()];
                let memory = self.ring.memory();
                let masks = [memory.any_sleepers(), memory.key_sleepers(key)];
                match self.end.place.wake_concerned(classes, masks) {
                    Ok(()) => Ok(sequence),
                    Err(error) => Err(PublishError::NotWoken { sequence, reason: error.kind() }),
                }
            }
            Err(trouble) => Err(PublishError::from_trouble(trouble, key, self.ring.memory().keys())),
        }
    }
}
