//! A frame that is written in place.

use super::{Place, Producer};
use crate::ring::bytes::header::WORD;
use crate::ring::bytes::memory::Memory;

/// Room for a frame, reserved by [`Producer::try_claim`]: write it, then [`commit`](Claim::commit). Dropping
/// it aborts the claim: nothing is published, not even the padding that it would have needed.
#[derive(Debug)]
pub struct Claim<'a, M: Memory> {
    pub(super) producer: &'a mut Producer<M>,
    pub(super) place: Place,
    pub(super) len: usize,
}

impl<'a, M: Memory> Claim<'a, M> {
    /// Number of bytes reserved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte is reserved: the claim of an empty frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies bytes to an offset in the frame.
    ///
    /// # Panics
    /// When they do not fit.
    #[inline(always)]
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.len && bytes.len() <= self.len - offset, "the bytes fit what was claimed");
        self.producer.memory.write(self.index() + offset as u64, bytes);
    }

    /// The index of the frame's first byte.
    #[must_use]
    #[inline(always)]
    pub fn index(&self) -> u64 {
        (self.place.start & (self.producer.memory.capacity() - 1)) + WORD
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.producer.memory
    }

    /// Publishes the first `len` bytes as a frame; returns the consumer's signal as [`Producer::try_push`]
    /// does, and the producer.
    ///
    /// # Panics
    /// When fewer were claimed.
    #[inline(always)]
    pub fn commit(self, len: usize) -> (u32, &'a Producer<M>) {
        assert!(len <= self.len, "no more is committed than was claimed");
        self.producer.publish(self.place, len as u64);
        (self.producer.peek_consumer(len), self.producer)
    }
}
