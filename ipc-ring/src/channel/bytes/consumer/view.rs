//! A frame lent in place.

use crate::channel::end::End;
use crate::ring::bytes::{self as ring, Mapped};

/// The next frame in place, from [`Consumer::try_view`](super::Consumer::try_view). Dropping it leaves the
/// frame to be popped.
#[derive(Debug)]
pub struct View<'a> {
    pub(super) view: ring::View<'a, Mapped>,
    pub(super) end: &'a mut End,
}

impl View<'_> {
    /// Bytes of the frame.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether it is an empty frame.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// Where the frame's header lies: bytes since the channel was made.
    #[must_use]
    #[inline]
    pub fn position(&self) -> u64 {
        self.view.position()
    }

    /// A pointer to the frame's bytes: [`len`](Self::len) of them, readable, aligned to 8, valid until the
    /// view is released or dropped. A producer that keeps to the protocol does not write them meanwhile; one
    /// that violates it may, so bytes that were checked in place must not be read again.
    #[must_use]
    #[inline]
    pub fn as_ptr(&self) -> *const u8 {
        self.view.memory().address(self.view.index(), self.view.len()).as_ptr()
    }

    /// Copies bytes out, from an offset in the frame.
    ///
    /// # Panics
    /// When the range exceeds the frame.
    #[inline]
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        self.view.read(offset, out);
    }

    /// Copies the frame out and leaves it in the ring.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = vec![0; self.len()];
        self.read(0, &mut out);
        out
    }

    /// Pops the frame; not in a forked child that inherited the view.
    #[inline]
    pub fn release(self) {
        if !self.end.is_ours() {
            return;
        }
        let signal = self.view.release();
        if signal != 0 {
            self.end.wake_peer_if(signal);
        }
    }
}
