//! The consumer's estimate of the traffic, from which prefetch hints follow. Nothing here affects
//! correctness.
//!
//! A stream is read fastest when the lines ahead are asked for early; but asking for a line that the producer
//! has not written yet takes it away from the producer. So the consumer looks ahead only as far as it knows,
//! or nearly knows, that the producer has been.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::platform::Word;
use crate::stream::Stream;

/// So many messages taken without a wait are worth a look further ahead.
const NEAR: u8 = 4;

/// What the consumer has learned about the traffic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Messages taken one by one since the last wait or the last look ahead that found nothing, up to
    /// [`NEAR`].
    near: u8,
    /// What this end last said in the `dense` word.
    dense: bool,
    /// Messages come one after the other, and the consumer takes their lines.
    takes: bool,
    stream: Stream,
}

impl Pace {
    pub(super) const fn new(stream: u64, position: u64) -> Self {
        Self { near: 0, dense: false, takes: false, stream: Stream::new(stream, position) }
    }

    /// The message of this position has been read and is about to be given back. Where lines are taken, those
    /// that end in it are, when it is the last one of those that begin there.
    #[inline(always)]
    pub(super) fn has_read<M: Memory>(&self, memory: &M, position: u64) {
        let index = position & (memory.capacity() - 1);
        if self.takes && memory.end_together(index) == 1 {
            memory.take_lines(index);
        }
    }

    /// Whether messages come one after the other, and the consumer takes their lines.
    #[inline(always)]
    pub(super) const fn takes_lines(&self) -> bool {
        self.takes
    }

    /// Whether a look further ahead is worth while.
    #[inline(always)]
    pub(super) const fn is_near(&self) -> bool {
        self.near == NEAR
    }

    /// A message was taken for which a look of its own was needed, or the last one of several.
    #[inline(always)]
    pub(super) const fn took_one(&mut self) {
        if self.near < NEAR {
            self.near += 1;
        }
    }

    /// A look further ahead found nothing.
    #[inline(always)]
    pub(super) const fn is_not_near(&mut self) {
        self.near = 0;
    }

    /// A quarter of the ring is given back. `position` is the next one.
    #[inline]
    pub(super) fn gave_back<M: Memory>(&mut self, memory: &M, position: u64) {
        self.stream.goes_on(position);
        self.tell(memory);
    }

    /// Lets the producer know whether traffic is dense, where it makes a difference.
    #[inline(always)]
    fn tell<M: Memory>(&mut self, memory: &M) {
        let flows = self.stream.flows();
        self.takes = flows && memory.takes_lines();
        if flows != self.dense && memory.is_dense_of_use() {
            self.dense = flows;
            memory.dense().store(u32::from(flows), Relaxed); // A hint.
        }
    }

    /// A poll found nothing. True for the first one after a message.
    #[inline(always)]
    pub(super) fn found_nothing<M: Memory>(&mut self, memory: &M, position: u64) -> bool {
        let first = self.stream.found_nothing(position);
        memory.prefetch_polled(position & (memory.capacity() - 1));
        if first {
            self.near = 0;
            self.tell(memory);
        }
        first
    }
}
