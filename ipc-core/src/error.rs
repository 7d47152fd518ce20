//! The one error type: the call, its arguments, the errno, its meaning, and what to do about it.

use core::fmt;
use std::io;

use crate::limit::Limit;
use crate::sys::Errno;

/// `Result` with this crate's [`Error`].
///
/// ```
/// fn key() -> ipc_core::Result<ipc_core::Key> {
///     ipc_core::Key::random()
/// }
/// assert!(key().is_ok());
/// ```
pub type Result<T> = core::result::Result<T, Error>;

/// What went wrong, for matching. What an errno means depends on the call, so this is decided call by call.
///
/// A call that would block and a deadline that has passed are not errors: the `try_` and `_deadline` calls
/// return `Ok(false)` or `Ok(None)`.
///
/// ```
/// use ipc_core::{ErrorKind, Key, Trust, shm};
///
/// let error = shm::SharedMemory::open(Key::random()?, shm::Size::Any, &Trust::same_user()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No object has this key (ENOENT).
    NotFound,
    /// An object has this key already (EEXIST).
    AlreadyExists,
    /// The object's mode does not grant the requested rights (EACCES). On an open by key: another program may
    /// have taken the key.
    PermissionDenied,
    /// Only the creator, the owner or a privileged process may do this (EPERM).
    NotOwner,
    /// The object exists and may be used, but its creator, owner or mode is not what the
    /// [`Trust`](crate::Trust) policy allows.
    Untrusted,
    /// The object exists, but with another size or count than requested.
    SizeMismatch,
    /// A kernel limit was reached (ENOSPC, or EINVAL for limits on one object).
    LimitReached(Limit),
    /// The kernel is out of memory (ENOMEM, ENFILE).
    OutOfMemory,
    /// The object was removed (EIDRM, or EINVAL for an identifier that names nothing).
    Removed,
    /// A signal handler ran (EINTR). Only the `_interruptible` calls return this.
    Interrupted,
    /// An argument that no object could accept.
    Invalid,
    /// The next message is longer than the buffer (E2BIG). It stays in the queue.
    BufferTooSmall,
    /// The message is larger than the queue may ever hold.
    MessageTooLargeForQueue,
    /// A value or offset out of range (ERANGE): a semaphore above 32767, an offset past the end of the
    /// memory.
    OutOfRange,
    /// More operations in one call than the kernel accepts (E2BIG).
    TooManyOperations,
    /// The set has no semaphore of this index (EFBIG, EINVAL).
    NoSuchSemaphore,
    /// Huge pages are not permitted, not available in that size, or not free (EPERM, EINVAL, ENOMEM).
    HugePagesUnavailable,
    /// This process does not hold what it tried to release: the kernel has no record of it, or the process is
    /// a child made by `fork`. Nothing was changed.
    NotHeld,
    /// The value was inherited through `fork` and belongs to the parent process. Nothing was done.
    Forked,
    /// An operation marked [`no_wait`](crate::sem::Op::no_wait) would have had to wait, in a call that cannot
    /// report this otherwise (EAGAIN).
    WouldBlock,
    /// The kernel does not offer the call, or a sandbox forbids it (ENOSYS, or EPERM where it can mean
    /// nothing else).
    Unsupported,
    /// Any other errno; see [`Error::raw_os_error`].
    Other,
}

/// A failed call: its name, its arguments, the errno as the kernel gave it, its meaning and a hint.
///
/// `Debug` prints the same sentence as `Display`, so that a `main` that returns the error, boxed or not,
/// prints it; `{:#?}` shows the fields.
///
/// ```
/// use ipc_core::{Key, Trust, shm};
///
/// let key = Key::from_raw(0x2a5a_0001);
/// let error = shm::SharedMemory::open(key, shm::Size::Any, &Trust::same_user()).unwrap_err();
/// assert!(error.to_string().starts_with("shmget(key=0x2a5a0001, size=0 bytes, mode=0600): ENOENT: No such file or directory"));
/// assert_eq!(error.call(), "shmget");
/// ```
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    call: &'static str,
    arguments: String,
    os: Option<io::Error>,
    kind: ErrorKind,
    hint: String,
}

impl Error {
    /// A call that the kernel refused.
    #[cold]
    pub(crate) fn os(call: &'static str, arguments: String, errno: Errno, kind: ErrorKind) -> Error {
        let hint = match kind {
            ErrorKind::LimitReached(limit) => limit.explain(),
            ErrorKind::Removed => "the object was removed, or the identifier never named one".to_owned(),
            ErrorKind::NotOwner => {
                "only the creator, the owner or a privileged process may do this; rights in the mode do not matter".to_owned()
            }
            ErrorKind::Unsupported => "the kernel was built without it, or a sandbox forbids it".to_owned(),
            _ => String::new(),
        };
        let os = Some(io::Error::from_raw_os_error(errno.0));
        Error { inner: Box::new(Inner { call, arguments, os, kind, hint }) }
    }

