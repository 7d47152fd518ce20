//! One publisher, any number of subscribers, each of which gets every message: a named channel of fixed-size
//! messages.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // process A
//! let mut prices = ipc_ring::broadcast::Publisher::<u64>::create("prices")?;
//! prices.push(7)?;
//!
//! // in up to 256 places at a time
//! let mut prices = ipc_ring::broadcast::Subscriber::<u64>::open("prices")?;
//! for price in &mut prices {
//!     match price {
//!         Ok(price) => println!("{price}"),
//!         Err(missed) => eprintln!("{missed}"), // messages overwritten before they could be read
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! **Slow subscribers.** The creator of the channel chooses its [`Mode`], by [`Builder::lossy`] or
//! [`Builder::gated`]. In a *lossy* channel, the default, the publisher never waits: a subscriber that falls
//! a lap behind gets the exact number of messages it missed, and continues at the oldest message left, the
//! default, or at the newest, as it chose by [`Builder::resume`]. In a *gated* one the publisher waits for
//! the slowest live subscriber; none misses anything. While there is no subscriber a gated publisher does not
//! wait; and it keeps what the present subscribers have not read, nothing for later ones.
//!
//! **Starting.** A subscriber chooses where it begins, by [`Builder::start`]: with the oldest message left,
//! which is the default, the newest, the next one to come, a sequence number, or a [`Position`] saved
//! earlier, which is refused when the channel is no longer the same. From there on it gets every message
//! once, or a report that it missed it.
//!
//! **Cost.** Publishing costs the same for one subscriber and for two hundred: the publisher does not know
//! how many there are. It makes a system call only when subscribers sleep, one for all of them.
//!
//! **Ends.** One publisher and up to 256 subscribers, which come and go at any time. Dropping the publisher
//! closes the channel, unless it is a persistent one: subscribers read what is left and then get the end of
//! the stream. [`Publisher::detach`] leaves it to a successor, and so does the publisher's death, even in the
//! middle of a message. A [`Watcher`] reads along without a seat and without the right to write: it only
//! polls, and cannot disturb the other ends.
//!
//! **Deaths.** A dead subscriber blocks no one: a gated publisher that has to wait checks whether the
//! subscriber it waits for is alive, after a tenth of a second at the latest, and drops a dead one. A waiting
//! subscriber learns of the publisher's death within the same time. A subscription dies with its subscriber,
//! and what it had not read or was about to read goes to no one else: a subscriber that must continue where
//! it was saves its [`Position`] after processing a message, and starts from there.
//!
//! **Frames.** For messages of any length see [`frames`], for large ones that are read where they were
//! written [`payloads`].
//!
//! **Lifetime.** The memory is freed by the kernel, messages and all, when no process is attached any more;
//! that of a [`Persistent`](crate::Lifetime::Persistent) channel when its publisher has closed it and all
//! ends have left, or when it is removed. Dropping the publisher of such a channel leaves it to a successor,
//! [`Publisher::close`] ends it.

use std::marker::PhantomData;

mod builder;
pub(super) mod end;
pub mod frames;
mod observer;
pub(super) mod options;
pub mod payloads;
mod position;
mod publisher;
#[allow(unsafe_code)]
mod subscriber;
mod watcher;

pub use builder::Builder;
pub(super) use builder::Options;
pub(super) use end::TABLE;
pub use observer::{Observer, SubscriberInfo};
pub use position::{Position, Start};
pub use publisher::Claim;
pub use subscriber::View;
pub use watcher::{Counters, Watcher};

use super::receiver::Receiver;
use super::sender::Sender;

pub use crate::error::{Missed, PopError, PushError};
pub use crate::ring::broadcast::{Mode, Resume};

/// The kind of channels of this module.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast<T>(PhantomData<fn() -> T>);

/// The publishing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Sender::detach) leaves it open
/// for a successor.
#[doc(alias = "Producer")]
pub type Publisher<T> = Sender<Broadcast<T>>;

/// A reading end: one of many, each in one thread at a time. Dropping it gives its seat back.
#[doc(alias = "Consumer")]
pub type Subscriber<T> = Receiver<Broadcast<T>>;
