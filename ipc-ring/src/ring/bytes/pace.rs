//! What the consumer knows about the traffic, for hints.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::platform::Word;
use crate::stream;

/// What the consumer has seen since it found nothing last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Frames that [weigh](stream::weight) so much without a wait between them are a stream.
    after: u64,
    /// Where nothing was found last: position, and frames popped before.
    waited_at: (u64, u64),
    /// Frames come one after the other, as the `dense` word says too.
    flows: bool,
    /// Bytes of a record with what padding there was, on average, between the last two waits; about.
    record: u64,
}

impl Pace {
    /// For a consumer that begins at this position.
    pub(super) const fn new(after: u64, position: u64, frames: u64) -> Self {
        // Not a position at which a frame begins: nothing was found nowhere yet.
        Self { after, waited_at: (position.wrapping_sub(1), frames), flows: false, record: 0 }
    }

    /// Whether frames come one after the other, without a wait.
    #[inline(always)]
    pub(super) const fn flows(&self) -> bool {
        self.flows
    }

    /// Bytes of a record, as it was lately; 0 when that is not known.
    pub(super) const fn record(&self) -> u64 {
        self.record
    }

    /// A quarter of the ring is given back, and so many frames have been popped.
    pub(super) fn gave_back<M: Memory>(&mut self, memory: &M, position: u64, frames: u64) {
        if self.is_long(position, frames) {
            self.tell(memory, true);
        }
    }

    /// A poll found nothing. True for the first one after a frame.
    pub(super) fn found_nothing<M: Memory>(&mut self, memory: &M, position: u64, frames: u64) -> bool {
        let first = position != self.waited_at.0;
        if first {
            let (bytes, count) = self.since_wait(position, frames);
            self.record = bytes.checked_div(count).unwrap_or(0);
            self.tell(memory, self.is_long(position, frames));
            self.waited_at = (position, frames);
        }
        first
    }

    /// Bytes and frames popped since nothing was found.
    const fn since_wait(&self, position: u64, frames: u64) -> (u64, u64) {
        (position.wrapping_sub(self.waited_at.0), frames.wrapping_sub(self.waited_at.1))
    }

    const fn is_long(&self, position: u64, frames: u64) -> bool {
        let (bytes, count) = self.since_wait(position, frames);
        stream::weight(bytes, count) >= self.after
    }

    /// Lets the producer know whether there is a stream.
    fn tell<M: Memory>(&mut self, memory: &M, flows: bool) {
        if flows != self.flows {
            self.flows = flows;
            memory.dense().store(u32::from(flows), Relaxed); // A hint.
        }
    }
}
