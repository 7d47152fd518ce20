//! What can go wrong between a listener and those who connect to it.

use core::fmt;

use super::reason::Reason;
use crate::error::{AttachError, AttachErrorKind, debug_as_display};

debug_as_display!(BindError, ConnectError, AcceptError);

/// Why a listener could not be made.
#[non_exhaustive]
pub enum BindError {
    /// A living process listens under this name.
    AlreadyBound {
        /// The name.
        name: String,
        /// That process, by its own account.
        pid: u32,
    },
    /// The name is that of a channel.
    IsAChannel {
        /// The name.
        name: String,
    },
    /// The domain has no room, or the kernel refused.
    Attach(AttachError),
}

/// Why a connection was not made. Nothing is left behind.
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens under this name.
    NotFound {
        /// The name.
        name: String,
    },
    /// The name is that of a channel.
    NotAListener {
        /// The name.
        name: String,
    },
    /// The server refused.
    Refused(Reason),
    /// The server's queue stayed full until the deadline.
    QueueFull,
    /// The server did not answer before the deadline. It may be stopped, or not be accepting.
    TimedOut,
    /// The server is gone: it ended or died in the middle. Another one may take its place.
    ServerGone,
    /// The listener belongs to somebody that the domain does not trust.
    Untrusted {
        /// The creator of its queue, as the kernel attests it.
        uid: u32,
    },
    /// The domain has no room, or the rings could not be made.
    Attach(AttachError),
    /// The wait was [interrupted](crate::control::Builder::interrupter).
    Interrupted,
    /// The kernel refused.
    System(ipc_core::Error),
}

impl ConnectError {
    /// Whether the same attempt may succeed a little later: nobody listens yet, the server is full or has just died, or another
    /// process has the domain's lock.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::QueueFull | Self::TimedOut | Self::ServerGone => true,
            Self::Refused(reason) => reason.is_temporary(),
            Self::Attach(error) => {
                matches!(
                    error.kind(),
                    AttachErrorKind::DomainFull { .. } | AttachErrorKind::LockTimeout { .. }
                )
            }
            _ => false,
        }
    }
}

/// Why no connection was accepted. A client that fails is no error of the listener's: it is counted.
#[non_exhaustive]
pub enum AcceptError {
    /// Nobody came before the deadline.
    TimedOut,
    /// This listener came through a fork; only the process that made it may use it.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// The kernel refused. [`Removed`](ipc_core::ErrorKind::Removed): somebody removed the listener's queue or the domain's
    /// semaphores; bind again.
    System(ipc_core::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyBound { name, pid } => write!(f, "process {pid} listens under the name {name:?}"),
            Self::IsAChannel { name } => write!(f, "{name:?} is the name of a channel"),
            Self::Attach(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { name } => {
                write!(f, "nobody listens under the name {name:?}; start the server first")
            }
            Self::NotAListener { name } => write!(f, "{name:?} is the name of a channel, not of a listener"),
            Self::Refused(reason) => write!(f, "the server refused: {reason}"),
            Self::QueueFull => f.write_str("the server's queue stayed full until the deadline"),
            Self::TimedOut => f.write_str("the server did not answer before the deadline"),
            Self::ServerGone => f.write_str("the server is gone; connect again when there is another one"),
            Self::Untrusted { uid } => {
                write!(f, "the listener belongs to user {uid}, whom the domain does not trust")
            }
            Self::Attach(error) => error.fmt(f),
            Self::Interrupted => f.write_str("the wait for the server was interrupted"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("nobody connected before the deadline"),
            Self::Forked => f.write_str("this listener was inherited through fork; bind again in the child"),
            Self::Interrupted => f.write_str("the wait for a client was interrupted"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Attach(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Attach(error) => Some(error),
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AttachError> for BindError {
    fn from(error: AttachError) -> Self {
        Self::Attach(error)
    }
}

impl From<AttachError> for ConnectError {
    fn from(error: AttachError) -> Self {
        match error.kind() {
            AttachErrorKind::Interrupted => Self::Interrupted,
            _ => Self::Attach(error),
        }
    }
}

impl From<ipc_core::Error> for ConnectError {
    fn from(error: ipc_core::Error) -> Self {
        if error.kind() == ipc_core::ErrorKind::Interrupted { Self::Interrupted } else { Self::System(error) }
    }
}

impl From<ipc_core::Error> for AcceptError {
    fn from(error: ipc_core::Error) -> Self {
        if error.kind() == ipc_core::ErrorKind::Interrupted { Self::Interrupted } else { Self::System(error) }
    }
}
