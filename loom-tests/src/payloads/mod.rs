//! The models of pool payloads in a broadcast ring: which side may write a block, and which holds it, while
//! subscribers read it, are overrun, or die, and the publisher dies and has a successor.
//!
//! Payload number n is the number n + 10 in its block's bytes, so a block that is written while it is read,
//! or read through a handle of another lap, is detected at once. Each subscriber's books must balance, and
//! after each execution the ring may hold at most as many blocks as it has slots, and no one else may hold
//! any.

pub mod deaths;
pub mod ends;
#[allow(unsafe_code)]
pub mod handles;
pub mod readers;

pub use handles::Handles;

use crate::Model;

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    readers::MODELS.iter().chain(deaths::MODELS)
}
