//! The models of the call ring: a reply that is not the one to its request shows at once, and so does a line
//! that both ends are at.

pub mod ends;
#[allow(unsafe_code)]
mod memory;
pub mod ring;

pub use memory::Heap;
use memory::{NOT_KEPT, NOT_NOTED};

use crate::{Model, pair};

/// The mistakes that the words of a ring and its ends can make. A call ring has no room to wait for, and
/// hands nothing back.
pub const MISTAKES: [&str; 10] = [
    NOT_KEPT,
    NOT_NOTED,
    pair::NO_SECOND_LOOK,
    pair::CLOSED_BELIEVED,
    pair::NO_SECOND_LOOK_AT_BITS,
    pair::DETACHED_IGNORED,
    pair::SILENT_RAISE,
    pair::SILENT_SEAT,
    crate::kernel::NO_TOKEN,
    crate::kernel::DEATH_IS_SILENT,
];

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    ring::MODELS.iter()
}
