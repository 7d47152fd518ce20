//! One publisher, any number of subscribers, each of which gets every message: a named channel of fixed-size messages.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // process A
//! let mut prices = ipc_ring::broadcast::Publisher::<u64>::create("prices")?;
//! prices.publish(7)?;
//!
//! // in up to 256 places at a time
//! let mut prices = ipc_ring::broadcast::Subscriber::<u64>::open("prices")?;
//! for price in &mut prices {
//!     match price {
//!         Ok(price) => println!("{price}"),
//!         Err(missed) => eprintln!("{missed}"), // so many were overwritten before this one could read them
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! **Slow subscribers.** Whoever makes the channel chooses its [`Mode`]. In a *lossy* channel, the default, the publisher
//! never waits: a subscriber that falls a lap behind is told how many messages it missed, exactly, and goes on at the oldest
//! message left or at the newest, as it chose ([`Resume`]). In a *gated* one the publisher waits for the slowest
//! subscriber that is alive; none misses anything. While there is no subscriber a gated publisher does not wait; and it keeps
//! what those who are there have not read, nothing for those who come later.
//!
//! **Starting.** A subscriber begins where it says ([`Start`]): with the oldest message left, the newest, the next one to
//! come, a sequence number, or a [`Position`] saved earlier, which is refused when the channel is not the same any more.
//! From there on it gets every message once, or word of it.
//!
//! **Cost.** Publishing costs the same for one subscriber and for two hundred: the publisher does not know how many there
//! are. It makes a system call only when subscribers sleep, one for all of them.
//!
//! **Ends.** One publisher and up to 256 subscribers, which come and go at any time. Dropping the publisher closes the
//! channel, unless it is a persistent one: subscribers read what is left and are told. [`Publisher::detach`] leaves it to a
//! successor, and so does the publisher's death, also in the middle of a message. A [`Watcher`] reads along without a seat and without the right to
//! write: it only polls, and cannot disturb anybody.
//!
//! **Deaths.** A dead subscriber holds nobody up: a gated publisher that has to wait asks whether the one that it waits for
//! is alive, at the latest after a tenth of a second, and drops it. A subscriber that waits learns of the publisher's
//! death as late. A subscription dies with its subscriber, and nobody else gets what that had not read or was about to
//! read: one that must go on where it was saves its [`Position`] when a message has been dealt with, and starts from there.
//!
//! **Frames.** For messages of any length see [`frames`], for large ones that are read where they were written [`payloads`].
//!
//! **Lifetime.** The memory is freed by the kernel when no process is attached any more, messages and all; that of a
//! [`Persistent`](crate::Lifetime::Persistent) channel when its publisher has closed it and everybody has left, or somebody
//! removes it. Dropping the publisher of such a channel leaves it to a successor, [`Publisher::close`] ends it.

mod builder;
pub(super) mod end;
pub mod frames;
mod observer;
pub mod payloads;
mod position;
pub(super) mod publisher;
mod room;
pub(super) mod settle;
#[allow(unsafe_code)]
mod subscriber;
pub(super) mod waiting;
mod watcher;

pub use builder::Builder;
pub(super) use end::TABLE;
pub use observer::Observer;
pub use position::{Position, Start};
pub use publisher::{Claim, Publisher};
pub use subscriber::{Subscriber, View};
pub use watcher::{Counters, Watcher};

pub use crate::error::{Missed, PopError, PushError};
pub use crate::ring::broadcast::{Mode, Resume};
