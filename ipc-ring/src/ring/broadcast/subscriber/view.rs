//! A message lent in place.

use core::mem::MaybeUninit;

use super::Subscriber;
use crate::memory::Of;
use crate::message::Message;
use crate::ring::broadcast::memory::Memory;

/// The next message of a gated ring, lent in place by [`Subscriber::try_view`].
/// [`release`](View::release)
/// pops it; dropping the view leaves it to be popped later.
#[derive(Debug)]
pub struct View<'a, M: Memory> {
    pub(super) subscriber: &'a mut Subscriber<M>,
}

impl<T: Message, M: Memory<Shape = Of<T>>> View<'_, M> {
    /// Passes a pointer to the message's bytes to `f`.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.subscriber.memory.with_slot(self.subscriber.index(), |slot| f(slot.cast()))
    }

    /// Copies the message out.
    #[must_use]
    pub fn read(&self) -> T {
        let mut item = MaybeUninit::<T>::uninit();
        self.subscriber.memory.read(self.subscriber.index(), &mut item);
        // SAFETY: `read` fills every byte of it, and any bytes are a message.
        unsafe { item.assume_init() }
    }
}

impl<M: Memory> View<'_, M> {
    /// The message's position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.subscriber.position
    }

    /// Pops it. Returns whether to check the publisher.
    pub fn release(self) -> bool {
        self.subscriber.advance(1)
    }
}
