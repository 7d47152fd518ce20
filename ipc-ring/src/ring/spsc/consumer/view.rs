//! An element lent in place.

use core::mem::MaybeUninit;

use super::Consumer;
use crate::memory::{Of, Place};
use crate::message::Message;
use crate::ring::spsc::memory::Memory;

/// The next element, lent in place by [`Consumer::try_view`]. [`release`](View::release) pops it; dropping
/// the view leaves the element in the ring.
#[derive(Debug)]
pub struct View<'a, M: Memory> {
    consumer: &'a mut Consumer<M>,
}

impl<'a, M: Memory> View<'a, M> {
    /// The next element of this consumer, which must be ready.
    pub(super) fn of(consumer: &'a mut Consumer<M>) -> Self {
        Self { consumer }
    }

    /// Copies the element into a place.
    pub fn read_into(&self, place: &mut Place<M>) {
        // The slot is this consumer's until it is released, and holds an element.
        self.consumer.memory.read(self.consumer.index(), place);
    }

    /// The element's position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.consumer.position
    }

    /// Pops the element. Returns the producer's signal as of *after* the pop, if it was checked.
    pub fn release(self) -> u32 {
        let Consumer { traffic, memory, position, .. } = &mut *self.consumer;
        traffic.has_read(memory, *position);
        let is_due = self.consumer.is_due(1);
        self.consumer.release(1, is_due);
        if is_due { self.consumer.look_at_producer() } else { 0 }
    }
}

impl<T: Message, M: Memory<Shape = Of<T>>> View<'_, M> {
    /// Passes the element's bytes to `f`.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.consumer.memory.with_slot(self.consumer.index(), |slot| f(slot.cast()))
    }

    /// Copies the element out.
    #[must_use]
    pub fn read(&self) -> T {
        let mut item = MaybeUninit::uninit();
        self.read_into(&mut item);
        // SAFETY: the copy above filled every byte of it.
        unsafe { item.assume_init() }
    }
}
