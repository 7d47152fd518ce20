//! A frame lent in place.

use super::Subscriber;
use crate::ring::broadcast::frames::NUMBER;
use crate::ring::broadcast::frames::memory::Memory;
use crate::ring::bytes::header::WORD;

/// The next frame of a gated ring, lent in place by [`Subscriber::try_view`]. [`release`](View::release) pops
/// it; dropping the view leaves it to be popped later.
#[derive(Debug)]
pub struct View<'a, M: Memory> {
    pub(super) subscriber: &'a mut Subscriber<M>,
    pub(super) position: u64,
    pub(super) len: u64,
}

impl<M: Memory> View<'_, M> {
    /// Bytes of the frame.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.len).unwrap_or(usize::MAX)
    }

    /// Whether it is an empty frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The frame's number.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.subscriber.sequence
    }

    /// Copies bytes out, from an offset in the frame.
    ///
    /// # Panics
    /// If the frame has fewer bytes.
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        assert!(offset <= self.len() && out.len() <= self.len() - offset, "the bytes lie inside the frame");
        // SAFETY: only whole elements are copied there, or nothing.
        self.subscriber
            .memory
            .read(self.index().wrapping_add(offset as u64), unsafe { crate::copy::as_uninit(out) });
    }

    /// The offset in the ring at which the frame's bytes begin.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.subscriber.index(self.position.wrapping_add(WORD + NUMBER))
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.subscriber.memory
    }

    /// Pops it. Returns whether to check the publisher.
    pub fn release(self) -> bool {
        self.subscriber.advance(self.position, self.len)
    }
}
