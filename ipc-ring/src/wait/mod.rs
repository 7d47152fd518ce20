//! How an end waits: polling, then sleeping on a System V semaphore, or on a futex.

pub(crate) mod cpu;
pub mod crowd;
pub mod interrupt;
#[doc(hidden)]
pub mod late;
pub mod park;
mod parker;
mod pause;
pub mod signal;
pub(crate) mod slip;
pub mod soon;
mod strategy;
pub(crate) mod turns;

pub(crate) use late::Nap;
pub use parker::Parker;
pub(crate) use pause::pause;
pub use strategy::{HEARTBEAT, WaitStrategy};
pub(crate) use strategy::{Step, Wait, Waits};
