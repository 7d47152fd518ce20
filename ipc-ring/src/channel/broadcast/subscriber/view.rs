//! The next message of a gated channel in place.

use crate::channel::broadcast::end::End;
use crate::message::Message;
use crate::ring::broadcast::{self as ring, Mapped};

/// The next message in place, from [`Subscriber::try_view`](super::Subscriber::try_view). Dropping it leaves
/// the message to be popped.
#[derive(Debug)]
pub struct View<'a, T: Message> {
    view: ring::View<'a, Mapped<T>>,
    end: &'a mut End,
}

impl<'a, T: Message> View<'a, T> {
    pub(super) fn new(view: ring::View<'a, Mapped<T>>, end: &'a mut End) -> Self {
        Self { view, end }
    }

    /// The message's sequence number.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.view.position()
    }

    /// A pointer to the message: readable, aligned for `T`. A publisher that keeps to the protocol does not
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
        if !self.end.place.is_ours() {
            return;
        }
        if self.view.release() {
            self.end.wake_publisher();
        }
    }
}
