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
    /// The kernel refused; the semaphores were removed, for instance.
    System(ipc_core::Error),
}

/// Why a value was not pushed; it is handed back.
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
    /// The value that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            PushError::Full(value)
            | PushError::Busy(value, _)
            | PushError::TimedOut(value)
            | PushError::Closed(value)
            | PushError::NoConsumer(value)
            | PushError::Corrupt(value, _)
            | PushError::Forked(value)
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
            PushError::System(_, error) => error.fmt(f),
        }
    }
}

impl<T> std::error::Error for PushError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PushError::System(_, error) => Some(error),
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
