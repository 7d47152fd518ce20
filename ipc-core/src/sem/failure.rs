//! What an errno of a semaphore call means.

use nix::libc;

use super::{Op, SemId, SemaphoreSet};
use crate::change::Change;
use crate::error::{Error, ErrorKind};
use crate::key::Key;
use crate::limit::Limit;
use crate::permissions::Mode;
use crate::sys::{self, Errno};

/// `semget` for creating.
#[cold]
pub(crate) fn create(key: Key, count: usize, mode: Mode, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::EEXIST => ErrorKind::AlreadyExists,
        libc::EINVAL => ErrorKind::LimitReached(Limit::SemaphoresPerSet),
        libc::ENOSPC => ErrorKind::LimitReached(full()),
        libc::ENOMEM => ErrorKind::OutOfMemory,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    Error::os("semget", format!("key={key}, count={count} semaphores, mode={mode}"), errno, kind)
}

/// `semget` for opening.
#[cold]
pub(crate) fn open(key: Key, rights: Mode, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::ENOENT => ErrorKind::NotFound,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::EIDRM => ErrorKind::Removed,
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    let error = Error::os("semget", format!("key={key}, count=0 semaphores, mode={rights}"), errno, kind);
    match kind {
        ErrorKind::PermissionDenied => {
            error.with_hint("the key names a set that may not be used so: perhaps another user took the key")
        }
        _ => error,
    }
}

/// ENOSPC: which of the two counts is full.
fn full() -> Limit {
    match (sys::sem_info(false), sys::sem_info(true)) {
        (Ok((_, limits)), Ok((_, usage))) if usage.semusz >= limits.semmni => Limit::SemaphoreSets,
        (Ok(_), Ok(_)) => Limit::Semaphores,
        _ => Limit::Unknown,
    }
}

/// `semop` and `semtimedop`. EAGAIN is normally an outcome; it gets here only from calls that have no outcome
/// for it.
#[cold]
pub(crate) fn perform(call: &'static str, id: SemId, operations: &[Op], errno: Errno) -> Error {
    let kind = match errno.0 {
        // An empty list and an invalid timeout are excluded before the call, so EINVAL is about the
        // identifier.
        libc::EINVAL | libc::EIDRM if !operations.is_empty() => ErrorKind::Removed,
        libc::EINVAL => ErrorKind::Invalid,
        libc::EAGAIN => ErrorKind::WouldBlock,
        libc::EINTR => ErrorKind::Interrupted,
        libc::E2BIG => ErrorKind::TooManyOperations,
        libc::EFBIG => ErrorKind::NoSuchSemaphore,
        libc::ERANGE => ErrorKind::OutOfRange,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::ENOMEM => ErrorKind::OutOfMemory,
        libc::ENOSPC => ErrorKind::LimitReached(Limit::Unknown),
        // The kernel has no EPERM for it, so it is a sandbox's.
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    let operations = match operations {
        few @ ([] | [_] | [_, _] | [_, _, _] | [_, _, _, _]) => format!("{few:?}"),
        [first, ..] => format!("[{first:?}, and {} more]", operations.len() - 1),
    };
    let error = Error::os(call, format!("id={id}, {operations}"), errno, kind);
    match kind {
        ErrorKind::TooManyOperations => error.with_hint(Limit::OperationsPerCall.explain()),
        ErrorKind::OutOfRange => {
            error.with_hint("a semaphore goes to 32767, and so does the sum that is to be undone")
        }
        ErrorKind::NoSuchSemaphore => error.with_hint(match SemaphoreSet::from_id(id).stat() {
            Ok(stat) => format!("the set has {} semaphores, counted from 0", stat.count()),
            Err(_) => "an index is beyond the end of the set".to_owned(),
        }),
        ErrorKind::Invalid => error.with_hint("at least one operation is needed"),
        ErrorKind::PermissionDenied => {
            error.with_hint("waiting for zero needs the right to read, adding and taking the right to alter")
        }
        _ => error,
    }
}

/// A call on the whole set: `semctl` with this command. EPERM is the caller's, unless a sandbox forbids the
/// call as a whole: then reading the record is forbidden too.
#[cold]
pub(crate) fn on_id(id: SemId, command: &str, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::EINVAL | libc::EIDRM => ErrorKind::Removed,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::EPERM if sys::sem_stat(id.as_raw()).err() != Some(errno) => ErrorKind::NotOwner,
        libc::EPERM => ErrorKind::Unsupported,
        libc::ERANGE => ErrorKind::OutOfRange,
        libc::ENOMEM => ErrorKind::OutOfMemory,
        libc::ENOSYS => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    Error::os("semctl", format!("id={id}, {command}"), errno, kind)
}

/// `GETALL` and `SETALL`. EFAULT, which an array of the right length never causes, means a set with more
/// semaphores than the one whose count was read.
#[cold]
pub(crate) fn all(id: SemId, command: &str, errno: Errno) -> Error {
    match errno.0 {
        libc::EFAULT | libc::EIDRM => {
            Error::os("semctl", format!("id={id}, {command}"), errno, ErrorKind::Removed)
                .with_hint("the set was removed during the call, and its identifier may name another set now")
        }
        _ => on_id(id, command, errno),
    }
}

/// `semctl` of one semaphore. EINVAL is either the identifier or the index: reading the set's record
/// distinguishes the two.
#[cold]
pub(crate) fn on_index(id: SemId, index: u16, command: &str, errno: Errno) -> Error {
    if errno.0 == libc::EINVAL
        && let Ok(stat) = SemaphoreSet::from_id(id).stat()
    {
        let arguments = format!("id={id}, index={index}, {command}");
        return Error::os("semctl", arguments, errno, ErrorKind::NoSuchSemaphore)
            .with_hint(format!("the set has {} semaphores, counted from 0", stat.count()));
    }
    on_id(id, &format!("index={index}, {command}"), errno)
}

/// `IPC_SET` of a record that was read before. EINVAL means a user or group that the kernel does not know, or
/// a set that was removed since: reading the record again distinguishes the two.
#[cold]
pub(crate) fn set(id: SemId, change: Change, errno: Errno) -> Error {
    if errno.0 == libc::EINVAL && change.names_somebody() && SemaphoreSet::from_id(id).stat().is_ok() {
        return Error::os("semctl", format!("id={id}, {change}"), errno, ErrorKind::Invalid)
            .with_hint("no such user or group in this user namespace");
    }
    on_id(id, &change.to_string(), errno)
}
