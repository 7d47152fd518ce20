//! Memory mapped from a descriptor: a sealed memfd, or a file.
//!
//! No ordinary user can shrink a System V segment under its users. A file can be shrunk, and the next access
//! then raises SIGBUS. [`SealedMemory`] is memory behind a descriptor whose size the kernel has sealed for
//! ever; the receiver checks the seals before it maps. It has no name: the descriptor is passed through a
//! Unix socket, or opened as `/proc/<pid>/fd/<number>` by the same user. A plain file has a name and survives
//! a restart, but its users must trust each other not to truncate it.
//!
//! ```
//! use ipc_core::{mapping::SealedMemory, shm::Size};
//! use std::sync::atomic::Ordering;
//!
//! let memory = SealedMemory::create("prices", 4096)?;
//! let writer = memory.map()?;
//!
//! // In the other process, with the descriptor it was handed:
//! let descriptor = memory.descriptor().try_clone_to_owned().unwrap();
//! let received = SealedMemory::receive(descriptor, Size::Exact(4096))?;
//! let reader = received.map_read_only()?;
//!
//! writer.atomic_u64(0).unwrap().store(1, Ordering::Release);
//! assert_eq!(reader.load_u64(0, Ordering::Acquire), Some(1));
//! # Ok::<(), ipc_core::Error>(())
//! ```

mod file;
mod map;
mod sealed;

pub use map::Mapping;
pub use sealed::SealedMemory;
