//! The kernel's limits on System V objects, their current usage, and the settings that change how objects
//! behave.
//!
//! Limits and counts belong to the IPC namespace of the caller. A new namespace starts with the kernel's
//! built-in limits, not with those of its parent. [`Limit`] names each limit and how it is raised; errors use
//! the same words.
//!
//! ```
//! use ipc_core::limits::{MessageLimits, MessageUsage};
//!
//! let (limits, usage) = (MessageLimits::read()?, MessageUsage::read()?);
//! println!("{} of {} queues", usage.queues, limits.queues);
//! # Ok::<(), ipc_core::Error>(())
//! ```

mod messages;
mod semaphores;
mod settings;
mod shared_memory;

pub use crate::limit::Limit;
pub use messages::{MessageLimits, MessageUsage};
pub use semaphores::{SemaphoreLimits, SemaphoreUsage};
pub use settings::Settings;
pub use shared_memory::{SharedMemoryLimits, SharedMemoryUsage};

use nix::libc;

use crate::error::{Error, ErrorKind};
use crate::sys::Errno;

/// The information calls need no right and take no identifier: they fail only where System V IPC is missing.
#[cold]
fn failure(call: &'static str, command: &str, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::ENOSYS | libc::EPERM | libc::EINVAL => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    Error::os(call, command.to_owned(), errno, kind)
}

/// A kernel number of type `int` that is never negative.
fn count(number: i32) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
