//! What the benches share: both ends of every kind of channel in one process, made exactly as two processes
//! would make them, with the defaults that processes get; and kernel objects next to them.

mod ends;
mod objects;

pub use ends::{Ends, both_ends, broadcast, bytes, call, latest, mpmc, payloads, pool, spsc};
pub use objects::{message_queue, semaphore_set};
