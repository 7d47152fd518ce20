//! The same for large payloads: written once into a block of a [pool](crate::pool), read there by every
//! subscriber.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ipc_ring::broadcast::payloads;
//! use ipc_ring::pool;
//!
//! // process A
//! let pool = pool::Builder::new("doc-example-pictures").class(1 << 20, 12).create()?;
//! let mut camera = payloads::Builder::new("doc-example-pictures.out", &pool).gated().create_sender()?;
//!
//! // in up to 31 other processes
//! let pool = pool::Pool::open("doc-example-pictures")?;
//! let mut screen = payloads::Builder::new("doc-example-pictures.out", &pool).open_receiver()?;
//!
//! // process A
//! let mut picture = camera.loan(640 * 480)?;
//! picture.write_at(0, &[7; 640 * 480])?;
//! camera.push(picture)?;
//!
//! // the others
//! let picture = screen.pop()?; // stays in place; released when dropped
//! let mut row = [0; 640];
//! picture.read_at(0, &mut row)?;
//! assert_eq!((picture.len(), row), (640 * 480, [7; 640]));
//! # Ok(()) }
//! ```
//!
//! **Ownership of a block.** The channel holds it from the publication until the publisher gives its place
//! up; and every subscriber that has popped it, until it drops its [`View`](crate::pool::View). The last
//! holder to release it frees it. A subscriber takes its share of the block before the publisher can give the
//! place up, and a block that it holds does not change, however far the publisher gets meanwhile.
//!
//! **Gated** channels give each payload to each subscriber. **Lossy** ones overwrite the oldest, and report
//! to a slow subscriber the exact number of payloads it missed; a payload that is given up while a subscriber
//! is about to take it is missed. A lossy publisher that finds the pool exhausted gives up the oldest
//! payloads early, as far as that frees blocks: a channel may therefore have more places than the pool has
//! blocks.
//!
//! **How many blocks.** One for each place in the channel ([`Builder::capacity`]), one that is being written,
//! and as many as all subscribers hold views of at a time. With that many a [`loan`](Publisher::loan) never
//! fails.
//!
//! **Deaths.** A subscriber that is killed while it reads has its share of the block taken back at the next
//! loan that finds none free, or by [`Pool::recover`](crate::pool::Pool::recover). What a publisher has
//! published stays when it dies; a successor finds the blocks in the channel and gives them up in its turn.
//! The payloads of a channel whose memory is gone, because its last end is, come back to the pool as well.
//!
//! **Ends.** As those of [`broadcast`](super), but no more than 32 processes can have a pool open. Several
//! subscribers of one process should share one [`Pool`](crate::pool::Pool), by clones. Plain publishers and
//! subscribers of handles cannot open such a channel: they would not give blocks back.

mod builder;
mod publisher;
mod subscriber;

pub use builder::{Builder, fingerprint};
pub use publisher::Publisher;
pub use subscriber::Subscriber;

/// The kind of channels of this module.
#[derive(Clone, Copy, Debug)]
pub enum Payloads {}
