//! Errors of making a loan, sending one, and receiving.

use core::fmt;

use super::Loan;
use ipc_core::ErrorKind;

use crate::error::{Forked, debug_as_display};
use crate::ring::pool::Refused;

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
    /// nothing was taken from them. The domain's semaphores were removed, or this process may not read them
    /// any more.
    Unknown {
        /// The kernel's error.
        reason: ErrorKind,
    },
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
            LoanError::Forked => Forked.fmt(f),
        }
    }
}

impl std::error::Error for LoanError {}

/// Why a loan was not sent. It is handed back, and all copies of its handle are invalid.
pub struct SendError<E> {
    /// The loan.
    pub loan: Loan,
    /// The channel's error.
    pub error: E,
}

// The channel's errors print their sentences in this form too.
impl<E: fmt::Debug> fmt::Debug for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handle was not pushed: {:?}", self.error)
    }
}

impl<E: fmt::Display> fmt::Display for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handle was not pushed: {}", self.error)
    }
}

impl<E: std::error::Error + 'static> std::error::Error for SendError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Why nothing was received.
#[non_exhaustive]
pub enum ReceiveError<E> {
    /// No handle was popped.
    Channel(E),
    /// The popped handle names nothing that may be read.
    Refused(Refused),
}

// As with `SendError`.
impl<E: fmt::Debug> fmt::Debug for ReceiveError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiveError::Channel(error) => error.fmt(f),
            ReceiveError::Refused(refused) => write!(f, "a handle was refused: {refused}"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ReceiveError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiveError::Channel(error) => error.fmt(f),
            ReceiveError::Refused(refused) => write!(f, "a handle was refused: {refused}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ReceiveError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReceiveError::Channel(error) => Some(error),
            ReceiveError::Refused(refused) => Some(refused),
        }
    }
}
