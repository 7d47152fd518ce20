//! Where a popped frame goes.

use crate::ring::bytes::{self as ring, Memory, Pop};

/// Where a frame is put.
pub trait Place {
    /// Pops a frame into it. Wakes before the frame is popped.
    fn pop<M: Memory>(&mut self, ring: &mut ring::Consumer<M>, wake: impl FnOnce(u32)) -> Pop;

    /// Pops a frame into it if only a copy is needed, and returns its length.
    fn pop_known<M: Memory>(&mut self, ring: &mut ring::Consumer<M>) -> Option<usize>;
}

impl Place for &mut [u8] {
    #[inline(always)]
    fn pop<M: Memory>(&mut self, ring: &mut ring::Consumer<M>, wake: impl FnOnce(u32)) -> Pop {
        ring.pop_into(self, wake)
    }

    #[inline(always)]
    fn pop_known<M: Memory>(&mut self, ring: &mut ring::Consumer<M>) -> Option<usize> {
        ring.pop_known(self)
    }
}

impl Place for &mut Vec<u8> {
    #[inline(always)]
    fn pop<M: Memory>(&mut self, ring: &mut ring::Consumer<M>, wake: impl FnOnce(u32)) -> Pop {
        ring.pop_vec(self, wake)
    }

    #[inline(always)]
    fn pop_known<M: Memory>(&mut self, ring: &mut ring::Consumer<M>) -> Option<usize> {
        ring.pop_known_vec(self)
    }
}
