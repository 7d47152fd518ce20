//! The models of the ring of frames.
//!
//! Each payload word is what the header of an empty frame would be at its place a lap later: so stale bytes
//! that are mistaken for a header are detected at once, as is a frame that is lost, duplicated, out of order
//! or incomplete.

pub mod ending;
pub mod ends;
#[allow(unsafe_code)]
mod memory;
mod moves;
pub mod ring;
pub mod sleeping;
pub mod takeover;
pub mod tap;

pub use memory::Heap;
use memory::{
    CLEARED_LATE, LENGTH_NOT_SAID, NO_HEAD, NOT_CLEARED, NOT_CONSUMED, NOT_MARKED, NOT_PRODUCED, NOT_SAID,
    TAKEN_EARLY, TAKEN_LATE,
};

use crate::Model;

/// The mistakes that can be made in the words of a ring.
pub const MISTAKES: [&str; 10] = [
    NOT_CLEARED,
    CLEARED_LATE,
    NO_HEAD,
    NOT_CONSUMED,
    NOT_SAID,
    TAKEN_EARLY,
    TAKEN_LATE,
    NOT_MARKED,
    LENGTH_NOT_SAID,
    NOT_PRODUCED,
];

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    [ring::MODELS, takeover::MODELS, ending::MODELS, sleeping::MODELS, tap::MODELS].into_iter().flatten()
}
