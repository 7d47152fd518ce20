//! Async tasks that wait for the channels of [`ipc_ring`], in any runtime.
//!
//! [`Async`] wraps an end of a channel. Its futures pop, push, call and accept; it is a
//! [`Stream`](futures_core::Stream) or a [`Sink`](futures_sink::Sink). There is no runtime in this crate and
//! none is needed: a thread of [`ipc_ring::readiness`] wakes the tasks, one thread for each domain of a
//! process, started by the first `Async` and ended with the last.
//!
//! ```
//! use ipc_async::Async;
//! use ipc_ring::{Domain, spsc};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain = Domain::open("doc-example-async")?;
//! let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
//! // In two processes, as a rule.
//! let mut producer = Async::new(numbers.create_sender()?)?;
//! let mut consumer = Async::new(numbers.open_receiver()?)?;
//!
//! smol::block_on(async {
//!     producer.push(&7).await?;
//!     assert_eq!(consumer.pop().await?, 7);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Cancellation
//! Every future may be dropped at any time. An unfinished one has had no effect: no message is lost with it,
//! none is half pushed, and a wake-up that it received is passed on to another consumer of the channel. The
//! runtime's own timeout around it is enough; the futures need no forms with a deadline. One exception: a
//! call in flight stays in flight; see [`Async::call`].
//!
//! # What it costs
//! While messages flow, only the push and the pop themselves. A task that finds nothing lets messages gather
//! for a few microseconds, where that has helped recently, and yields a few times before it arms, which takes
//! one or two system calls; a sleeping task is woken through the driver's thread, one thread switch more than
//! for a thread that blocks in [`pop`](ipc_ring::spsc::Consumer::pop). A program with a thread to spare for a
//! channel should prefer the latter. `pop` returns a message through memory; `pop_into` and `pop_slice` copy
//! it once, which pays off from some tens of bytes on.
//!
//! A task that is never kept waiting yields to others after 50 µs: a future is then pending although a
//! message is there, and its task is woken at once.
//!
//! # Features
//! `tokio` and `futures-io`: [`Reader`] and [`Writer`], streams of bytes over [`ipc_ring::bytes`], implement
//! the `AsyncRead` and `AsyncWrite` of these crates.
#![forbid(unsafe_code)]

mod r#async;
mod calls;
mod connect;
mod ends;
mod io;
mod payloads;
mod sink;
mod slices;
mod traits;
mod turn;
mod waiting;

pub use r#async::Async;
pub use connect::{connect, connect_as};
pub use io::{Reader, Stream, Writer};
pub use payloads::{Receiver, Sender};
pub use sink::Outbox;
pub use slices::{SliceSource, SliceTarget};
pub use traits::{Source, Target};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

#[cfg(doctest)]
#[doc = include_str!("../../docs/async.md")]
struct GuideDoctests;
