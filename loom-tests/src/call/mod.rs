//! The models of the call ring: a reply that does not match its request is detected at once, and so are
//! concurrent accesses of both ends to the line.

pub mod ends;
#[allow(unsafe_code)]
mod memory;
pub mod ring;

pub use memory::Heap;
use memory::{NOT_KEPT, NOT_NOTED};

use crate::{Model, pair};

/// The mistakes that can be made in the words of a ring and in its ends. A call ring has no room to wait for,
/// and releases nothing.
pub const MISTAKES: [&str; 10] = [
    NOT_KEPT,
    NOT_NOTED,
    pair::NO_SECOND_LOOK,
    pair::CLOSED_BELIEVED,
    pair::NO_SECOND_LOOK_AT_BITS,
    pair::DETACHED_IGNORED,
    pair::SILENT_FLAGS,
    pair::SILENT_SEAT,
    crate::kernel::NO_TOKEN,
    crate::kernel::DEATH_IS_SILENT,
];

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    ring::MODELS.iter()
}
