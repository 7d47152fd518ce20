//! One producer, one consumer: a named ring of frames of any length between two processes.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // process A
//! let mut log = ipc_ring::bytes::Producer::create("log")?;
//! log.push(b"started")?;
//!
//! // process B
//! let mut log = ipc_ring::bytes::Consumer::open("log")?;
//! for frame in &mut log { /* a Vec<u8> each; ends when the producer closes */ }
//! # Ok(()) }
//! ```
//!
//! **Frames.** A frame is a sequence of bytes, possibly empty, that arrives as it was pushed: whole, once, in
//! order. The longest one takes half the ring with its header of 8 bytes: see [`Producer::longest`].
//!
//! **Streams.** Where boundaries do not matter the two ends are a pipe: [`Producer`] is [`std::io::Write`],
//! and [`Consumer::into_reader`] returns a [`Reader`], which is [`std::io::Read`] and [`std::io::BufRead`].
//!
//! **Ends, delivery, lifetime** are those of [`spsc`](crate::spsc): dropping the producer closes, dropping
//! the consumer detaches, a successor continues where a dead end stopped, a frame is popped exactly once. The
//! part of a frame that a [`Reader`] holds is lost with its process.

mod builder;
mod consumer;
mod observer;
mod patience;
mod producer;
mod stream;

pub use builder::Builder;
pub(super) use builder::{request, ring};
pub use consumer::View;
pub use observer::Observer;
pub use producer::Claim;
pub use stream::Reader;
pub(crate) use stream::{Reading, Writing, flush};

use super::receiver::Receiver;
use super::sender::Sender;

pub use crate::error::{FrameTooLarge, PopError, PushError};
pub use crate::ring::bytes::Counters;

/// The kind of channels of this module.
#[derive(Clone, Copy, Debug)]
pub enum Bytes {}

/// The producing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Sender::detach) leaves it open
/// for a successor.
///
/// It is [`std::io::Write`] too: each write is one frame, of as many of the bytes as a frame holds, waiting
/// for room. Wrap it in a [`std::io::BufWriter`] to collect small writes.
pub type Producer = Sender<Bytes>;

/// The consuming end: one holder at a time, in one thread at a time.
///
/// Dropping it detaches: the channel stays, and another consumer may continue. [`close`](Receiver::close)
/// ends the stream: the producer learns that its frames will not be popped.
///
/// As an iterator it returns each frame as a vector.
pub type Consumer = Receiver<Bytes>;

/// An iterator over the frames that are ready, from [`Consumer::drain`](Receiver::drain).
pub type Drain<'a> = crate::channel::receiver::Drain<'a, Bytes>;
