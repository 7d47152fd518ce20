//! The models of the call ring: a reply that is not the one to its request shows at once, and so does a line
//! that both ends are at.

pub mod ends;
#[allow(unsafe_code)]
mod memory;
pub mod ring;

pub use memory::{Heap, NOT_KEPT, NOT_NOTED};

use crate::Model;

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    ring::MODELS.iter()
}
