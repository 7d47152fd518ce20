//! One producer, one consumer: a named ring of fixed-size messages between two processes.
//!
//! ```no_run
//! # #[derive(Clone, Copy, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable)]
//! # #[repr(C)] struct Tick { time_ns: u64 }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let tick = Tick { time_ns: 0 };
//! // process A
//! let mut ticks = ipc_ring::spsc::Producer::<Tick>::create("md.ticks")?;
//! ticks.push(tick)?;
//!
//! // process B; with `create` it may come first
//! let mut ticks = ipc_ring::spsc::Consumer::<Tick>::open("md.ticks")?;
//! for tick in &mut ticks { /* polls a little, then sleeps; ends when the producer closes */ }
//! # Ok(()) }
//! ```
//!
//! **Ends.** Each end has one holder at a time. Either may come first, go, and come back: a new holder
//! continues exactly where the last one stopped, whether that one detached or was killed. Dropping the
//! *producer* closes the channel: what was pushed can still be popped, then the consumer gets
//! [`Closed`](PopError::Closed). Dropping the *consumer* only detaches it. [`Producer::detach`] and
//! [`Consumer::close`] do the opposite. An end that is dropped by a panic detaches.
//!
//! **Delivery.** A message is popped exactly once: a consumer that is killed before [`Consumer::pop`] gave
//! its slot back has not popped it, and its successor will; one that is killed after that has taken the
//! message with it. Giving the slot back is the last step of the call: a waiting producer has been woken by
//! then, and only some instructions and no system call follow until the call returns. The same is true for
//! all messages of a slice. A message that is viewed in place ([`View`], [`Consumer::pop_with`]) stays until
//! it is released: it may be seen twice, and is not lost.
//!
//! **Lifetime.** The memory is freed by the kernel, messages and all, when neither end's process is attached
//! any more; that of a [`Persistent`](crate::Lifetime::Persistent) channel when its stream has ended or it is
//! removed. Dropping the producer of such a channel detaches it.
//!
//! **Descriptions.** A message type that derives `Describe` can store a description of its fields in the
//! channel, so that an error names the field in which two programs differ, and tools can decode the messages
//! ([`Builder::described`]).
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ipc_ring::describe::Describe;
//! use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
//! use ipc_ring::{Domain, spsc};
//!
//! #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
//! #[zerocopy(crate = "ipc_ring::zerocopy")]
//! #[describe(crate = "ipc_ring::describe", name = "md.Tick/2")]
//! #[repr(C)]
//! struct Tick { time_ns: u64, price: i64, quantity: u32, symbol: u32 }
//!
//! #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
//! #[zerocopy(crate = "ipc_ring::zerocopy")]
//! #[describe(crate = "ipc_ring::describe", name = "md.Tick/2")]
//! #[repr(C)]
//! struct Other { time_ns: u64, price: f64, quantity: u32, symbol: u32 }
//!
//! let domain = Domain::open("doc-example-described")?;
//! let producer = spsc::Builder::<Tick>::new("ticks").domain(&domain).described().create_sender()?;
//! let other = spsc::Builder::<Other>::new("ticks").domain(&domain).described();
//! let error = other.open_receiver().err().expect("they differ");
//! assert!(error.to_string().contains("field `price` is i64, expected f64"));
//! # Ok(()) }
//! ```

use std::marker::PhantomData;

mod builder;
#[allow(unsafe_code)]
mod consumer;
mod observer;
mod producer;
mod ready;

pub use builder::Builder;
pub(super) use builder::{request, ring};
pub use consumer::View;
pub use observer::Observer;
pub use producer::Claim;

use super::receiver::Receiver;
use super::sender::Sender;

pub use crate::error::{PopError, PushError};
pub use crate::ring::spsc::Counters;

/// The kind of channels of this module.
#[derive(Clone, Copy, Debug)]
pub struct Spsc<T>(PhantomData<fn() -> T>);

/// The producing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Sender::detach) leaves it open
/// for a successor.
///
/// ```compile_fail
/// // Two threads cannot push at a time: pushing takes the end exclusively, and it cannot be cloned.
/// fn push_through_a_shared_reference(producer: &ipc_ring::spsc::Producer<u64>) {
///     let _ = producer.try_push(1);
/// }
/// ```
pub type Producer<T> = Sender<Spsc<T>>;

/// The consuming end: one holder at a time, in one thread at a time.
///
/// Dropping it detaches: the channel stays, and another consumer may continue. [`close`](Receiver::close)
/// ends the stream: the producer learns that its messages will not be popped.
pub type Consumer<T> = Receiver<Spsc<T>>;

/// An iterator over the messages that are ready, from [`Consumer::drain`](Receiver::drain).
pub type Drain<'a, T> = crate::channel::receiver::Drain<'a, Spsc<T>>;
