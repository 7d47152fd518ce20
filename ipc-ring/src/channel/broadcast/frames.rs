//! One publisher, any number of subscribers, frames of any length.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ipc_ring::broadcast::frames;
//!
//! // process A
//! let mut news = frames::Publisher::create("news")?;
//! news.push(b"started")?;
//!
//! // in up to 256 places at a time
//! let mut news = frames::Subscriber::open("news")?;
//! for frame in &mut news { /* a Vec<u8> each, or word of how many were missed */ }
//! # Ok(()) }
//! ```
//!
//! Everything is as in [`broadcast`](super), except that a message is a sequence of bytes, possibly empty, of
//! up to half the ring with its header of 16 bytes: see [`Publisher::longest`]. The oldest frame that a
//! subscriber can start with, or continue with after it was overrun, is the first one of a sixteenth of the
//! ring; missed frames are still counted exactly.

mod builder;
mod publisher;
mod subscriber;
mod watcher;

pub use builder::Builder;
pub use publisher::Claim;
pub use subscriber::View;
pub use watcher::Watcher;

use crate::channel::receiver::Receiver;
use crate::channel::sender::Sender;

/// The kind of channels of this module.
#[derive(Clone, Copy, Debug)]
pub enum Frames {}

/// The publishing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Sender::detach) leaves it open
/// for a successor.
#[doc(alias = "Producer")]
pub type Publisher = Sender<Frames>;

/// A reading end: one of many, each in one thread at a time. Dropping it gives its seat back.
///
/// As an iterator it returns each frame as a vector.
#[doc(alias = "Consumer")]
pub type Subscriber = Receiver<Frames>;
