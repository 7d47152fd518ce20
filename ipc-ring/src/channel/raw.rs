//! Named channels whose elements are bytes: for other languages, tools and gateways, which have no Rust type
//! for them.
//!
//! A [`RawSender`] and a [`RawReceiver`] are opened by the channel's name. They learn its kind, and the size,
//! the alignment, the fingerprint and the description of its elements, and move slices of exactly that size.
//! Internally they are the ends of that kind, over slots whose [shape](crate::memory::Shaped) is a private
//! copy of the header: they work with typed ends in both directions, and keep all guarantees of the kind.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ipc_ring::{Domain, raw, spsc};
//!
//! let domain = Domain::open("doc-example-raw")?;
//! let mut numbers = spsc::Builder::<u64>::new("numbers").domain(&domain).described().create_sender()?;
//! let mut receiver = raw::Builder::new("numbers").domain(&domain).open_receiver()?;
//! let element = receiver.element();
//! assert_eq!((element.size(), element.align()), (8, 8));
//! assert_eq!(element.description().expect("it is described").element().name(), "u64");
//!
//! numbers.push(7)?;
//! let mut bytes = [0; 8];
//! receiver.receive(&mut bytes)?;
//! assert_eq!(u64::from_ne_bytes(bytes), 7);
//! assert!(receiver.try_receive(&mut [0; 4]).is_err(), "an element has 8 bytes");
//! # Ok(()) }
//! ```
//!
//! Any bytes are a valid value of a [`Message`](crate::Message), so nothing has to be trusted: a sender with
//! other fields in mind sends values that are meaningless to the others, as any peer can that lies about its
//! type. One that gives the elements it expects ([`Builder::element`], [`Builder::description`]) is refused
//! where the channel's differ.
//!
//! Kinds: [`spsc`](crate::spsc), [`mpmc`](crate::mpmc), [`broadcast`](crate::broadcast), and
//! [`latest`](crate::latest), where a receiver gets the changes of all keys of the table, as far as it is
//! fast enough. Channels of [frames](crate::bytes) carry bytes by themselves. A [`RawCaller`] asks over a
//! [`call`](crate::call) channel.

#[allow(unsafe_code)]
mod broadcast;
mod builder;
mod caller;
mod element;
mod end;
mod error;
#[allow(unsafe_code)]
mod latest;
#[allow(unsafe_code)]
mod mpmc;
mod opening;
mod prefix;
mod receiver;
mod sender;
#[allow(unsafe_code)]
mod spsc;

pub use builder::{Builder, Raw};
pub use caller::RawCaller;
pub use element::ElementInfo;
pub use end::Received;
pub use error::{AskError, ReceiveError, SendError};
pub use prefix::PrefixReceiver;
pub use receiver::RawReceiver;
pub use sender::RawSender;

pub use crate::layout::Kind;
