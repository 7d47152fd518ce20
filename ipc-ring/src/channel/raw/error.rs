//! Errors of a slice of bytes that is to become an element.

use core::fmt;

use crate::error::{CallError, Forked, PopError, PushError, debug_as_display};
use crate::latest::{PublishError, ReadError};

debug_as_display!(SendError, ReceiveError, AskError);

/// Why nothing was sent.
#[non_exhaustive]
pub enum SendError {
    /// The length of the slice differs from that of an element.
    WrongSize {
        /// Bytes of the slice.
        given: usize,
        /// Bytes of an element.
        element: usize,
    },
    /// The channel did not take it. [`PushError::NotWoken`]: it did.
    Push(PushError<()>),
    /// The table of latest values did not take it. [`PublishError::NotWoken`]: it did.
    Publish(PublishError),
}

/// Why nothing was received.
#[non_exhaustive]
pub enum ReceiveError {
    /// The length of the slice differs from that of an element. Nothing was taken.
    WrongSize {
        /// Bytes of the slice.
        given: usize,
        /// Bytes of an element.
        element: usize,
    },
    /// The channel had nothing.
    Pop(PopError),
    /// The table of latest values had nothing.
    Read(ReadError),
}

/// Why nothing was asked.
#[non_exhaustive]
pub enum AskError {
    /// The length of the slice differs from that of a described request, or exceeds what fits.
    WrongSize {
        /// Bytes of the slice.
        given: usize,
        /// Bytes of a request; the most it can have where the channel has no description.
        request: usize,
    },
    /// The channel did not take it. [`CallError::NotWoken`]: it did.
    Call(CallError),
}

impl SendError {
    /// Whether the same call may succeed a little later, with nothing repaired and no successor.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, SendError::Push(error) if error.is_retryable())
    }
}

impl ReceiveError {
    /// Whether the same call may succeed a little later, with nothing repaired and no successor.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ReceiveError::WrongSize { .. } => false,
            ReceiveError::Pop(error) => error.is_retryable(),
            ReceiveError::Read(error) => error.is_retryable(),
        }
    }
}

impl From<CallError> for AskError {
    fn from(error: CallError) -> Self {
        AskError::Call(error)
    }
}

impl From<PushError<()>> for SendError {
    fn from(error: PushError<()>) -> Self {
        SendError::Push(error)
    }
}

impl From<Forked> for SendError {
    fn from(_: Forked) -> Self {
        SendError::Push(PushError::Forked(()))
    }
}

impl From<PublishError> for SendError {
    fn from(error: PublishError) -> Self {
        SendError::Publish(error)
    }
}

impl From<PopError> for ReceiveError {
    fn from(error: PopError) -> Self {
        ReceiveError::Pop(error)
    }
}

impl From<ReadError> for ReceiveError {
    fn from(error: ReadError) -> Self {
        ReceiveError::Read(error)
    }
}

fn wrong_size(f: &mut fmt::Formatter<'_>, given: usize, element: usize) -> fmt::Result {
    write!(
        f,
        "a slice of {given} bytes was given, and an element of the channel has {element}: give one of {element}"
    )
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::WrongSize { given, element } => wrong_size(f, *given, *element),
            SendError::Push(error) => error.fmt(f),
            SendError::Publish(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiveError::WrongSize { given, element } => wrong_size(f, *given, *element),
            ReceiveError::Pop(error) => error.fmt(f),
            ReceiveError::Read(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::WrongSize { given, request } => {
                write!(f, "a request of {given} bytes was given, and one of the channel has {request}")
            }
            AskError::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AskError::WrongSize { .. } => None,
            AskError::Call(error) => error.source(),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SendError::WrongSize { .. } => None,
            SendError::Push(error) => error.source(),
            SendError::Publish(error) => error.source(),
        }
    }
}

impl std::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReceiveError::WrongSize { .. } => None,
            ReceiveError::Pop(error) => error.source(),
            ReceiveError::Read(error) => error.source(),
        }
    }
}
