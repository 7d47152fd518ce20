//! What an errno of a message queue call means.

use nix::libc;

use super::{MessageQueue, MsgId};
use crate::change::Change;
use crate::error::{Error, ErrorKind};
use crate::key::Key;
use crate::limit::Limit;
use crate::permissions::{Mode, Permissions};
use crate::sys::{self, Errno};
use crate::users;

/// `msgget` for creating.
#[cold]
pub(crate) fn create(key: Key, mode: Mode, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::EEXIST => ErrorKind::AlreadyExists,
        libc::ENOSPC => ErrorKind::LimitReached(Limit::Queues),
        libc::ENOMEM => ErrorKind::OutOfMemory,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    Error::os("msgget", format!("key={key}, mode={mode}"), errno, kind)
}

/// `msgget` for opening.
#[cold]
pub(crate) fn open(key: Key, rights: Mode, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::ENOENT => ErrorKind::NotFound,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::EIDRM => ErrorKind::Removed,
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    let error = Error::os("msgget", format!("key={key}, mode={rights}"), errno, kind);
    match kind {
        ErrorKind::PermissionDenied => error
            .with_hint("the key names a queue that may not be used so: perhaps another user took the key"),
        _ => error,
    }
}

/// What an errno of `msgsnd`, `msgrcv` and `msgctl` means where it has one meaning.
fn on_queue(errno: Errno) -> ErrorKind {
    match errno.0 {
        libc::EINVAL | libc::EIDRM => ErrorKind::Removed,
        libc::EACCES => ErrorKind::PermissionDenied,
        libc::EINTR => ErrorKind::Interrupted,
        libc::ENOMEM => ErrorKind::OutOfMemory,
        // The kernel has no EPERM for them, so it is a sandbox's.
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}

fn is_there(id: MsgId) -> bool {
    MessageQueue::from_id(id).stat().is_ok()
}

/// `msgctl` with this command. EPERM is the caller's, unless a sandbox forbids the call as a whole: then
/// reading the record is forbidden too.
#[cold]
pub(crate) fn control(id: MsgId, command: &str, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::EPERM if sys::msg_stat(id.as_raw()).err() != Some(errno) => ErrorKind::NotOwner,
        _ => on_queue(errno),
    };
    Error::os("msgctl", format!("id={id}, {command}"), errno, kind)
}

/// `msgsnd`. EINVAL is a removed queue or a text above MSGMAX: the type is positive and the length not
/// negative. The limit may have been changed since, so whether the queue still exists is checked too.
#[cold]
pub(crate) fn send(id: MsgId, length: usize, errno: Errno) -> Error {
    let too_long = || Limit::MessageBytes.value().is_some_and(|limit| length as u64 > limit);
    let kind = match errno.0 {
        libc::EINVAL if too_long() || is_there(id) => ErrorKind::LimitReached(Limit::MessageBytes),
        _ => on_queue(errno),
    };
    Error::os("msgsnd", format!("id={id}, {length} bytes"), errno, kind)
}

/// A message that can never fit the queue: the kernel would wait for ever.
#[cold]
pub(crate) fn never_fits(id: MsgId, length: usize, queue_bytes: u64) -> Error {
    let hint = format!("the queue holds at most {queue_bytes} bytes, so the kernel would wait for ever");
    Error::refused("msgsnd", format!("id={id}, {length} bytes"), ErrorKind::MessageTooLargeForQueue, hint)
}

/// `msgrcv`.
#[cold]
pub(crate) fn receive(id: MsgId, room: usize, what: &str, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::E2BIG => ErrorKind::BufferTooSmall,
        _ => on_queue(errno),
    };
    let error = Error::os("msgrcv", format!("id={id}, room for {room} bytes, {what}"), errno, kind);
    match kind {
        ErrorKind::BufferTooSmall => {
            let limit = sys::msg_info(false).map_or(8192, |(_, info)| info.msgmax);
            error.with_hint(format!(
                "the message is longer and stays in the queue; a buffer of MSGMAX ({limit}) bytes takes any that was sent under this limit"
            ))
        }
        _ => error,
    }
}

/// `msgrcv` with `MSG_COPY`, which makes the kernel copy into a message of its own, of at most MSGMAX bytes.
/// EINVAL is a removed queue, or a message that was sent when MSGMAX was higher.
#[cold]
pub(crate) fn peek(id: MsgId, room: usize, index: usize, errno: Errno) -> Error {
    let what = format!("MSG_COPY, place {index}");
    match errno.0 {
        libc::EINVAL if is_there(id) => {
            let (kind, limit) = (ErrorKind::LimitReached(Limit::MessageBytes), Limit::MessageBytes.explain());
            let arguments = format!("id={id}, room for {room} bytes, {what}");
            Error::os("msgrcv", arguments, errno, kind).with_hint(format!(
                "the message was sent when MSGMAX was higher, and can still be received: {limit}"
            ))
        }
        libc::ENOSYS => receive(id, room, &what, errno)
            .with_hint("the kernel was built without CONFIG_CHECKPOINT_RESTORE, or a sandbox forbids it"),
        _ => receive(id, room, &what, errno),
    }
}

/// `IPC_SET` of a record that was read before. EINVAL means a user or group that the kernel does not know, or
/// a queue that was removed since: reading the record again distinguishes the two. EPERM is about the bytes
/// only where the caller is the creator or the owner, or privileged.
#[cold]
pub(crate) fn set(id: MsgId, change: Change, found: &Permissions, queue_bytes: u64, errno: Errno) -> Error {
    let arguments = || format!("id={id}, {change}");
    match errno.0 {
        libc::EINVAL if change.names_somebody() && is_there(id) => {
            Error::os("msgctl", arguments(), errno, ErrorKind::Invalid)
                .with_hint("no such user or group in this user namespace")
        }
        // Every IPC_SET writes the bytes back, so a queue above the limit cannot even be given another mode.
        libc::EPERM
            if users::may_change(found)
                && Limit::QueueBytes.value().is_some_and(|limit| queue_bytes > limit) =>
        {
            let limit = Limit::QueueBytes;
            Error::os("msgctl", arguments(), errno, ErrorKind::LimitReached(limit)).with_hint(format!(
                "setting {queue_bytes} bytes, or changing anything of a queue that has them already, needs CAP_SYS_RESOURCE: {}",
                limit.explain()
            ))
        }
        _ => control(id, &change.to_string(), errno),
    }
}
