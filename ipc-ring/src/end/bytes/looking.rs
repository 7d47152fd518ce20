//! Waiting for a frame that stays in place.

use std::time::Instant;

use super::Consumer;
use crate::end::item::{self, Poll};
use crate::end::pair::{Endpoint, Words};
use crate::error::PopError;
use crate::ring::bytes::Memory;
use crate::wait::host::Host;

/// A wait for a frame that stays in place.
struct Looking<'a, M: Memory, W: Words, H: Host>(&'a mut Consumer<M, W, H>);

impl<M: Memory, W: Words, H: Host> Poll for Looking<'_, M, W, H> {
    type Words = W;
    type Host = H;
    type Item = ();

    fn poll(&mut self) -> Result<(), PopError> {
        self.0.look()?;
        if self.0.ring.has_item() { Ok(()) } else { Err(PopError::Empty) }
    }

    fn has_item(&self) -> bool {
        self.0.ring.has_item()
    }

    fn end_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.0.end
    }

    fn end(&self) -> &Endpoint<W, H> {
        &self.0.end
    }

    fn begin(&mut self) {
        self.0.wait_for_batch();
    }
}

impl<M: Memory, W: Words, H: Host> Consumer<M, W, H> {
    /// Waits until there is a frame, which stays in the ring.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[track_caller]
    pub fn wait_for_frame(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        item::wait_and_pop(&mut Looking(self), deadline)
    }
}
