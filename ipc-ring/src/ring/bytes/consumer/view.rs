//! A frame lent in place.

use super::{Consumer, Frame};
use crate::ring::bytes::header::WORD;
use crate::ring::bytes::memory::Memory;

/// A lent frame of at most this many bytes is assumed to have been read.
const READ_WHOLE: u64 = 4096;

/// The next frame, lent in place by [`Consumer::try_view`]. [`release`](View::release) pops it; dropping it
/// does not.
#[derive(Debug)]
pub struct View<'a, M: Memory> {
    pub(super) consumer: &'a mut Consumer<M>,
    pub(super) frame: Frame,
}

impl<M: Memory> View<'_, M> {
    /// Bytes of the frame.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frame.len as usize
    }

    /// Whether it is an empty frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frame.len == 0
    }

    /// Copies bytes out, from an offset in the frame.
    ///
    /// # Panics
    /// If the range exceeds the frame.
    #[inline(always)]
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        assert!(offset <= self.len() && out.len() <= self.len() - offset, "the bytes lie in the frame");
        // SAFETY: only whole elements are copied there, or nothing.
        self.consumer.read(self.frame, offset, unsafe { crate::copy::as_uninit(out) });
    }

    /// The index of the frame's first byte.
    #[must_use]
    #[inline(always)]
    pub fn index(&self) -> u64 {
        self.consumer.index(self.frame.start) + WORD
    }

    /// The position of the frame's header.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.frame.start
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.consumer.memory
    }

    /// Pops the frame. Returns the producer's signal as of *after* the pop, if it was checked.
    #[inline(always)]
    pub fn release(self) -> u32 {
        // A long frame may not have been read, or only in part.
        if self.frame.len <= READ_WHOLE {
            self.consumer.acquire_read(self.frame);
        }
        let is_due = self.consumer.is_due(self.frame);
        self.consumer.release(self.frame, is_due);
        if is_due { self.consumer.look_at_producer() } else { 0 }
    }
}
