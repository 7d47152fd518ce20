//! Errors of a push or a pop, at the ends of every kind of channel.
//!
//! One fact has one name, whichever kind reports it; each variant says which kinds return it.

use core::fmt;

use zerocopy::FromZeros;

use super::{Forked, PeerExit, debug_as_display};
use crate::ring::spsc::Corruption;

debug_as_display!(PopError, PushError<T>);

/// A frame that does not fit into the ring, now or ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLarge {
    /// The frame's length in bytes.
    pub len: usize,
    /// The longest frame that the ring takes, in bytes.
    pub limit: usize,
}

/// Messages that were overwritten before a subscriber could read them.
#[derive(Clone, Copy, PartialEq, Eq)]
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

debug_as_display!(Missed);

/// Why nothing was popped.
#[non_exhaustive]
pub enum PopError {
    /// No message is waiting now. Only the `try_` forms return this.
    Empty,
    /// The next message is being written by this process. Only the `try_` forms of [`mpmc`](crate::mpmc)
    /// return this.
    Busy {
        /// Its process number, for display.
        pid: u32,
    },
    /// Messages were overwritten before this subscriber of a [`broadcast`](crate::broadcast) channel could
    /// read them. This is reported once; the next pop continues after them.
    Missed(Missed),
    /// Nothing came before the deadline.
    TimedOut,
    /// The channel is closed and everything pushed before has been popped.
    Closed,
    /// Everything that was pushed has been popped, and the other end is gone without closing; in
    /// [`mpmc`](crate::mpmc), every producer. A successor may continue the stream.
    PeerGone(PeerExit),
    /// The next frame is larger than the buffer. It stays where it is.
    BufferTooSmall {
        /// Length of the frame in bytes.
        needed: usize,
    },
    /// The shared memory holds what the protocol never writes. The channel is poisoned.
    Corrupt(Corruption),
    /// This end was inherited through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// The kernel refused; the semaphores were removed, for instance. Or it refused earlier to wake an end
    /// that sleeps for room: what was popped then was delivered all the same.
    System(ipc_core::Error),
}

/// Why a value was not pushed; it is handed back. Only [`NotWoken`](Self::NotWoken) is about one that was.
#[non_exhaustive]
pub enum PushError<T> {
    /// Every slot is taken. Only the `try_` forms return this.
    Full(T),
    /// The next slot is held by this process. Only the `try_` forms of [`mpmc`](crate::mpmc) return this.
    Busy(T, u32),
    /// No slot came free before the deadline.
    TimedOut(T),
    /// The channel is closed: nothing will be popped again.
    Closed(T),
    /// The ring is full and the other end is gone without closing; in [`mpmc`](crate::mpmc), every consumer.
    /// A successor may come.
    PeerGone(T, PeerExit),
    /// A frame larger than this ring ever takes.
    TooLarge(T, FrameTooLarge),
    /// The shared memory holds what the protocol never writes. The channel is poisoned.
    Corrupt(T, Corruption),
    /// This end was inherited through a fork; only the process that opened it may use it. Nothing was done.
    Forked(T),
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted(T),
    /// The value **was pushed**, but the kernel refused to wake an end that sleeps, for instance because this
    /// process has changed its user. The sleeper finds the value at its next check, within a tenth of a
    /// second. Do not push it again. For several values: this number of them were pushed.
    NotWoken(T, ipc_core::Error),
    /// The kernel refused; the semaphores were removed, for instance.
    System(T, ipc_core::Error),
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

impl PopError {
    /// Whether the same call may succeed a little later, without any repair and without a successor: nothing
    /// was there yet, a message was being written, messages were missed, or the wait ended early.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let domain = ipc_ring::Domain::open("doc-example-retryable")?;
    /// let builder = ipc_ring::mpmc::Builder::<u64>::new("jobs").domain(&domain);
    /// let (producer, mut consumer) = (builder.create_sender()?, builder.create_receiver()?);
    /// assert!(consumer.try_pop().is_err_and(|error| error.is_retryable()));
    /// producer.close();
    /// assert!(consumer.try_pop().is_err_and(|error| !error.is_retryable()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            PopError::Empty
            | PopError::Busy { .. }
            | PopError::Missed(_)
            | PopError::TimedOut
            | PopError::Interrupted => true,
            PopError::Closed
            | PopError::PeerGone(_)
            | PopError::BufferTooSmall { .. }
            | PopError::Corrupt(_)
            | PopError::Forked
            | PopError::System(_) => false,
        }
    }
}

impl<T> PushError<T> {
    /// Whether the value was pushed all the same: see [`NotWoken`](Self::NotWoken).
    #[must_use]
    pub fn was_pushed(&self) -> bool {
        matches!(self, PushError::NotWoken(..))
    }

    /// Whether the same call may succeed a little later, without any repair and without a successor: the ring
    /// was full, its next slot held by another process, or the wait ended early.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            PushError::Full(_) | PushError::Busy(..) | PushError::TimedOut(_) | PushError::Interrupted(_) => {
                true
            }
            PushError::Closed(_)
            | PushError::PeerGone(..)
            | PushError::TooLarge(..)
            | PushError::Corrupt(..)
            | PushError::Forked(_)
            | PushError::NotWoken(..)
            | PushError::System(..) => false,
        }
    }

    /// The value that was not pushed, unless it [was](Self::was_pushed).
    pub fn into_inner(self) -> T {
        match self {
            PushError::Full(value)
            | PushError::Busy(value, _)
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

    /// The same with another value.
    pub fn with<V>(self, value: V) -> PushError<V> {
        match self {
            PushError::Full(_) => PushError::Full(value),
            PushError::Busy(_, pid) => PushError::Busy(value, pid),
            PushError::TimedOut(_) => PushError::TimedOut(value),
            PushError::Closed(_) => PushError::Closed(value),
            PushError::PeerGone(_, exit) => PushError::PeerGone(value, exit),
            PushError::TooLarge(_, frame) => PushError::TooLarge(value, frame),
            PushError::Corrupt(_, corruption) => PushError::Corrupt(value, corruption),
            PushError::Forked(_) => PushError::Forked(value),
            PushError::Interrupted(_) => PushError::Interrupted(value),
            PushError::NotWoken(_, error) => PushError::NotWoken(value, error),
            PushError::System(_, error) => PushError::System(value, error),
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
            PushError::Busy(_, pid) => write!(f, "the next slot is in the hands of process {pid}"),
            PushError::TimedOut(_) => f.write_str("the ring stayed full until the deadline"),
            PushError::Closed(_) => f.write_str("the channel is closed"),
            PushError::PeerGone(_, exit) => write!(f, "the ring is full and {exit}"),
            PushError::TooLarge(_, FrameTooLarge { len, limit }) => {
                write!(f, "a frame of {len} bytes; the ring takes up to {limit}")
            }
            PushError::Corrupt(_, corruption) => write!(f, "the ring is corrupt: {corruption}"),
            PushError::Forked(_) => Forked.fmt(f),
            PushError::Interrupted(_) => f.write_str("the wait for room was interrupted"),
            PushError::NotWoken(_, error) => {
                write!(f, "the message was pushed, but the end that sleeps could not be woken: {error}")
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
            PopError::Busy { pid } => write!(f, "the next message is being written by process {pid}"),
            PopError::Missed(missed) => missed.fmt(f),
            PopError::TimedOut => f.write_str("nothing was pushed before the deadline"),
            PopError::Closed => f.write_str("the channel is closed and drained"),
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
            PopError::Missed(missed) => Some(missed),
            _ => None,
        }
    }
}
