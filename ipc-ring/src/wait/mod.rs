//! How an end waits: polling, then sleeping on a System V semaphore, or on a futex.

pub mod barriers;
pub(crate) mod cpu;
pub mod fences;
pub mod host;
pub mod interrupt;
#[doc(hidden)]
pub mod late;
pub mod liveness;
pub mod news;
pub mod park;
mod parker;
mod pause;
pub mod seated;
pub mod signal;
pub mod soon;
mod strategy;
pub mod together;
pub mod token;
pub(crate) mod turns;
pub mod waiter_set;

pub(crate) use late::Nap;
pub use liveness::HEARTBEAT;
pub use parker::Parker;
pub(crate) use pause::{between_polls, pause};
pub(crate) use strategy::Step;
pub use strategy::{Wait, WaitStrategy, Waits};
