//! Errors of a call, on either side.

use core::fmt;

use super::{Forked, PeerExit, PopError, debug_as_display};
use crate::ring::call::Corruption;

debug_as_display!(CallError);

/// Why there is no reply, or no request.
#[non_exhaustive]
pub enum CallError {
    /// The call before has no reply yet. Only [`Caller::ask`](crate::call::Caller::ask) says this.
    Pending,
    /// A reply was waited for, but no call was started.
    NothingAsked,
    /// Nothing came before the deadline. The call stays in flight.
    TimedOut,
    /// The other end has closed the channel.
    Closed,
    /// The other end is gone without closing. A successor may come; the call stays in flight.
    PeerGone(PeerExit),
    /// The shared memory holds what the protocol never writes. The channel is poisoned.
    Corrupt(Corruption),
    /// The domain's lock could not be taken before the call's deadline, or within five seconds if it has
    /// none, or is gone.
    Locked,
    /// This end was inherited through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter). A call stays in flight.
    Interrupted,
    /// The request **is in flight**, but the kernel refused to wake the responder, for instance because this
    /// process has changed its user. The responder finds the request at its next check, within a tenth of a
    /// second; [`Caller::wait`](crate::call::Caller::wait) returns the reply.
    NotWoken(ipc_core::Error),
    /// The kernel refused; the semaphores were removed, for instance. Or it refused earlier to wake the
    /// caller, whose reply was delivered all the same.
    System(ipc_core::Error),
}

impl From<Forked> for CallError {
    fn from(_: Forked) -> Self {
        CallError::Forked
    }
}

impl CallError {
    /// Whether the same call may succeed a little later, without any repair and without a successor: the
    /// previous call is in flight, the wait ended early, or another process has the domain's lock.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            CallError::Pending | CallError::TimedOut | CallError::Interrupted | CallError::Locked => true,
            CallError::NothingAsked
            | CallError::Closed
            | CallError::PeerGone(_)
            | CallError::Corrupt(_)
            | CallError::Forked
            | CallError::NotWoken(_)
            | CallError::System(_) => false,
        }
    }

    /// From the error of the wait that all pairs of ends share.
    pub(crate) fn from_wait(error: PopError) -> Self {
        match error {
            PopError::Empty
            | PopError::Busy { .. }
            | PopError::Missed(_)
            | PopError::TimedOut
            | PopError::BufferTooSmall { .. } => CallError::TimedOut,
            PopError::Closed => CallError::Closed,
            PopError::PeerGone(exit) => CallError::PeerGone(exit),
            PopError::Corrupt(corruption) => CallError::Corrupt(corruption),
            PopError::Forked => CallError::Forked,
            PopError::Interrupted => CallError::Interrupted,
            PopError::System(error) => CallError::System(error),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Pending => f.write_str("the call before has no reply yet"),
            CallError::NothingAsked => f.write_str("nothing was asked, so no reply will come"),
            CallError::TimedOut => f.write_str("nothing came before the deadline"),
            CallError::Closed => f.write_str("the other end has closed the channel"),
            CallError::PeerGone(exit) => exit.fmt(f),
            CallError::Corrupt(corruption) => write!(f, "the line is corrupt: {corruption}"),
            CallError::Locked => f.write_str("the domain's lock could not be had"),
            CallError::Forked => Forked.fmt(f),
            CallError::Interrupted => f.write_str("the wait was interrupted"),
            CallError::NotWoken(error) => {
                write!(
                    f,
                    "the request is in flight, but the responder sleeps and could not be woken: {error}"
                )
            }
            CallError::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CallError::NotWoken(error) | CallError::System(error) => Some(error),
            _ => None,
        }
    }
}
