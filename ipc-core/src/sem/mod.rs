//! Semaphore sets: `semget`, `semop`, `semtimedop`, `semctl`.
//!
//! A set is an array of counters from 0 to 32767. One call changes several of them atomically, or waits until
//! it can. Changes made with undo are reverted by the kernel when the process ends, for whatever reason:
//! [`Permit`], [`Mutex`] and [`liveness`](crate::liveness) are built on this.
//!
//! ```
//! use ipc_core::{Key, Mode, RemoveOnDrop, sem};
//!
//! let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
//! set.perform(&[sem::Op::add(0, 3), sem::Op::add(1, 1)])?;
//! assert!(set.try_perform(&[sem::Op::take(0, 2), sem::Op::take(1, 1)])?);
//! assert!(!set.try_perform(&[sem::Op::take(0, 1), sem::Op::take(1, 1)])?); // both or neither
//! assert_eq!(set.values()?, [1, 0]);
//! # Ok::<(), ipc_core::Error>(())
//! ```

mod count;
pub(crate) mod failure;
mod held;
mod id;
mod mutex;
mod op;
mod operations;
mod perform;
mod permit;
mod set;
mod stat;
mod values;

pub use count::Count;
pub(crate) use held::lower;
pub use id::SemId;
pub use mutex::{Mutex, MutexGuard};
pub use op::Op;
pub use operations::Operations;
pub use permit::Permit;
pub use set::SemaphoreSet;
pub use stat::Stat;

/// The highest value of a semaphore (SEMVMX). Compiled into the kernel.
///
/// ```
/// assert_eq!(ipc_core::sem::MAX_VALUE, 32767);
/// ```
#[doc(alias = "SEMVMX")]
pub const MAX_VALUE: u16 = 32767;
