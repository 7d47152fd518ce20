//! The models of the table of latest values.
//!
//! A value is two words that identify its key and sequence, so a value that is torn, of another publication
//! or older than one read before is detected at once.

pub(crate) mod ends;
#[allow(unsafe_code)]
pub mod memory;
pub(crate) mod moves;
pub mod ring;
pub mod sleeping;
pub mod takeover;

pub use memory::Heap;

use crate::{Model, kernel, pair, participants};

/// The mistakes that the words of a table and its ends can make.
pub const MISTAKES: [&str; 7] = [
    memory::NO_JOURNAL,
    memory::NO_SECOND_LOOK,
    participants::NOT_PUT_BACK,
    pair::SILENT_FLAGS,
    pair::SILENT_SEAT,
    kernel::NO_TOKEN,
    kernel::DEATH_IS_SILENT,
];

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    [ring::MODELS, takeover::MODELS, sleeping::MODELS].into_iter().flatten()
}
