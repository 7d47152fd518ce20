//! Shared memory segments: `shmget`, `shmat`, `shmdt`, `shmctl`.
//!
//! A [`SharedMemory`] is a handle: a number that names the segment. An [`Attachment`] is the segment mapped
//! into this process.
//!
//! ```
//! use ipc_core::{Key, shm};
//! use std::sync::atomic::Ordering;
//!
//! let memory = shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?;
//! let attached = memory.attach()?;
//! memory.remove()?; // early: the kernel frees it at the last detach, whatever happens to us
//! attached.atomic_u64(0).unwrap().store(1, Ordering::Release);
//! # Ok::<(), ipc_core::Error>(())
//! ```

mod attach;
mod control;
pub(crate) mod failure;
mod id;
mod memory;
mod options;
mod stat;

pub use attach::Attachment;
pub use id::{ShmId, Size};
pub use memory::SharedMemory;
pub use options::{HugePageSize, HugePages, Options, Pages};
pub use stat::Stat;
