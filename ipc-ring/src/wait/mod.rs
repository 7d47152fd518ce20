//! How an end waits: polling, then sleeping on a System V semaphore.

pub(crate) mod cpu;
pub mod crowd;
mod pause;
pub mod signal;
mod strategy;

pub(crate) use pause::pause;
pub use strategy::{HEARTBEAT, WaitStrategy};
pub(crate) use strategy::{Step, Waits};