    /// A call that was not made, or whose result this crate rejects.
    #[cold]
    pub(crate) fn refused(call: &'static str, arguments: String, kind: ErrorKind, hint: String) -> Error {
        Error { inner: Box::new(Inner { call, arguments, os: None, kind, hint }) }
    }

    /// An interrupted wait, for libraries built on this one that interrupt waits by other means than signals.
    ///
    /// ```
    /// let error = ipc_core::Error::interrupted("wait for a message");
    /// assert_eq!(error.kind(), ipc_core::ErrorKind::Interrupted);
    /// ```
    #[cold]
    #[must_use]
    pub fn interrupted(what: &'static str) -> Error {
        Error::refused(what, String::new(), ErrorKind::Interrupted, "it was interrupted".to_owned())
    }

    /// The same error with another hint.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.inner.hint = hint.into();
        self
    }

    /// An error of a file or memory call, from an `io::Error`.
    #[cold]
    pub(crate) fn io(call: &'static str, arguments: String, error: io::Error) -> Error {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            io::ErrorKind::OutOfMemory => ErrorKind::OutOfMemory,
            io::ErrorKind::InvalidInput => ErrorKind::Invalid,
            io::ErrorKind::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Other,
        };
        Error { inner: Box::new(Inner { call, arguments, os: Some(error), kind, hint: String::new() }) }
    }

    /// The name of the C call that failed.
    ///
    /// ```
    /// # use ipc_core::{Key, Trust, sem};
    /// let error = sem::SemaphoreSet::open(Key::random()?, sem::Count::Any, &Trust::same_user()).unwrap_err();
    /// assert_eq!(error.call(), "semget");
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.inner.call
    }

    /// The arguments of the failed call, as text.
    ///
    /// ```
    /// # use ipc_core::{Key, Trust, msg};
    /// let error = msg::MessageQueue::open(Key::from_raw(0x2a5a_0002), &Trust::same_user()).unwrap_err();
    /// assert_eq!(error.arguments(), "key=0x2a5a0002, mode=0600");
    /// ```
    #[must_use]
    pub fn arguments(&self) -> &str {
        &self.inner.arguments
    }

    /// What went wrong.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key};
    /// # use std::num::NonZeroU8;
    /// let error = Key::ftok("/no/such/file", NonZeroU8::MIN).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The errno of the failed call; `None` when this crate raised the error itself, before or after the
    /// call.
    ///
    /// ```
    /// # use ipc_core::Key;
    /// # use std::num::NonZeroU8;
    /// let error = Key::ftok("/no/such/file", NonZeroU8::MIN).unwrap_err();
    /// assert_eq!(error.raw_os_error(), Some(2)); // ENOENT
    /// ```
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.inner.os.as_ref().and_then(io::Error::raw_os_error)
    }

    /// The likely reason and remedy, where known: for a limit, its name, its value and how to raise it.
    ///
    /// ```
    /// # use ipc_core::{Key, shm};
    /// let error = shm::SharedMemory::create_new(Key::PRIVATE, 0, &shm::Options::default()).unwrap_err();
    /// assert_eq!(error.hint(), Some("a segment has at least 1 byte"));
    /// ```
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        Some(self.inner.hint.as_str()).filter(|hint| !hint.is_empty())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { call, arguments, os, .. } = &*self.inner;
        write!(f, "{call}({arguments})")?;
        match os.as_ref().map(|os| (os, os.raw_os_error())) {
            Some((_, Some(number))) => match nix::errno::Errno::from_raw(number) {
                nix::errno::Errno::UnknownErrno => write!(f, ": errno {number}")?,
                name => write!(f, ": {name:?}: {}", name.desc())?,
            },
            Some((os, None)) => write!(f, ": {os}")?,
            None => {}
        }
        match self.hint() {
            Some(hint) if os.is_some() => write!(f, "; {hint}"),
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What `fn main() -> Result<(), Box<dyn Error>>` prints.
        if !f.alternate() {
            return fmt::Display::fmt(self, f);
        }
        f.debug_struct("Error").field("kind", &self.kind()).field("text", &format_args!("{self}")).finish()
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.inner.os.as_ref().map(|os| os as &(dyn core::error::Error + 'static))
    }
}

impl From<Error> for io::Error {
    /// Wraps the whole error; the kind is the nearest one of the standard library.
    fn from(error: Error) -> io::Error {
        let kind = match error.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::AlreadyExists => io::ErrorKind::AlreadyExists,
            ErrorKind::PermissionDenied | ErrorKind::NotOwner | ErrorKind::NotHeld | ErrorKind::Untrusted => {
                io::ErrorKind::PermissionDenied
            }
            ErrorKind::OutOfMemory => io::ErrorKind::OutOfMemory,
            ErrorKind::Interrupted => io::ErrorKind::Interrupted,
            ErrorKind::WouldBlock => io::ErrorKind::WouldBlock,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::Invalid
            | ErrorKind::SizeMismatch
            | ErrorKind::OutOfRange
            | ErrorKind::TooManyOperations
            | ErrorKind::NoSuchSemaphore => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
