//! The ends of a channel of elements with many producers and many consumers.
//!
//! The ring is [`ring::mpmc`](crate::ring::mpmc), an end's seat is [`participant`](super::participant). Here
//! are the steps around the ring: waking others after a push and before a slot is given back, waiting for
//! room or for an element, and recovery after deaths.

mod consumer;
mod duties;
mod end;
mod item;
mod lending;
mod patience;
mod producer;
mod room;

pub use consumer::Consumer;
pub use end::{End, Role};
pub use producer::Producer;
