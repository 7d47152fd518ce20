//! Errors of a publication or a read.

use core::fmt;

use ipc_core::ErrorKind;

use super::{Forked, PeerExit, debug_as_display};
use crate::ring::latest::{Corruption, Trouble};
use crate::wait::park::from_stop;

debug_as_display!(PublishError, ReadError);
from_stop!(ReadError);

/// Why a value was not published.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The table has no such key.
    NoSuchKey {
        /// The requested key.
        key: u32,
        /// Number of keys.
        keys: u32,
    },
    /// The shared memory holds a value that the protocol never writes.
    Corrupt(Corruption),
    /// This end was inherited through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
    /// The value **was published**, but the kernel refused to wake a sleeping reader, for instance because
    /// this process has changed its user. A sleeping reader finds the value at its next check, a tenth of a
    /// second later at most.
    NotWoken {
        /// The value's sequence.
        sequence: u64,
        /// The kernel's error.
        reason: ErrorKind,
    },
}

/// Why there is no value.
#[non_exhaustive]
pub enum ReadError {
    /// The table has no such key.
    NoSuchKey {
        /// The requested key.
        key: u32,
        /// Number of keys.
        keys: u32,
    },
    /// The writer has overwritten the value a thousand times while it was copied. Reading again may succeed.
    Contended,
    /// Nothing new came before the deadline.
    TimedOut,
    /// The writer has closed the channel, and its last value has been read already. It can still be read
    /// again.
    Closed,
    /// The writer is gone without closing, and its last value has been read already. A successor may
    /// continue.
    PeerGone(PeerExit),
    /// The shared memory holds a value that the protocol never writes.
    Corrupt(Corruption),
    /// This end was inherited through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// A system call failed; the semaphores were removed, for instance.
    System(ipc_core::Error),
}

impl From<Forked> for PublishError {
    fn from(_: Forked) -> Self {
        PublishError::Forked
    }
}

impl From<Forked> for ReadError {
    fn from(_: Forked) -> Self {
        ReadError::Forked
    }
}

impl PublishError {
    pub(crate) fn from_trouble(trouble: Trouble, key: u32, keys: u32) -> Self {
        match trouble {
            Trouble::Corrupt(corruption) => PublishError::Corrupt(corruption),
            // A writer has no one to contend with.
            Trouble::NoSuchKey | Trouble::Contended => PublishError::NoSuchKey { key, keys },
        }
    }
}

impl ReadError {
    pub(crate) fn from_trouble(trouble: Trouble, key: u32, keys: u32) -> Self {
        match trouble {
            Trouble::NoSuchKey => ReadError::NoSuchKey { key, keys },
            Trouble::Contended => ReadError::Contended,
            Trouble::Corrupt(corruption) => ReadError::Corrupt(corruption),
        }
    }
}

impl ReadError {
    /// Whether the same call may succeed a little later, with nothing repaired and no successor: the writer
    /// was faster than the copy, or the wait ended early.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ReadError::Contended | ReadError::TimedOut | ReadError::Interrupted => true,
            ReadError::NoSuchKey { .. }
            | ReadError::Closed
            | ReadError::PeerGone(_)
            | ReadError::Corrupt(_)
            | ReadError::Forked
            | ReadError::System(_) => false,
        }
    }
}

fn no_such_key(f: &mut fmt::Formatter<'_>, key: u32, keys: u32) -> fmt::Result {
    write!(f, "there is no key {key}; the table has {keys}, counted from 0")
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishError::NoSuchKey { key, keys } => no_such_key(f, *key, *keys),
            PublishError::Corrupt(corruption) => write!(f, "the table is corrupt: {corruption}"),
            PublishError::Forked => Forked.fmt(f),
            PublishError::NotWoken { reason, .. } => {
                write!(f, "the value was published, but who sleeps could not be woken: {reason:?}")
            }
        }
    }
}

impl std::error::Error for PublishError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::NoSuchKey { key, keys } => no_such_key(f, *key, *keys),
            ReadError::Contended => f.write_str("the writer was faster than the copy of the value each time"),
            ReadError::TimedOut => f.write_str("nothing was published before the deadline"),
            ReadError::Closed => {
                f.write_str("the writer has closed the channel, and its last value was read")
            }
            ReadError::PeerGone(exit) => write!(f, "the last value was read and {exit}"),
            ReadError::Corrupt(corruption) => write!(f, "the table is corrupt: {corruption}"),
            ReadError::Forked => Forked.fmt(f),
            ReadError::Interrupted => f.write_str("the wait for a newer value was interrupted"),
            ReadError::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::System(error) => Some(error),
            _ => None,
        }
    }
}
