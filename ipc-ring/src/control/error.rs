//! Errors between a listener and its clients. Each error names the listener.

use core::fmt;

use super::reason::Reason;
use crate::error::{AttachError, AttachErrorKind, debug_as_display};

debug_as_display!(BindError, ConnectError, AcceptError);

/// The name of a listener and its domain, as error messages show them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerName {
    name: Box<str>,
    domain: Box<str>,
}

impl ListenerName {
    pub(super) fn new(name: &str, domain: &str) -> Self {
        Self { name: name.into(), domain: domain.into() }
    }

    /// The name that the listener has, or was to have.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The domain of the name.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in domain {:?}", self.name, self.domain)
    }
}

/// Why a listener could not be made.
#[non_exhaustive]
pub enum BindError {
    /// A living process listens under this name.
    AlreadyBound {
        /// The name that was asked for.
        listener: ListenerName,
        /// That process, by its own account.
        pid: u32,
    },
    /// The name is that of a channel.
    IsAChannel {
        /// The name that was asked for.
        listener: ListenerName,
    },
    /// The domain has no room, or the kernel refused.
    Attach(AttachError),
}

/// Why a connection was not made. Nothing is left behind.
#[non_exhaustive]
pub enum ConnectError {
    /// No process listens under this name.
    NotFound {
        /// The name that was asked for.
        listener: ListenerName,
    },
    /// The name is that of a channel.
    NotAListener {
        /// The name that was asked for.
        listener: ListenerName,
    },
    /// The server refused the client.
    Refused {
        /// The listener.
        listener: ListenerName,
        /// The server's reason.
        reason: Reason,
    },
    /// The server's queue stayed full until the deadline.
    QueueFull {
        /// The listener.
        listener: ListenerName,
    },
    /// The server did not answer before the deadline. It may be stopped, or not be accepting.
    TimedOut {
        /// The listener.
        listener: ListenerName,
    },
    /// The server ended or died during the handshake. Another one may take its place.
    ServerGone {
        /// The listener.
        listener: ListenerName,
    },
    /// The listener belongs to a user that the domain does not trust.
    Untrusted {
        /// The listener.
        listener: ListenerName,
        /// The creator of its queue, as the kernel attests it.
        uid: u32,
    },
    /// The domain has no room, or the rings could not be made.
    Attach(AttachError),
    /// The wait was [interrupted](crate::control::Builder::interrupter).
    Interrupted {
        /// The listener.
        listener: ListenerName,
    },
    /// The kernel refused.
    System {
        /// The listener.
        listener: ListenerName,
        /// The kernel's answer.
        error: ipc_core::Error,
    },
}

impl ConnectError {
    /// Whether the same attempt may succeed a little later: no process listens yet, the server is full or has
    /// just died, or another process has the domain's lock.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NotFound { .. }
            | Self::QueueFull { .. }
            | Self::TimedOut { .. }
            | Self::ServerGone { .. } => true,
            Self::Refused { reason, .. } => reason.is_temporary(),
            Self::Attach(error) => {
                matches!(
                    error.kind(),
                    AttachErrorKind::DomainFull { .. } | AttachErrorKind::LockTimeout { .. }
                )
            }
            _ => false,
        }
    }

    /// Adds the listener's name where the error has none.
    #[cold]
    pub(super) fn about(mut self, name: impl FnOnce() -> ListenerName) -> Self {
        match &mut self {
            Self::NotFound { listener }
            | Self::NotAListener { listener }
            | Self::Refused { listener, .. }
            | Self::QueueFull { listener }
            | Self::TimedOut { listener }
            | Self::ServerGone { listener }
            | Self::Untrusted { listener, .. }
            | Self::Interrupted { listener }
            | Self::System { listener, .. } => {
                if *listener == ListenerName::default() {
                    *listener = name();
                }
            }
            Self::Attach(_) => {}
        }
        self
    }
}

/// Why no connection was accepted. A client that fails is not an error of the listener: it is counted.
#[non_exhaustive]
pub enum AcceptError {
    /// No client came before the deadline.
    TimedOut {
        /// The listener.
        listener: ListenerName,
    },
    /// This listener was inherited through a fork; only the process that made it may use it.
    Forked {
        /// The listener.
        listener: ListenerName,
    },
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted {
        /// The listener.
        listener: ListenerName,
    },
    /// The kernel refused. [`Removed`](ipc_core::ErrorKind::Removed): the listener's queue or the domain's
    /// semaphores were removed; bind again.
    System {
        /// The listener.
        listener: ListenerName,
        /// The kernel's answer.
        error: ipc_core::Error,
    },
}

