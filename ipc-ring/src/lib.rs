//! Messages between the processes of one machine, through lock-free rings in shared memory.
//!
//! # Guarantees
//! - **The hot path is memory alone.** While messages flow, a push and a pop make no system call, take no
//!   lock, allocate nothing, and a one-to-one ring executes no fence and no atomic read-modify-write. A small
//!   message moves one cache line.
//! - **Waiting costs nothing.** An end polls for a short time, then sleeps on a System V semaphore; it is
//!   woken once when there is something to do. Pushing and popping have forms with a deadline.
//! - **Deaths are survived and reported.** Any process may be killed at any instruction. Nothing that was
//!   pushed is lost, nothing is delivered twice, no end waits for a dead process, and a successor continues
//!   where it stopped. The kernel itself says which processes are alive; no process number is trusted and no
//!   timeout guessed.
//! - **Nothing is left behind.** The kernel frees a channel's memory when its last user is gone, for whatever
//!   reason.
//! - **Sound whatever a peer writes.** Every bit pattern of a [`Message`] is a value, and every word of
//!   shared memory is checked before it is used. An invalid ring is an error. Safe code cannot undo that; one
//!   `unsafe` form can, as the next section says.
//!
//! # What is not sound against a peer
//! **A slice of a payload in a [`pool`].** [`pool::Loan::as_mut_slice`] and [`pool::View::as_slice`] are
//! `unsafe`: a slice guarantees that the bytes are not written by others. A process that violates the
//! protocol may write them, and so may anything that attaches the pool's segment by its number
//! (`ipc_core::shm::SharedMemory::attach`, in this process as well). The caller vouches for all of them.
//! Everything else is sound whatever happens to the bytes: [`Loan::write_at`](pool::Loan::write_at),
//! [`View::read_at`](pool::View::read_at), [`View::read`](pool::View::read) and similar methods copy, and
//! methods that lend a payload in place lend a pointer.
//!
//! # Non-goals
//! No messages between machines, none that survive a reboot, no protection of a process from one that may
//! write its memory and lies about the data, no asynchronous runtime, no signal handlers, no logging. No
//! threads either, unless you ask for a [descriptor](readiness::PollSet) or [await](readiness): then one for
//! each domain. Linux only.
//!
//! # An example
//! ```
//! use ipc_ring::spsc;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // One process makes the channel, another one opens it.
//! let mut producer = spsc::Producer::<u64>::create("crate-example.numbers")?;
//! let mut consumer = spsc::Consumer::<u64>::open("crate-example.numbers")?;
//!
//! producer.push(7)?;
//! assert_eq!(consumer.pop()?, 7);
//!
//! producer.close();
//! assert!(matches!(consumer.pop(), Err(spsc::PopError::Closed)));
//! # Ok(()) }
//! ```
//!
//! # Modules
//! | module | for |
//! |---|---|
//! | [`spsc`] | channels with one producer and one consumer, the fastest |
//! | [`bytes`] | the same for frames of any length, and for streams of bytes |
//! | [`mpmc`] | channels with many of both, each message to one consumer |
//! | [`call`] | one caller, one responder: a small request and its reply, in one cache line |
//! | [`latest`] | the newest value of one item or of many, for any number of readers |
//! | [`control`] | servers and clients: a ring each way, handed over by message queues; requests and events |
//! | [`broadcast`] | channels with one publisher and many subscribers, each message to all of them |
//! | [`raw`] | ends that are opened by name and move bytes: for other languages, tools and gateways |
//! | [`pool`] | large payloads, written where they will be read, sent by handle through any channel |
//! | [`Sender`], [`Receiver`] | the ends of every kind of queue, such as [`spsc::Producer`] |
//! | [`Builder`] | how the ends of every kind of channel but `pool` are made and found |
//! | [`Channel`], [`Bounded`] and [others](Builder) | what the builder of a kind can be set to, as bounds |
//! | [`Domain`] | which processes can meet: names, processes, and whether they are alive |
//! | [`WaitStrategy`], [`Parker`] | how an end waits, and what it sleeps on |
//! | [`WaitSet`] | one thread that waits for any of many channels |
//! | [`readiness`] | waiting in event loops: a file descriptor for many channels, and the basis of async ends |
//! | [`observe`] | observing a domain and its channels without taking part |
//! | [`gc`] | what is left when all processes were killed, and how to remove it |
//!
//! With the feature `internals`, which may change in any version, the algorithms are public too, over any
//! memory, for embedding and for model checkers: `ring`, `end`, `wait`, `leaving`, `platform` and `edge`; and
//! `memory`, `layout` and `frame`: the content of the memory, access to it, and its checks.
//!
//! # Words
//! A **channel** is a ring with a name and a type. An **end** is a producer or a consumer that is attached to
//! it. *Head* is the consumer's position, *tail* the producer's; a **position** only grows, its **slot** is
//! the position modulo the **capacity**, which counts slots. An end that is **closed** will do nothing more;
//! an end that is **detached**, or whose process died, may have a successor.
#![deny(unsafe_code)]

