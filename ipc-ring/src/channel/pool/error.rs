//! Errors of sending a loan, and receiving.

use core::fmt;

use super::Loan;
use crate::ring::pool::Refused;

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
