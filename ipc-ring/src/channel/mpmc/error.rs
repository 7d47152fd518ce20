//! What can go wrong with a push or a pop.

use core::fmt;

use zerocopy::FromZeros;

use crate::error::{Forked, debug_as_display};
use crate::ring::mpmc::Corruption;

debug_as_display!(PushError<T>, PopError);

/// Why nothing was popped.
#[non_exhaustive]
pub enum PopError {
    /// Nothing is waiting now. Only the `try_` forms say this.
    Empty,
    /// The next message is being written by this process. Only the `try_` forms say this.
    Busy {
        /// Its process number, for display.
        pid: u32,
    },
    /// Nothing came before the deadline.
    TimedOut,
    /// The channel is closed and everything pushed before has been popped.
    Closed,
    /// Everything that was pushed has been popped, and every producer is gone without closing. Others may come.
    NoProducer,
    /// The shared memory holds what the protocol never writes.
    Corrupt(Corruption),
    /// This end came through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// The kernel refused; the semaphores were removed, for instance. Or it refused earlier to wake an end that sleeps: what
    /// was popped then was given all the same.
    System(ipc_core::Error),
}

/// Why a value was not pushed; it is handed back. Only [`NotWoken`](Self::NotWoken) is about one that was.
#[non_exhaustive]
pub enum PushError<T> {
    /// Every slot is taken. Only the `try_` forms say this.
    Full(T),
    /// The next slot is in the hands of this process. Only the `try_` forms say this.
    Busy(T, u32),
    /// No slot came free before the deadline.
    TimedOut(T),
    /// The channel is closed.
    Closed(T),
    /// The ring is full, and every consumer is gone. Others may come.
    NoConsumer(T),
    /// The shared memory holds what the protocol never writes.
    Corrupt(T, Corruption),
    /// This end came through a fork; only the process that opened it may use it. Nothing was done.
    Forked(T),
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted(T),
    /// The value **was pushed**, but the kernel refused to wake a consumer that sleeps, for instance since this process has
    /// changed its user. Who sleeps finds the value at its next look, a tenth of a second later at most. Do not push it
    /// again. Of several values: this many were pushed.
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
            | PushError::Busy(value, _)
            | PushError::TimedOut(value)
            | PushError::Closed(value)
            | PushError::NoConsumer(value)
            | PushError::Corrupt(value, _)
            | PushError::Forked(value)
            | PushError::Interrupted(value)
            | PushError::NotWoken(value, _)
            | PushError::System(value, _) => value,
        }
    }

    /// The same with another value.
    pub(super) fn with<V>(self, value: V) -> PushError<V> {
        match self {
            PushError::Full(_) => PushError::Full(value),
            PushError::Busy(_, pid) => PushError::Busy(value, pid),
            PushError::TimedOut(_) => PushError::TimedOut(value),
            PushError::Closed(_) => PushError::Closed(value),
            PushError::NoConsumer(_) => PushError::NoConsumer(value),
            PushError::Corrupt(_, corruption) => PushError::Corrupt(value, corruption),
            PushError::Forked(_) => PushError::Forked(value),
            PushError::Interrupted(_) => PushError::Interrupted(value),
            PushError::NotWoken(_, error) => PushError::NotWoken(value, error),
            PushError::System(_, error) => PushError::System(value, error),
        }
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Full(_) => f.write_str("the ring is full"),
            PushError::Busy(_, pid) => write!(f, "the next slot is in the hands of process {pid}"),
            PushError::TimedOut(_) => f.write_str("the ring stayed full until the deadline"),
            PushError::Closed(_) => f.write_str("the channel is closed"),
            PushError::NoConsumer(_) => f.write_str("the ring is full and every consumer is gone"),
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
            PopError::Busy { pid } => write!(f, "the next message is being written by process {pid}"),
            PopError::TimedOut => f.write_str("nothing was pushed before the deadline"),
            PopError::Closed => f.write_str("the channel is closed and drained"),
            PopError::NoProducer => f.write_str("the ring is drained and every producer is gone"),
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
