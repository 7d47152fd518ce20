//! Errors of requests, on either side.

use core::fmt;

use super::super::error::ConnectError;
use super::super::reason::Reason;
use crate::error::{Forked, FrameTooLarge, PeerExit, PopError, PushError, debug_as_display};
use crate::ring::spsc::Corruption;

debug_as_display!(RequestError);

/// Why no answer, or no request, came.
#[non_exhaustive]
pub enum RequestError {
    /// Nothing arrived, or there was no room, before the deadline.
    TimedOut,
    /// The server answered with a failure, and a number of its own; [`EXPIRED`](Self::EXPIRED): the request's
    /// deadline had passed when the server came to it.
    Failed {
        /// The server's number.
        code: u32,
    },
    /// The other side has ended the connection.
    Closed {
        /// The reason, if the other side sent one.
        reason: Option<Reason>,
    },
    /// The other side's process is gone.
    PeerGone(PeerExit),
    /// The connection over which the request was sent ended before the answer came, and another one has taken
    /// its place. The server may or may not have carried out the request.
    Lost,
    /// The connection has ended, and a new one could not be made.
    Connect(ConnectError),
    /// The client does not read its answers. The connection has been closed with [`Reason::TooSlow`].
    TooSlow,
    /// The body with its head is too large for the ring, now or ever.
    TooLarge(FrameTooLarge),
    /// The answer, which is here, does not fit the memory that was given for it.
    AnswerTooLong(Vec<u8>),
    /// The ticket's answer has been returned, or the request was cancelled or has timed out.
    UnknownTicket,
    /// The other side sent a message that is neither a request nor an answer.
    Malformed,
    /// The shared memory contains a value that the protocol never writes.
    Corrupt(Corruption),
    /// The connection was inherited through a fork; only the process that made it may use it. Nothing was
    /// done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// The one-way message or the answer **was sent**, but the kernel refused to wake the process that waits
    /// for it, for instance because this process has changed its user. A sleeping peer finds it at its next
    /// look, a tenth of a second later at most.
    NotWoken(ipc_core::Error),
    /// The kernel refused.
    System(ipc_core::Error),
}

impl RequestError {
    /// The number of a failure for a request whose deadline had passed.
    pub const EXPIRED: u32 = u32::MAX;

    /// Whether the connection has ended, so that nothing more passes over it.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Closed { .. } | Self::PeerGone(_))
    }

    pub(super) fn from_push(error: PushError<()>) -> Self {
        match error {
            PushError::Full(()) | PushError::Busy((), _) | PushError::TimedOut(()) => Self::TimedOut,
            PushError::Closed(()) => Self::Closed { reason: None },
            PushError::PeerGone((), exit) => Self::PeerGone(exit),
            PushError::TooLarge((), frame) => Self::TooLarge(frame),
            PushError::Corrupt((), corruption) => Self::Corrupt(corruption),
            PushError::Forked(()) => Self::Forked,
            PushError::Interrupted(()) => Self::Interrupted,
            PushError::NotWoken((), error) => Self::NotWoken(error),
            PushError::System((), error) => Self::System(error),
        }
    }

    pub(super) fn from_pop(error: PopError) -> Self {
        match error {
            PopError::Empty | PopError::Busy { .. } | PopError::TimedOut => Self::TimedOut,
            PopError::Closed => Self::Closed { reason: None },
            PopError::PeerGone(exit) => Self::PeerGone(exit),
            // Vectors grow, and no frame is overwritten.
            PopError::BufferTooSmall { .. } | PopError::Missed(_) => Self::Malformed,
            PopError::Corrupt(corruption) => Self::Corrupt(corruption),
            PopError::Forked => Self::Forked,
            PopError::Interrupted => Self::Interrupted,
            PopError::System(error) => Self::System(error),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("nothing came before the deadline"),
            Self::Failed { code: Self::EXPIRED } => {
                f.write_str("the request's deadline had passed when the server came to it")
            }
            Self::Failed { code } => write!(f, "the server failed with code {code}"),
            Self::Closed { reason: None } => f.write_str("the other side has ended the connection"),
            Self::Closed { reason: Some(reason) } => {
                write!(f, "the other side has ended the connection: {reason}")
            }
            Self::PeerGone(exit) => exit.fmt(f),
            Self::Lost => f.write_str(
                "the connection ended before the answer came; the server may have carried the request out or not",
            ),
            Self::Connect(error) => write!(f, "the connection has ended, and connecting again failed: {error}"),
            Self::TooSlow => f.write_str("the client does not read its answers and was dropped"),
            Self::TooLarge(FrameTooLarge { len, limit }) => {
                write!(f, "{len} bytes with the head; the ring takes up to {limit}")
            }
            Self::AnswerTooLong(answer) => {
                write!(f, "the answer of {} bytes does not fit the memory given for it", answer.len())
            }
            Self::UnknownTicket => {
                f.write_str("the ticket's answer has been given, or is not wanted any more")
            }
            Self::Malformed => f.write_str("the other side sends what is no request and no answer"),
            Self::Corrupt(corruption) => write!(f, "the ring is corrupt: {corruption}"),
            Self::Forked => Forked.fmt(f),
            Self::Interrupted => f.write_str("the wait was interrupted"),
            Self::NotWoken(error) => write!(f, "it was sent, but who sleeps could not be woken: {error}"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotWoken(error) | Self::System(error) => Some(error),
            Self::Connect(error) => Some(error),
            _ => None,
        }
    }
}
