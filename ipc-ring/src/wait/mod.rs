//! How an end waits: polling, then sleeping on a System V semaphore.

pub mod crowd;
pub mod signal;
mod strategy;

pub use strategy::{HEARTBEAT, WaitStrategy};
pub(crate) use strategy::{Step, Waits};
