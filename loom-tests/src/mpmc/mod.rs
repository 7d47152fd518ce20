//! The models of the many-to-many ring.
//!
//! An element is its producer's number times ten plus its rank, so one that is lost, duplicated, out of order
//! or read from a slot that is not ready is detected at once. After each execution the ledgers must balance
//! ([`books`]) and the ring must be as good as new.

pub mod bits;
pub mod books;
pub mod chain;
pub mod deaths;
pub mod ending;
pub(crate) mod ends;
pub mod leaving;
#[allow(unsafe_code)]
pub mod memory;
pub mod reapers;
pub mod ring;
pub mod room;
pub mod sleeping;
pub mod special;
pub mod tap;

pub use memory::Heap;

use crate::Model;

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    ring::MODELS
        .iter()
        .chain(special::MODELS)
        .chain(deaths::MODELS)
        .chain(reapers::MODELS)
        .chain(sleeping::MODELS)
        .chain(bits::MODELS)
        .chain(chain::MODELS)
        .chain(room::MODELS)
        .chain(ending::MODELS)
        .chain(leaving::MODELS)
        .chain(tap::MODELS)
}
