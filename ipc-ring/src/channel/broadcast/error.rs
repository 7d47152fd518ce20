//! What a subscriber may be told instead of a message.

use core::fmt;

use crate::error::{Forked, PeerExit, debug_as_display};
use crate::ring::broadcast::Corruption;

debug_as_display!(PopError);

/// Messages that were overwritten before a subscriber could read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Their number, exactly.
    pub count: u64,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages were overwritten before they could be read", self.count)
    }
}

impl std::error::Error for Missed {}

/// Why no message was popped.
#[non_exhaustive]
pub enum PopError {
    /// Nothing is waiting now. Only the `try_` forms say this.
    Empty,
    /// Messages were overwritten before this subscriber could read them. It is told once; the next pop goes on behind them.
    Missed(Missed),
    /// Nothing came before the deadline.
    TimedOut,
    /// The channel is closed and everything published has been read.
    Closed,
    /// Everything published has been read, and the publisher is gone without closing. Another one may come.
    PeerGone(PeerExit),
    /// The next frame has more bytes than the buffer. It stays.
    BufferTooSmall {
        /// Bytes it has.
        needed: usize,
    },
    /// The shared memory holds what the protocol never writes.
    Corrupt(Corruption),
    /// This end came through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// The kernel refused; the semaphores were removed, for instance. Or it refused earlier to wake a publisher that sleeps
    /// for room: what was popped then was given all the same.
    System(ipc_core::Error),
}

impl From<Forked> for PopError {
    fn from(_: Forked) -> Self {
        PopError::Forked
    }
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PopError::Empty => f.write_str("nothing is waiting"),
            PopError::Missed(missed) => missed.fmt(f),
            PopError::TimedOut => f.write_str("nothing was published before the deadline"),
            PopError::Closed => f.write_str("the publisher has closed the channel and everything is read"),
            PopError::PeerGone(PeerExit::Died { pid }) => {
                write!(f, "everything is read and the publisher, process {pid}, died")
            }
            PopError::PeerGone(PeerExit::NeverAttached) => f.write_str("no publisher has ever come"),
            PopError::PeerGone(PeerExit::Detached) => {
                f.write_str("everything is read and the publisher has detached")
            }
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
            PopError::Missed(missed) => Some(missed),
            _ => None,
        }
    }
}
