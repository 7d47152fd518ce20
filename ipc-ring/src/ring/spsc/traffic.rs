//! The consumer's estimate of the traffic, from which prefetch hints follow. Nothing here affects
//! correctness.
//!
//! A stream is read fastest when the lines ahead are prefetched early; but prefetching a line that the
//! producer has not written yet takes it away from the producer. So the consumer prefetches only as far as it
//! knows, or has good reason to expect, that the producer has written.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::cache::traffic::Traffic;
use crate::platform::Word;

/// After this number of messages without a wait, checking further ahead is worthwhile.
const NEAR: u8 = 4;

/// What the consumer has learned about the traffic.
#[derive(Clone, Copy, Debug)]
pub(super) struct PositionTraffic {
    /// Messages taken one by one since the last wait or the last unsuccessful look-ahead, up to [`NEAR`].
    near: u8,
    /// The value this end last stored to the `dense` word.
    dense: bool,
    /// Messages arrive one after the other, and the consumer takes ownership of their lines.
    acquires: bool,
    stream: Traffic,
}

impl PositionTraffic {
    pub(super) const fn new(stream: u64, position: u64) -> Self {
        Self { near: 0, dense: false, acquires: false, stream: Traffic::new(stream, position) }
    }

    /// The message of this position has been read and its slot is about to be released. Where ownership of
    /// lines is taken, this takes the lines that end in the slot, if it is the last of the slots that begin
    /// there.
    #[inline(always)]
    pub(super) fn has_read<M: Memory>(&self, memory: &M, position: u64) {
        let index = position & (memory.capacity() - 1);
        if self.acquires && memory.end_together(index) == 1 {
            memory.acquire_read(index);
        }
    }

    /// Whether messages arrive one after the other and the consumer takes ownership of their lines.
    #[inline(always)]
    pub(super) const fn acquires_read(&self) -> bool {
        self.acquires
    }

    /// Whether checking further ahead is worthwhile.
    #[inline(always)]
    pub(super) const fn is_near(&self) -> bool {
        self.near == NEAR
    }

    /// A message was taken that needed a check of its own, or the last one of several.
    #[inline(always)]
    pub(super) const fn took_one(&mut self) {
        if self.near < NEAR {
            self.near += 1;
        }
    }

    /// A check further ahead found nothing.
    #[inline(always)]
    pub(super) const fn is_not_near(&mut self) {
        self.near = 0;
    }

    /// A quarter of the ring is released. `position` is the next one.
    #[inline]
    pub(super) fn released<M: Memory>(&mut self, memory: &M, position: u64) {
        self.stream.released(position);
        self.publish(memory);
    }

    /// Informs the producer whether traffic is dense, where that makes a difference.
    #[inline(always)]
    fn publish<M: Memory>(&mut self, memory: &M) {
        let is_streaming = self.stream.is_streaming();
        self.acquires = is_streaming && memory.acquires_read();
        if is_streaming != self.dense && memory.is_dense_of_use() {
            self.dense = is_streaming;
            memory.dense().store(u32::from(is_streaming), Relaxed); // A hint.
        }
    }

    /// A poll found the ring empty. True for the first such poll after a message.
    #[inline(always)]
    pub(super) fn found_nothing<M: Memory>(&mut self, memory: &M, position: u64) -> bool {
        let first = self.stream.found_nothing(position);
        memory.prefetch_polled(position & (memory.capacity() - 1));
        if first {
            self.near = 0;
            self.publish(memory);
        }
        first
    }
}
