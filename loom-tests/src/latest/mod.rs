//! The models of the table of latest values.
//!
//! A value is two words that identify its key and sequence, so a value that is torn, of another publication
//! or older than one read before is detected at once.

#[allow(unsafe_code)]
pub mod memory;
pub(crate) mod moves;
pub mod ring;
pub mod sleeping;
pub mod takeover;

pub use memory::Heap;

use crate::Model;

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    [ring::MODELS, takeover::MODELS, sleeping::MODELS].into_iter().flatten()
}
