//! The models of payloads of a pool in a broadcast ring: who may write a block, and who holds it, while subscribers read it,
//! are overrun, or die, and the publisher dies and has a successor.
//!
//! Payload number n is the number n + 10 in its block's bytes, so a block that is written while it is read, or read by somebody
//! whose handle is of another lap, shows at once. Each subscriber's books must balance, and after each execution no more
//! blocks may be in the ring than it has slots, and none in anybody's hands.

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
