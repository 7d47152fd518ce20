//! What can go wrong with a push or a pop.

use core::fmt;

use zerocopy::FromZeros;

use super::{Forked, PeerExit, debug_as_display};
use crate::ring::spsc::Corruption;

debug_as_display!(PopError, PushError<T>);

/// A frame that does not fit the ring, now or ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLarge {
    /// Bytes of the frame.
    pub len: usize,
    /// Bytes of the longest frame the ring takes.
    pub limit: usize,
}

impl From<Forked> for PopError {
    fn from(_: Forked) -> Self {
        PopError::Forked
    }
}

/// With zeros for the value.
impl<T: FromZeros> From<Forked> for PushError<T> {
    fn from(_: Forked) -> Self {
        PushError::Forked(T::new_zeroed())
    }
}

/// Why nothing was popped.
#[non_exhaustive]
pub enum PopError {
    /// Nothing is waiting now. Only the `try_` forms say this.
    Empty,
    /// Nothing came before the deadline.
    TimedOut,
    /// The producer closed the channel and everything it pushed has been popped.
    Closed,
    /// Everything that was pushed has been popped, and the producer is gone without closing. A successor may continue
    /// the stream.
    PeerGone(PeerExit),
    /// The next frame is larger than the buffer. It stays where it is.
    BufferTooSmall {
        /// Bytes of the frame.
        needed: usize,
    },
    /// The shared memory holds what the protocol never writes. The channel is poisoned.
    Corrupt(Corruption),
    /// This end came through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// The kernel refused; the semaphores were removed, for instance. Or it refused earlier to wake a producer that sleeps
    /// for room: what was popped then was given all the same.
    System(ipc_core::Error),
}

/// Why a value was not pushed; it is handed back. Only [`NotWoken`](Self::NotWoken) is about one that was.
#[non_exhaustive]
pub enum PushError<T> {
    /// Every slot is taken. Only the `try_` forms say this.
    Full(T),
    /// No slot came free before the deadline.
    TimedOut(T),
    /// The consumer closed the channel: nobody will pop again.
    Closed(T),
    /// The ring is full and the consumer is gone without closing.
    PeerGone(T, PeerExit),
    /// A frame larger than this ring ever takes.
    TooLarge(T, FrameTooLarge),
    /// The shared memory holds what the protocol never writes. The channel is poisoned.
    Corrupt(T, Corruption),
    /// This end came through a fork; only the process that opened it may use it. Nothing was done.
    Forked(T),
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted(T),
    /// The value **was pushed**, but the kernel refused to wake who sleeps at the other side, for instance since this process has
    /// changed its user. Who sleeps finds the value at its next look, a tenth of a second later at most. Do not push it
    /// again. Of several values: this many were pushed.
    NotWoken(T, ipc_core::Error),
    /// The kernel refused; the semaphores were removed, for instance.
    System(T, ipc_core::Error),
}

impl<T> PushError<T> {
    /// Whether the value was pushed all the same: see [`NotWoken`](Self::NotWoken).
    #[must_use]
    pub fn was_pushed(&self) -> bool {
        matches!(self, PushError::NotWoken(..))
    }

    /// The value that was not pushed, unless it [was](Self::was_pushed).
    pub fn into_inner(self) -> T {
        match self {
            PushError::Full(value)
            | PushError::TimedOut(value)
            | PushError::Closed(value)
            | PushError::PeerGone(value, _)
            | PushError::TooLarge(value, _)
            | PushError::Corrupt(value, _)
            | PushError::Forked(value)
            | PushError::Interrupted(value)
            | PushError::NotWoken(value, _)
            | PushError::System(value, _) => value,
        }
    }

    /// Whether the ring was full, and pushing again may succeed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, PushError::Full(_) | PushError::TimedOut(_))
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Full(_) => f.write_str("the ring is full"),
            PushError::TimedOut(_) => f.write_str("the ring stayed full until the deadline"),
            PushError::Closed(_) => f.write_str("the consumer has closed the channel"),
            PushError::PeerGone(_, exit) => write!(f, "the ring is full and {exit}"),
            PushError::TooLarge(_, FrameTooLarge { len, limit }) => {
                write!(f, "a frame of {len} bytes; the ring takes up to {limit}")
            }
            PushError::Corrupt(_, corruption) => write!(f, "the ring is corrupt: {corruption}"),
            PushError::Forked(_) => Forked.fmt(f),
            PushError::Interrupted(_) => f.write_str("the wait for room was interrupted"),
            PushError::NotWoken(_, error) => {
                write!(f, "the message was pushed, but who sleeps could not be woken: {error}")
            }
            PushError::System(_, error) => error.fmt(f),
        }
    }
}

impl<T> std::error::Error for PushError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PushError::NotWoken(_, error) | PushError::System(_, error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PopError::Empty => f.write_str("the ring is empty"),
            PopError::TimedOut => f.write_str("nothing was pushed before the deadline"),
            PopError::Closed => f.write_str("the producer has closed the channel and it is drained"),
            PopError::PeerGone(exit) => write!(f, "the ring is drained and {exit}"),
            PopError::BufferTooSmall { needed } => {
                write!(f, "the next frame has {needed} bytes, more than the buffer")
            }
            PopError::Corrupt(corruption) => write!(f, "the ring is corrupt: {corruption}"),
            PopError::Forked => Forked.fmt(f),
            PopError::Interrupted => f.write_str("the wait for a message was interrupted"),
            PopError::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PopError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PopError::System(error) => Some(error),
            _ => None,
        }
    }
}