// What the feature `internals` makes public is private otherwise, and then a part of it serves no one.
#[allow(unsafe_code)]
mod apart;
mod asked;
#[allow(unsafe_code)]
mod cache;
mod channel;
mod clock;
pub mod control;
#[allow(unsafe_code)]
mod copy;
#[cfg(test)]
mod documented;
mod domain;
#[cfg(feature = "internals")]
pub mod edge;
#[cfg(not(feature = "internals"))]
#[allow(dead_code, unused_imports)]
mod edge;
#[cfg(feature = "internals")]
pub mod end;
#[cfg(not(feature = "internals"))]
#[allow(dead_code, unused_imports)]
mod end;
mod error;
#[cfg(feature = "fault-injection")]
pub mod fault;
#[cfg(feature = "internals")]
pub mod frame;
#[cfg(not(feature = "internals"))]
#[allow(dead_code, unused_imports)]
mod frame;
mod interrupter;
mod key;
#[cfg(feature = "internals")]
pub mod layout;
#[cfg(not(feature = "internals"))]
#[allow(dead_code, unused_imports)]
mod layout;
#[cfg(feature = "internals")]
pub mod leaving;
#[cfg(not(feature = "internals"))]
#[allow(dead_code, unused_imports)]
mod leaving;
#[cfg(feature = "internals")]
pub mod memory;
#[cfg(not(feature = "internals"))]
#[allow(dead_code, unused_imports)]
mod memory;
mod message;
pub mod observe;
#[allow(unsafe_code)]
mod opaque;
#[cfg(feature = "internals")]
#[allow(unsafe_code)]
pub mod platform;
#[cfg(not(feature = "internals"))]
#[allow(unsafe_code, dead_code, unused_imports)]
mod platform;
#[allow(unsafe_code)]
pub mod readiness;
#[allow(unsafe_code)]
mod region;
#[cfg(feature = "internals")]
pub mod ring;
#[cfg(not(feature = "internals"))]
#[allow(dead_code, unused_imports)]
mod ring;
mod site;
#[cfg(feature = "internals")]
#[allow(unsafe_code)]
pub mod wait;
#[cfg(not(feature = "internals"))]
#[allow(unsafe_code, dead_code, unused_imports)]
mod wait;

pub use channel::raw::{RawReceiver, RawSender};
pub use channel::{
    Bounded, Broadcasting, Builder, Channel, Describable, Drain, Elements, Event, Framed, Kind, Lends,
    Lifetime, Named, News, Observable, OneToOne, PeerState, Receiver, Sender, WaitSet, WaitSetError,
    Waitable, broadcast, bytes, call, latest, mpmc, pool, raw, spsc,
};
pub use control::{Connection, Listener, connect};
pub use domain::{Domain, Owner, gc};
pub use error::{AttachError, AttachErrorKind, Forked, FrameTooLarge, PeerExit, PopError, PushError};
pub use interrupter::Interrupter;
/// Descriptions of messages, which channels carry: see [`spsc::Builder::described`]. Types that derive
/// [`Describe`](describe::Describe) through this path need `#[describe(crate = "ipc_ring::describe")]`.
pub use ipc_describe as describe;
pub use message::{ElementType, Fingerprint, MAX_MESSAGE_SIZE, Message};
pub use platform::Barrier;
pub use region::Region;
pub use ring::spsc::Corruption;
pub use wait::{Parker, WaitStrategy};
/// The traits of a [`Message`] and their derives. Types that derive them through this path need
/// `#[zerocopy(crate = "ipc_ring::zerocopy")]`.
pub use zerocopy;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct OwnReadmeDoctests;
