//! The consuming end of a channel.

use super::producer::counters;
use super::{Bytes, Consumer, Drain, Reader};
use crate::channel::attached::Attached;
use crate::channel::end::Segment;
use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Parts};
use crate::channel::pair::{self, Ending};
use crate::channel::receiver::Receiver;
use crate::end::bytes as end;
use crate::error::AttachError;
use crate::ring::bytes::{self as ring, Counters, Mapped};

mod in_place;
mod pop;
mod view;

pub use view::View;

/// The consuming end without what is common to all kinds.
pub(super) type Receiving = end::Consumer<Mapped, Segment, Kernel>;

impl Consumer {
    pub(in crate::channel) fn new(attached: Attached<Mapped>) -> Result<Self, AttachError> {
        let Attached { ring, end } = attached.attach(ring::Consumer::attach)?;
        Ok(Receiver::of(end::Consumer::new(ring, end)))
    }

    /// Whether there is a frame, by a check that changes nothing.
    pub(super) fn has_frame(&self) -> bool {
        self.core.ring.has_item()
    }

    /// Reads the frames as one stream of bytes, without their boundaries.
    #[must_use]
    pub fn into_reader(self) -> Reader {
        Reader::new(self)
    }

    /// The longest frame that this channel takes, in bytes: a buffer of this size is never too small.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.core.ring.longest()
    }

    /// Number of frames popped since the channel was made, by this holder and its predecessors; one short for
    /// each of those that was killed between popping a frame and counting it.
    #[must_use]
    pub fn popped(&self) -> u64 {
        self.core.ring.frames()
    }

    /// Where the next frame begins, or the padding before it: bytes since the channel was made. Exact, even
    /// after deaths, and larger for each frame than for the one before.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.core.ring.position()
    }
}

impl Iterator for &mut Consumer {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let popped = self.pop();
        self.or_end(popped)
    }
}

impl Iterator for Drain<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.receiver.try_pop().ok()
    }
}

impl Parts for Bytes {
    type Sending = super::producer::Sending;
    type Receiving = Receiving;
    type Counters = Counters;
}

impl Core for Receiving {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        counters(&self.end)
    }

    fn capacity(&self) -> u64 {
        self.ring.memory().capacity()
    }

    fn leave(&mut self, ending: Ending) {
        let has_item = self.end.is_ours() && self.ring.has_item();
        pair::leave_consumer(&mut self.end, ending, has_item);
    }
}
