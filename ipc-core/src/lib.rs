//! Safe System V (XSI) IPC for Linux: shared memory segments, semaphore sets, message queues, and what can be
//! built on them.
//!
//! Every System V call is here, with types that cannot be mixed up, errors that say what happened and what
//! can be done about it, and the behaviour that was measured and is tested, where the manual pages are silent
//! or wrong.
//!
//! # What it promises
//! - No safe call can break memory safety, whatever other processes write: shared bytes are reached by
//!   atomics and by copies, never as `&[u8]`.
//! - Objects get mode 0600 unless told otherwise, and every open demands a [`Trust`] policy: whose object is
//!   it, and who else can write to it?
//! - Handles are numbers: copying is free, dropping does nothing. What removes or releases something is a
//!   guard, says so, and does it in the process that made the guard only: a child made by `fork` never takes
//!   anything from its parent, and nothing is released or removed that is not, or no longer, the guard's.
//! - A number can come to name a stranger's object; a [`Verified`] handle remembers whose object it means,
//!   and refuses the stranger.
//! - That something would block, and that a deadline passed, are answers (`Ok(false)`, `Ok(None)`). An
//!   interruption by a signal is retried with the deadline kept; the `_interruptible` calls come back
//!   instead.
//! - An [`Error`] keeps the call, its arguments and the errno; for a limit also its name, value, use and how
//!   to raise it.
//!
//! # What it does not do
//! No channels, no serialisation, no names beyond keys, no asynchronous runtime (these objects are no
//! descriptors and cannot be polled), no attaching at an address of the caller's choice (positions in shared
//! memory are offsets), no executable attachments, no receiving of cut messages, no other system than 64-bit
//! Linux. No threads, no signal handlers, no logging.
//!
//! # One of each
//! ```
//! use std::sync::atomic::Ordering;
//! use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg, sem, shm};
//!
//! // Memory that vanishes with its last user, whatever happens to us.
//! let memory = shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?;
//! let attached = memory.attach()?;
//! memory.remove()?;
//! attached.atomic_u64(0).unwrap().store(1, Ordering::Release);
//!
//! // A lock that is free when its holder is killed.
//! let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
//! let guard = sem::Mutex::new(*set, 0).lock()?;
//!
//! // A queue found by its key, opened only if it is ours.
//! let key = Key::random()?;
//! let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(key, Mode::PRIVATE)?);
//! msg::MessageQueue::open(key, &Trust::same_user())?.send_bytes(msg::MessageType::ONE, b"hello")?;
//! # Ok::<(), ipc_core::Error>(())
//! ```
//!
//! # Where to find what
//! | module | C calls | for |
//! |---|---|---|
//! | [`shm`] | `shmget` `shmat` `shmdt` `shmctl` | segments, and attachments of them |
//! | [`sem`] | `semget` `semop` `semtimedop` `semctl` | sets, operations, permits, a mutex |
//! | [`msg`] | `msgget` `msgsnd` `msgrcv` `msgctl` | queues, selection by type, peeking, deadlines |
//! | [`liveness`] | `semop` with `SEM_UNDO` | tokens that fall when their process dies, and waiting for that |
//! | [`mapping`] | `memfd_create` `mmap` | sealed memory and files |
//! | [`segment`] | | one type over all kinds of memory |
//! | [`futex`] | `futex` | sleeping on a word of shared memory |
//! | [`barrier`] | `membarrier` | barriers that cost only the side about to sleep |
//! | [`limits`], [`list`] | `IPC_INFO` … `STAT_ANY`, `/proc` | limits, usage, all objects |
//!
//! # Words
//! A **key** is the outer name of an object, chosen by a program; an **identifier** is the inner one, chosen
//! by the kernel. The **creator** made the object and can never be changed; the **owner** is the creator at
//! first. To **undo** is what the kernel does to a semaphore when a process that changed it so ends. An
//! object is **removed** when it can no longer be found; a segment lives on until the last **detach**.
#![deny(unsafe_code)]

pub mod barrier;
mod bytes;
mod change;
#[cfg(test)]
mod errno_table;
mod error;
mod evidence;
pub mod futex;
mod guard;
mod key;
mod limit;
pub mod limits;
pub mod list;
pub mod liveness;
pub mod mapping;
pub mod msg;
mod object;
mod open;
mod permissions;
mod process;
mod random;
mod record;
pub mod segment;
pub mod sem;
pub mod shm;
mod sys;
mod time;
mod trust;
mod users;
mod verified;

pub use bytes::SharedBytes;
pub use error::{Error, ErrorKind, Result};
pub use evidence::{Evidence, Kind as EvidenceKind};
pub use guard::RemoveOnDrop;
pub use key::{Key, ParseKeyError};
pub use limit::Limit;
pub use object::Object;
pub use open::Disposition;
pub use permissions::{Mode, Permissions};
pub use process::{PerProcess, ProcessMark};
pub use random::random_bytes;
pub use trust::Trust;
pub use verified::Verified;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
