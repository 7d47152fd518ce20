//! A slot that is written in place.

use core::mem::ManuallyDrop;

use super::Producer;
use crate::memory::{Item, Of};
use crate::message::Message;
use crate::platform::{Platform, Site};
use crate::ring::mpmc::memory::Memory;

/// A slot claimed by [`Producer::try_claim`]: write it, then [`commit`](Claim::commit). Dropping it aborts
/// the claim: the slot is skipped in this lap, and nothing is published. A claim that is leaked is aborted by
/// the end's next call.
#[derive(Debug)]
pub struct Claim<'a, M: Memory> {
    pub(super) producer: &'a mut Producer<M>,
    pub(super) position: u64,
}

impl<T: Message, M: Memory<Shape = Of<T>>> Claim<'_, M> {
    /// Passes the slot's bytes to `f`. They hold whatever an earlier lap left there.
    pub fn with<R>(&mut self, f: impl FnOnce(*mut T) -> R) -> R {
        self.producer.memory.with_slot_mut(self.producer.shape.index(self.position), |slot| f(slot.cast()))
    }
}

impl<M: Memory> Claim<'_, M> {
    /// Copies an element into the slot.
    pub fn write(&mut self, item: &Item<M>) {
        self.producer.write(self.position, item);
    }

    /// Publishes the slot.
    pub fn commit(self) {
        let mut this = ManuallyDrop::new(self);
        let position = this.position;
        this.producer.held = None;
        M::Platform::crash_point(Site::MpmcWritten);
        this.producer.publish(position);
        this.producer.hint();
    }
}

impl<M: Memory> Drop for Claim<'_, M> {
    fn drop(&mut self) {
        self.producer.settle();
    }
}
