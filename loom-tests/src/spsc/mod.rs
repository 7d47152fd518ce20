//! The models of the single-producer, single-consumer ring.
//!
//! Each element is its position plus one, so an element that is lost, duplicated, out of order or read from a
//! slot that is not ready is detected at once.

pub mod ending;
pub mod ends;
pub mod interrupted;
#[allow(unsafe_code)]
mod memory;
mod moves;
pub mod parked;
pub mod ring;
pub mod sleeping;
pub mod takeover;
pub mod tap;
pub mod wait_set;

pub use memory::Heap;
use memory::{NO_HEAD, NOT_CONSUMED, NOT_SAID, TAKEN_EARLY, TAKEN_LATE};

use crate::Model;

/// The mistakes that can be made in the words of a ring.
pub const MISTAKES: [&str; 5] = [NO_HEAD, NOT_CONSUMED, NOT_SAID, TAKEN_EARLY, TAKEN_LATE];

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    [ring::MODELS, takeover::MODELS, ending::MODELS, sleeping::MODELS, tap::MODELS, wait_set::MODELS]
        .into_iter()
        .flatten()
}
