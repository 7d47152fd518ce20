//! Many producers, many consumers: a named queue of fixed-size messages between any processes, which keeps
//! working when some of them die.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // in any number of processes
//! let mut jobs = ipc_ring::mpmc::Producer::<u64>::create("jobs")?;
//! jobs.push(7)?;
//!
//! // in any number of others
//! let mut jobs = ipc_ring::mpmc::Consumer::<u64>::create("jobs")?;
//! let job = jobs.pop()?;
//! # Ok(()) }
//! ```
//!
//! **Ends.** Up to 256 at a time, producers and consumers together; each has a seat in the channel. Dropping
//! an end gives its seat back and leaves the channel open; [`Producer::close`] and [`Consumer::close`] end
//! the stream for all.
//!
//! **Delivery.** First in, first out over all producers; each message goes to one consumer. [`Consumer::pop`]
//! delivers exactly once: a process that is killed before the call gave the slot back has not received the
//! message, and another consumer will; one that is killed after that took the message with it. Giving the
//! slot back is the last step of the call: all wakes have been made by then, and only some instructions and
//! no system call follow until the call returns. The same is true for all messages of a slice, which are
//! given back one after the other. [`Consumer::pop_with`] delivers at least once and reports how often
//! earlier attempts failed: the message is given back when the given function has returned. A message whose
//! producer died before `push` returned is delivered whole or not at all.
//!
//! **Deaths.** An end that waits for a dead one notices, after a tenth of a second at the latest, and repairs
//! what it left: see [`ring::mpmc`](crate::ring::mpmc). Messages that are delivered again come out of order.
//!
//! **Lifetime.** The memory is freed by the kernel, messages and all, when no process is attached any more;
//! that of a [`Persistent`](crate::Lifetime::Persistent) channel when it is closed and empty then, or when it
//! is removed.

use std::marker::PhantomData;

mod builder;
#[allow(unsafe_code)]
mod consumer;
pub(super) mod end;
mod observer;
mod producer;

pub use builder::Builder;
pub(super) use end::TABLE;
pub use observer::{Attendance, Observer};

use super::receiver::Receiver;
use super::sender::Sender;

pub use crate::error::{PopError, PushError};
pub use crate::ring::mpmc::recovery::Report;
pub use crate::ring::mpmc::{Counter, Counters, Lent, Mapped, Popped};

/// The kind of channels of this module.
#[derive(Clone, Copy, Debug)]
pub struct Mpmc<T>(PhantomData<fn() -> T>);

/// A producing end: one of many, each in one thread at a time. Dropping it gives its seat back.
pub type Producer<T> = Sender<Mpmc<T>>;

/// A consuming end: one of many, each in one thread at a time. Dropping it gives its seat back.
pub type Consumer<T> = Receiver<Mpmc<T>>;
