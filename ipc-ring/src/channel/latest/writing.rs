//! Publishing, for elements of any shape.

use super::end::End;
use crate::channel::kernel::Kernel;
use crate::channel::pair::Ending;
use crate::channel::seated::Seat as _;
use crate::channel::seats::Segment;
use crate::end::latest as end;
use crate::error::PublishError;
use crate::memory::Shape;
use crate::ring::latest::{MappedOf, Memory as _};
use crate::wait::signal::{CLOSED, DETACHED};

/// The writing end of a table.
#[derive(Debug)]
pub(in crate::channel) struct Writing<S: Shape> {
    pub(in crate::channel) core: end::Writer<MappedOf<S>, Segment, Kernel>,
    pub(in crate::channel) ending: Ending,
}

impl<S: Shape> Writing<S> {
    pub(in crate::channel) fn new(end: End<S>) -> Self {
        let ending = Ending::of_producer(end.place.is_persistent());
        Self { core: end::Writer::new(end), ending }
    }

    #[inline(always)]
    pub(in crate::channel) fn publish(
        &mut self,
        key: u32,
        value: &S::Item,
        time_ns: u64,
    ) -> Result<u64, PublishError> {
        self.core.publish(key, value, time_ns)
    }

    pub(in crate::channel) fn sequence(&mut self, key: u32) -> Result<u64, PublishError> {
        self.core.end.place.ours()?;
        let keys = self.keys();
        self.core.ring.sequence(key).map_err(|trouble| PublishError::from_trouble(trouble, key, keys))
    }

    pub(in crate::channel) fn keys(&self) -> u32 {
        self.core.ring.memory().keys()
    }
}

impl<S: Shape> Drop for Writing<S> {
    fn drop(&mut self) {
        if self.core.end.place.is_ours() {
            let closes = self.ending == Ending::Close && !std::thread::panicking();
            self.core.end.finish(if closes { CLOSED } else { DETACHED });
            self.core.end.leave();
        }
    }
}