impl AcceptError {
    pub(super) fn of_kernel(listener: ListenerName, error: ipc_core::Error) -> Self {
        match error.kind() {
            ipc_core::ErrorKind::Interrupted => Self::Interrupted { listener },
            _ => Self::System { listener, error },
        }
    }
}

/// Advice for errors after the objects were removed.
fn removed(error: &ipc_core::Error, what_to_do: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error.kind() {
        ipc_core::ErrorKind::Removed => write!(f, "; its objects were removed meanwhile: {what_to_do}"),
        _ => Ok(()),
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyBound { listener, pid } => write!(
                f,
                "listener {listener} exists already, made by process {pid}, and one is expected at a time: end that process, or choose \
                 another name"
            ),
            Self::IsAChannel { listener } => write!(
                f,
                "{listener} is a channel, and a name was expected that is free: choose another name, or remove the channel \
                 (Domain::remove_channel)"
            ),
            Self::Attach(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { listener } => {
                write!(
                    f,
                    "no listener {listener}: start the server first, or wait for it by connect_retrying"
                )
            }
            Self::NotAListener { listener } => write!(
                f,
                "{listener} is a channel, not a listener as asked for: open it as a channel, or choose another name"
            ),
            Self::Refused { listener, reason } => {
                write!(
                    f,
                    "listener {listener} has refused the connection, which was expected to be accepted: {reason}"
                )?;
                if reason.is_temporary() {
                    f.write_str(": try again later, by connect_retrying")
                } else {
                    Ok(())
                }
            }
            Self::QueueFull { listener } => write!(
                f,
                "listener {listener} has a full queue, and room was expected before the deadline: see that its process calls accept and is \
                 not stopped, or set a longer timeout"
            ),
            Self::TimedOut { listener } => write!(
                f,
                "listener {listener} has not answered, and an answer was expected before the deadline: see that its process calls accept \
                 and is not stopped, or set a longer timeout"
            ),
            Self::ServerGone { listener } => write!(
                f,
                "listener {listener} has gone, and its process was expected to stay until the connection is made: start it again, and connect \
                 by connect_retrying"
            ),
            Self::Untrusted { listener, uid } => write!(
                f,
                "listener {listener} belongs to user {uid}, and one of a user was expected whom the domain's Trust lets in: allow that user when \
                 the domain is opened, or choose another name"
            ),
            Self::Attach(error) => error.fmt(f),
            Self::Interrupted { listener } => write!(
                f,
                "listener {listener} has not answered yet, and the wait for its answer was interrupted: connect again to go on waiting"
            ),
            Self::System { listener, error } => {
                write!(f, "listener {listener} cannot be reached: {error}")?;
                removed(error, "connect again", f)
            }
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { listener } => write!(
                f,
                "listener {listener} has no new client, and one was expected before the deadline: start one, or call accept again"
            ),
            Self::Forked { listener } => write!(
                f,
                "listener {listener} was opened before a fork, and this handle belongs to the parent: bind another name in the child"
            ),
            Self::Interrupted { listener } => write!(
                f,
                "listener {listener} has no new client yet, and the wait for one was interrupted: call accept again to go on waiting"
            ),
            Self::System { listener, error } => {
                write!(f, "listener {listener} cannot be used: {error}")?;
                removed(error, "bind again", f)
            }
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
            Self::System { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<AttachError> for BindError {
    fn from(error: AttachError) -> Self {
        Self::Attach(error)
    }
}

/// Without the listener's name, which the caller adds.
impl From<AttachError> for ConnectError {
    fn from(error: AttachError) -> Self {
        match error.kind() {
            AttachErrorKind::Interrupted => Self::Interrupted { listener: ListenerName::default() },
            _ => Self::Attach(error),
        }
    }
}

/// Without the listener's name, which the caller adds.
impl From<ipc_core::Error> for ConnectError {
    fn from(error: ipc_core::Error) -> Self {
        let listener = ListenerName::default();
        match error.kind() {
            ipc_core::ErrorKind::Interrupted => Self::Interrupted { listener },
            _ => Self::System { listener, error },
        }
    }
}

#[cfg(test)]
#[path = "error/tests.rs"]
mod tests;
