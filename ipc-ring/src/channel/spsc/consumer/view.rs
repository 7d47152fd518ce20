//! A message lent in place.

use crate::channel::end::End;
use crate::message::Message;
use crate::ring::spsc::{self as ring, Mapped};

/// The next message in place, from [`Consumer::try_view`](super::Consumer::try_view). Dropping it leaves the
/// message to be popped.
#[derive(Debug)]
pub struct View<'a, T: Message> {
    pub(super) view: ring::View<'a, Mapped<T>>,
    pub(super) end: &'a mut End,
}

impl<T: Message> View<'_, T> {
    /// The message's sequence number: how many were pushed before it.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.view.position()
    }

    /// A pointer to the message: readable, aligned for `T`. A producer that keeps to the protocol does not
    /// write it while the view lives.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.view.with(|slot| slot)
    }

    /// Copies the message out and leaves it in the ring.
    #[must_use]
    pub fn read(&self) -> T {
        self.view.read()
    }

    /// Pops the message; not in a forked child that inherited the view.
    pub fn release(self) {
        if !self.end.is_ours() {
            return;
        }
        let signal = self.view.release();
        self.end.wake_peer_if(signal);
    }
}
