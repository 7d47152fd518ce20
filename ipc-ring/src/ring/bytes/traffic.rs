//! What the consumer knows about the traffic, for hints.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::platform::Word;
use crate::stream;

/// What the consumer has seen since it last found the ring empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Frames of this total [weight](stream::weight) without a wait between them are a stream.
    after: u64,
    /// Where the ring was last found empty: position, and number of frames popped before.
    waited_at: (u64, u64),
    /// Traffic is dense, as the `dense` word says too.
    flows: bool,
    /// Traffic is dense, and the consumer takes ownership of its lines.
    takes: bool,
    /// Approximate average size of a record in bytes, paddings included, between the last two waits.
    record: u64,
}

impl Pace {
    /// For a consumer that starts at this position.
    pub(super) const fn new(after: u64, position: u64, frames: u64) -> Self {
        // Not a position at which a frame can begin: the ring has not been found empty yet.
        Self { after, waited_at: (position.wrapping_sub(1), frames), flows: false, takes: false, record: 0 }
    }

    /// Whether frames arrive one after the other, without a wait, and the consumer takes ownership of their
    /// lines.
    #[inline(always)]
    pub(super) const fn takes_lines(&self) -> bool {
        self.takes
    }

    /// Recent size of a record in bytes; 0 when unknown.
    pub(super) const fn record(&self) -> u64 {
        self.record
    }

    /// Called when a quarter of the ring is released, with the number of frames popped.
    pub(super) fn gave_back<M: Memory>(&mut self, memory: &M, position: u64, frames: u64) {
        if self.is_long(position, frames) {
            self.tell(memory, true);
        }
    }

    /// A poll found the ring empty. True for the first such poll after a frame.
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

    /// Bytes and frames popped since the ring was last found empty.
    const fn since_wait(&self, position: u64, frames: u64) -> (u64, u64) {
        (position.wrapping_sub(self.waited_at.0), frames.wrapping_sub(self.waited_at.1))
    }

    const fn is_long(&self, position: u64, frames: u64) -> bool {
        let (bytes, count) = self.since_wait(position, frames);
        stream::weight(bytes, count) >= self.after
    }

    /// Informs the producer whether there is a stream, if that makes a difference to it: the word lies beside
    /// the signal that each push loads.
    fn tell<M: Memory>(&mut self, memory: &M, flows: bool) {
        if flows != self.flows {
            self.flows = flows;
            self.takes = flows && memory.takes_lines();
            if memory.is_dense_of_use(self.record) {
                memory.dense().store(u32::from(flows), Relaxed); // A hint.
            }
        }
    }
}
