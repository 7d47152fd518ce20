//! Giving back the slots of elements that have been read.

use core::sync::atomic::Ordering::Relaxed;

use super::Consumer;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::ring::spsc::memory::Memory;

impl<M: Memory> Consumer<M> {
    /// Releases `count` slots and advances; `wake` as for [`pop_next`](Self::pop_next).
    #[inline(always)]
    pub(super) fn give(&mut self, count: u64, wake: impl FnOnce(u32)) {
        let is_due = self.is_due(count);
        if is_due {
            self.before_giving(self.position.wrapping_add(count), wake);
        }
        self.release(count, is_due);
    }

    /// Whether the head has to be published with these slots.
    #[inline(always)]
    pub(super) fn is_due(&self, count: u64) -> bool {
        self.position.wrapping_add(count).wrapping_sub(self.published) >= self.quarter
    }

    /// Stores in `giving` that the slots below this position are about to be released, then checks whether
    /// the producer waits for them.
    ///
    /// A producer that sets its waiting bit after this check finds the word set when it rechecks the ring; it
    /// does not sleep but checks again [soon](crate::wait::soon), because no one will wake it.
    #[inline(always)]
    pub(super) fn before_giving(&mut self, next: u64, wake: impl FnOnce(u32)) {
        self.memory.giving().store(next, Relaxed); // The check's barrier orders this.
        M::Platform::crash_point(Site::WaitGiving);
        let signal = self.look_at_producer();
        if signal != 0 {
            wake(signal);
        }
    }

    /// Releases `count` slots and advances: their elements are popped here. Publishes the head if `is_due`.
    #[inline(always)]
    pub(super) fn release(&mut self, count: u64, is_due: bool) {
        let next = self.position.wrapping_add(count);
        M::Platform::crash_point(Site::SpscPayloadRead);
        self.position = next;
        // [S3] Release → a producer that found the ring full, and a successor: the payload has been read.
        self.memory.consumed().store(next, M::Platform::ordering(Edge::SpscConsume));
        M::Platform::crash_point(Site::SpscConsumed);
        self.traffic.took_one();
        if is_due {
            self.traffic.released(&self.memory, next);
            self.store_head();
        }
        let held = next.wrapping_sub(self.published);
        // Up to the position at which the head has to be published.
        let known = self.look_further(next, self.quarter - held);
        self.until = next.wrapping_add(known);
        self.last = next.wrapping_add(known.saturating_sub(1));
    }

    /// Publishes this end's position to the producer; returns the producer's signal.
    #[inline]
    pub(super) fn publish_head(&mut self) -> u32 {
        self.store_head();
        self.look_at_producer()
    }

    /// The producer's signal.
    #[inline(always)]
    pub(super) fn look_at_producer(&mut self) -> u32 {
        let Self { memory, fences, .. } = self;
        fences.peek_signal::<M::Platform>(memory.consumer_fences(), memory.producer_signal())
    }

    #[inline(always)]
    fn store_head(&mut self) {
        self.published = self.position;
        // [S2] Release → the producer's Acquire: the payloads below have been read.
        self.memory.head().store(self.position, M::Platform::ordering(Edge::SpscRelease));
    }
}
