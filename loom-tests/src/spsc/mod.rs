//! The models of the single-producer, single-consumer ring.
//!
//! Each element is its position plus one, so an element that is lost, doubled, out of order or read from a slot that is
//! not ready shows at once.

#[allow(unsafe_code)]
mod memory;
mod moves;
pub mod ring;

pub use memory::Heap;

use crate::Model;

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    ring::MODELS.iter()
}
