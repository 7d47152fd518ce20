//! What an errno of a shared memory call means.

use nix::libc;

use super::{SharedMemory, ShmId};
use crate::change::Change;
use crate::error::{Error, ErrorKind};
use crate::key::Key;
use crate::limit::Limit;
use crate::permissions::Mode;
use crate::sys::{self, Errno};
use crate::users;

/// `shmget` for creating.
#[cold]
pub(crate) fn create(key: Key, size: usize, mode: Mode, huge: bool, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::EEXIST => ErrorKind::AlreadyExists,
        libc::EINVAL if Limit::SegmentBytes.value().is_none_or(|limit| size as u64 > limit) => {
            ErrorKind::LimitReached(Limit::SegmentBytes)
        }
        // Below the limit, which is near 2⁶⁴ by default, but above the maximum size of a file, which is what
        // a segment is inside the kernel.
        libc::EINVAL if size as u64 > i64::MAX as u64 => ErrorKind::Invalid,
        // The limit was raised since.
        libc::EINVAL if !huge => ErrorKind::LimitReached(Limit::SegmentBytes),
        libc::EPERM | libc::ENOMEM | libc::EINVAL if huge => ErrorKind::HugePagesUnavailable,
        libc::ENOSPC => ErrorKind::LimitReached(full()),
        libc::ENOMEM | libc::ENFILE => ErrorKind::OutOfMemory,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    let error = Error::os("shmget", format!("key={key}, size={size} bytes, mode={mode}"), errno, kind);
    match kind {
        ErrorKind::HugePagesUnavailable => error.with_hint(match errno.0 {
            libc::EPERM => {
                "huge pages need CAP_IPC_LOCK or membership in the group of /proc/sys/vm/hugetlb_shm_group"
            }
            libc::EINVAL => "the kernel has no huge pages of this size",
            _ => "not enough free huge pages; as root: sysctl -w vm.nr_hugepages=<number>",
        }),
        ErrorKind::Invalid => error.with_hint("a segment has less than 2^63 bytes"),
        ErrorKind::OutOfMemory => {
            error.with_hint("memory and swap, or the overcommit rule, do not allow this size")
        }
        _ => error,
    }
}

/// `shmget` for opening.
#[cold]
pub(crate) fn open(key: Key, mode: Mode, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::ENOENT => ErrorKind::NotFound,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::EIDRM => ErrorKind::Removed,
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    let error = Error::os("shmget", format!("key={key}, size=0 bytes, mode={mode}"), errno, kind);
    match kind {
        ErrorKind::PermissionDenied => error
            .with_hint("the key names a segment that may not be used so: perhaps another user took the key"),
        _ => error,
    }
}

/// ENOSPC: which of the two counts is full.
fn full() -> Limit {
    match (sys::shm_limits(), sys::shm_info()) {
        (Ok((_, limits)), Ok((_, info)))
            if u64::try_from(info.used_ids).is_ok_and(|used| used >= limits.shmmni) =>
        {
            Limit::Segments
        }
        (Ok(_), Ok(_)) => Limit::SegmentPages,
        _ => Limit::Unknown,
    }
}

/// A call on an identifier: `shmat`, `shmdt`, and `shmctl` with this command. EPERM is the caller's for
/// `shmctl`, unless a sandbox forbids the call as a whole: then reading the record is forbidden too. For the
/// others the kernel has none.
#[cold]
pub(crate) fn on_id(call: &'static str, id: ShmId, command: &str, errno: Errno) -> Error {
    let kind = match errno.0 {
        // EIDRM means the same, during a removal in progress.
        libc::EINVAL | libc::EIDRM => ErrorKind::Removed,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::EPERM if call == "shmctl" && sys::shm_stat(id.as_raw()).err() != Some(errno) => {
            ErrorKind::NotOwner
        }
        libc::EPERM => ErrorKind::Unsupported,
        libc::ENOMEM => ErrorKind::OutOfMemory,
        libc::ENOSYS => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    let separator = if command.is_empty() { "" } else { ", " };
    Error::os(call, format!("id={id}{separator}{command}"), errno, kind)
}

/// `SHM_LOCK`. ENOMEM is over RLIMIT_MEMLOCK; EPERM is a limit of zero only where the caller is the creator
/// or the owner.
#[cold]
pub(crate) fn lock(id: ShmId, errno: Errno) -> Error {
    let is_owner = || {
        let found = SharedMemory::from_id(id).stat();
        found.is_ok_and(|found| users::is_creator_or_owner(&found.permissions()))
    };
    match errno.0 {
        libc::ENOMEM => {}
        libc::EPERM if Limit::LockedBytes.value() == Some(0) && is_owner() => {}
        _ => return on_id("shmctl", id, "SHM_LOCK", errno),
    }
    Error::os("shmctl", format!("id={id}, SHM_LOCK"), errno, ErrorKind::LimitReached(Limit::LockedBytes))
}

/// `IPC_SET` of a record that was read before. EINVAL means a user or group that the kernel does not know, or
/// a segment that was removed since: reading the record again distinguishes the two.
#[cold]
pub(crate) fn set(id: ShmId, change: Change, errno: Errno) -> Error {
    if errno.0 == libc::EINVAL && change.names_somebody() && SharedMemory::from_id(id).stat().is_ok() {
        return Error::os("shmctl", format!("id={id}, {change}"), errno, ErrorKind::Invalid)
            .with_hint("no such user or group in this user namespace");
    }
    on_id("shmctl", id, &change.to_string(), errno)
}
