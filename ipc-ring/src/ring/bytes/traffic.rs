//! What the consumer knows about the traffic, for hints.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::cache::traffic;
use crate::platform::Word;

/// What the consumer has seen since it last found the ring empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameTraffic {
    /// Frames of this total [weight](traffic::weight) without a wait between them are a stream.
    after: u64,
    /// Where the ring was last found empty: position, and number of frames popped before.
    waited_at: (u64, u64),
    /// Traffic is dense, as the `dense` word says too.
    is_streaming: bool,
    /// Traffic is dense, and the consumer takes ownership of its lines.
    acquires: bool,
    /// Approximate average size of a record in bytes, paddings included, between the last two waits.
    record: u64,
}

impl FrameTraffic {
    /// For a consumer that starts at this position.
    pub(super) const fn new(after: u64, position: u64, frames: u64) -> Self {
        // Not a position at which a frame can begin: the ring has not been found empty yet.
        Self {
            after,
            waited_at: (position.wrapping_sub(1), frames),
            is_streaming: false,
            acquires: false,
            record: 0,
        }
    }

    /// Whether frames arrive one after the other, without a wait, and the consumer takes ownership of their
    /// lines.
    #[inline(always)]
    pub(super) const fn acquires_read(&self) -> bool {
        self.acquires
    }

    /// Recent size of a record in bytes; 0 when unknown.
    pub(super) const fn record(&self) -> u64 {
        self.record
    }

    /// Called when a quarter of the ring is released, with the number of frames popped.
    pub(super) fn released<M: Memory>(&mut self, memory: &M, position: u64, frames: u64) {
        if self.is_long(position, frames) {
            self.publish(memory, true);
        }
    }

    /// A poll found the ring empty. True for the first such poll after a frame.
    pub(super) fn found_nothing<M: Memory>(&mut self, memory: &M, position: u64, frames: u64) -> bool {
        let first = position != self.waited_at.0;
        if first {
            let (bytes, count) = self.since_wait(position, frames);
            self.record = bytes.checked_div(count).unwrap_or(0);
            self.publish(memory, self.is_long(position, frames));
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
        traffic::weight(bytes, count) >= self.after
    }

    /// Informs the producer whether there is a stream, if that makes a difference to it: the word lies beside
    /// the signal that each push loads.
    fn publish<M: Memory>(&mut self, memory: &M, is_streaming: bool) {
        if is_streaming != self.is_streaming {
            self.is_streaming = is_streaming;
            self.acquires = is_streaming && memory.acquires_read();
            if memory.is_dense_of_use(self.record) {
                memory.dense().store(u32::from(is_streaming), Relaxed); // A hint.
            }
        }
    }
}
