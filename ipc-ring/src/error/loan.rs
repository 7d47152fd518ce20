//! Why a pool lends nothing.

use core::fmt;

use ipc_core::ErrorKind;

use super::{Forked, debug_as_display};

debug_as_display!(LoanError);

/// Why nothing was lent.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoanError {
    /// No block of the size class was free at the time of the check. Other processes may give theirs back.
    Exhausted {
        /// The number of the class.
        class: usize,
        /// Bytes of its blocks.
        size: usize,
        /// Number of its blocks.
        count: u64,
    },
    /// No class has blocks of this size.
    TooLarge {
        /// Bytes requested.
        len: usize,
        /// Bytes of the largest block.
        limit: usize,
    },
    /// No block of the size class was free, and it is unknown whether the processes that hold them are alive:
    /// nothing was taken from them. The domain's semaphores were removed, or this process may not use them
    /// any more; so it cannot wait either.
    Unknown {
        /// The kernel's error.
        reason: ErrorKind,
    },
    /// No block of the size class was free until the deadline.
    TimedOut,
    /// The wait for a block was [interrupted](crate::Interrupter).
    Interrupted,
    /// The pool was inherited through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
}

impl From<Forked> for LoanError {
    fn from(_: Forked) -> Self {
        LoanError::Forked
    }
}

impl fmt::Display for LoanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoanError::Exhausted { class, size, count } => {
                write!(f, "all {count} blocks of {size} bytes (class {class}) are in use")
            }
            LoanError::TooLarge { len, limit } => {
                write!(f, "{len} bytes asked for; the pool's largest blocks have {limit}")
            }
            LoanError::Unknown { reason } => write!(
                f,
                "all blocks of this size are in use, and it cannot be known whether those who hold them are alive: {reason:?}; open the pool again"
            ),
            LoanError::TimedOut => f.write_str("no block of this size was given back before the deadline"),
            LoanError::Interrupted => f.write_str("the wait for a block was interrupted"),
            LoanError::Forked => Forked.fmt(f),
        }
    }
}

impl std::error::Error for LoanError {}
