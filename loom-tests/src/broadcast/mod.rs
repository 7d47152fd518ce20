//! The models of the broadcast ring.
//!
//! Message number n is the pair (n + 1, !(n + 1)), so one that is torn, lost, duplicated, out of order or
//! read from a slot that is not ready is detected at once. Each subscriber's books must balance: the messages
//! it received and those reported as missed are together all messages from its start on ([`books`]).

pub mod books;
pub(crate) mod ends;
pub mod fences;
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
    lossy::MODELS
        .iter()
        .chain(gated::MODELS)
        .chain(sleeping::MODELS)
        .chain(frames::MODELS)
        .chain(fences::MODELS)
}
