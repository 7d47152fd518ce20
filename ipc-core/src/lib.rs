//! Safe System V (XSI) IPC for Linux: shared memory segments, semaphore sets, message queues, and primitives
//! built on them.
//!
//! It wraps every System V call, with types that cannot be confused and errors that say what happened and
//! what to do about it. Where the manual pages are silent or wrong, it documents the measured behaviour, and
//! tests it.
//!
//! # Guarantees
//! - No safe call can break memory safety, whatever other processes write: shared bytes are reached by
//!   atomics and by copies, never as `&[u8]`.
//! - Objects get mode 0600 by default, and every open requires a [`Trust`] policy: who may own the object,
//!   and who else may write to it.
//! - Handles are numbers: copying is free, dropping does nothing. Only guards remove or release, they say so,
//!   and they do it only in the process that made the guard: a child made by `fork` never takes anything from
//!   its parent, and a guard never releases or removes anything that is not, or no longer, its own.
//! - An identifier may later name another user's object; a [`Verified`] handle remembers the object it was
//!   made for, and rejects any other.
//! - A call that would block and a deadline that has passed are results (`Ok(false)`, `Ok(None)`), not
//!   errors. A call interrupted by a signal is retried with the same deadline; the `_interruptible` calls
//!   return instead.
//! - An [`Error`] holds the call, its arguments and the errno; for a limit also its name, its value, the
//!   current use and how to raise it.
//!
//! # Non-goals
//! No channels, no serialisation, no names beyond keys, no asynchronous runtime (these objects are not
//! descriptors and cannot be polled), no attaching at an address of the caller's choice (positions in shared
//! memory are offsets), no executable attachments, no truncated messages, no system but 64-bit Linux. No
//! threads, no signal handlers, no logging.
//!
//! # An example
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
//! # Modules
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
//! # Terms
//! A **key** is the external name of an object, chosen by a program; an **identifier** is the internal one,
//! chosen by the kernel. The **creator** made the object and never changes; the **owner** is initially the
//! creator. With **undo**, the kernel reverts a process's change to a semaphore when that process ends. An
//! object that was **removed** can no longer be found; a segment lives on until the last **detach**.
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
