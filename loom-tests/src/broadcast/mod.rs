//! The models of the broadcast ring.
//!
//! Message number n is the pair (n + 1, !(n + 1)), so one that is torn, lost, doubled, out of order or read from a slot that
//! is not ready shows at once. Each subscriber's books must balance: what it received and what it was told that it missed
//! are all messages from its start on ([`books`]).

pub mod books;
pub mod frames;
pub mod gated;
pub mod lossy;
#[allow(unsafe_code)]
pub mod memory;
pub mod sleeping;

pub use memory::Heap;

use crate::Model;

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    lossy::MODELS.iter().chain(gated::MODELS).chain(sleeping::MODELS).chain(frames::MODELS)
}
