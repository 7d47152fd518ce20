//! The consuming end of a channel.

use std::time::Instant;

use super::{Consumer, Spsc};
use crate::channel::attached::Attached;
use crate::channel::end::Segment;
use crate::channel::kernel::Kernel;
use crate::channel::kind::{Core, Elements, Parts};
use crate::channel::pair::{self, Ending};
use crate::channel::receiver::Receiver;
use crate::end::spsc as end;
use crate::error::PopError;
use crate::message::Message;
use crate::ring::spsc::{self as ring, Counters, Mapped};

use super::producer::counters;

mod in_place;
mod pop;
mod view;

pub use view::View;

/// The consuming end without what is common to all kinds.
pub(super) type Receiving<T> = end::Consumer<Mapped<T>, Segment, Kernel>;

impl<T: Message> Parts for Spsc<T> {
    type Sending = super::producer::Sending<T>;
    type Receiving = Receiving<T>;
    type Counters = Counters;
}

impl<T: Message> Elements for Spsc<T> {
    type Item = T;
    type Yield = T;

    #[inline]
    fn yields(popped: Result<T, PopError>) -> Result<T, PopError> {
        popped
    }
}

impl<T: Message> Core for Receiving<T> {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        counters::<T>(&self.end, self.capacity())
    }

    fn capacity(&self) -> u64 {
        self.ring.memory().capacity()
    }

    fn leave(&mut self, ending: Ending) {
        let has_item = self.end.is_ours() && self.ring.has_item();
        pair::leave_consumer(&mut self.end, ending, has_item);
    }
}

impl<T: Message> Consumer<T> {
    pub(in crate::channel) fn new(attached: Attached<Mapped<T>>) -> Self {
        let Attached { ring, end } = attached;
        Receiver::of(end::Consumer::new(ring::Consumer::attach(ring), end))
    }

    /// Waits until there is a message, which stays in the ring.
    fn wait_for_item(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        loop {
            let result = self.core.wait_for_item(deadline);
            if !self.is_followed(&result) {
                return result;
            }
        }
    }

    /// Number of messages popped since the channel was made, by this holder and its predecessors: the
    /// sequence number of the next message.
    #[must_use]
    pub fn popped(&self) -> u64 {
        self.core.ring.position()
    }
}
