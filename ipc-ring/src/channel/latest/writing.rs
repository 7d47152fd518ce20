//! Publishing, for elements of any shape.

use super::end::{End, Topic};
use super::error::PublishError;
use crate::channel::pair::Ending;
use crate::memory::Shape;
use crate::ring::latest::{self as ring, MappedOf, Memory as _, Words as _};
use crate::wait::signal::{CLOSED, DETACHED};

/// The writing end of a table.
#[derive(Debug)]
pub(in crate::channel) struct Writing<S: Shape> {
    ring: ring::Writer<MappedOf<S>>,
    pub(in crate::channel) end: End<S>,
    pub(in crate::channel) ending: Ending,
}

impl<S: Shape> Writing<S> {
    pub(in crate::channel) fn new(end: End<S>) -> Self {
        let ending = Ending::of_producer(end.place.is_persistent());
        Self { ring: ring::Writer::attach(end.ring.clone()), end, ending }
    }

    #[inline(always)]
    pub(in crate::channel) fn publish(
        &mut self,
        key: u32,
        value: &S::Item,
        time_ns: u64,
    ) -> Result<u64, PublishError> {
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

    pub(in crate::channel) fn sequence(&mut self, key: u32) -> Result<u64, PublishError> {
        self.end.place.ours()?;
        let keys = self.keys();
        self.ring.sequence(key).map_err(|trouble| PublishError::from_trouble(trouble, key, keys))
    }

    pub(in crate::channel) fn keys(&self) -> u32 {
        self.ring.memory().keys()
    }
}

impl<S: Shape> Drop for Writing<S> {
    fn drop(&mut self) {
        if self.end.place.is_ours() {
            let closes = self.ending == Ending::Close && !std::thread::panicking();
            self.end.raise(if closes { CLOSED } else { DETACHED });
            self.end.leave();
        }
    }
}
