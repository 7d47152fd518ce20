//! `msgget`, `msgsnd`, `msgrcv`, `msgctl`.

use core::mem::{MaybeUninit, size_of};

use nix::libc;

use super::abi::MSG_STAT_ANY;
use super::records::{MsgInfo, MsqidDs};
use super::{Errno, Raw, check};

/// Bytes of the type in front of each message's text.
pub(crate) const MESSAGE_HEADER: usize = size_of::<libc::c_long>();

/// Messages of up to this number of bytes of text are assembled on the stack by [`msgsnd_parts`]. The default
/// of `msgmax`.
const STACK_TEXT: usize = 8192;

/// `msgget(key, flags)`.
pub(crate) fn msgget(key: i32, flags: i32) -> Raw<i32> {
    // SAFETY: no pointers; any integers are allowed.
    check(unsafe { libc::msgget(key, flags) })
}

/// `msgsnd(id, message, text length, flags)`; `message` is the type followed by the text.
pub(crate) fn msgsnd(id: i32, message: &[u8], flags: i32) -> Raw<()> {
    let Some(text) = message.len().checked_sub(MESSAGE_HEADER) else { return Err(Errno(libc::EINVAL)) };
    // SAFETY: type and text lie inside the live slice, whose length is header + text.
    check(unsafe { libc::msgsnd(id, message.as_ptr().cast(), text, flags) }).map(drop)
}

/// `msgsnd` of a type and a text that are not contiguous. Assembles them on the stack (on the heap above 8
/// KiB).
pub(crate) fn msgsnd_parts(id: i32, message_type: libc::c_long, text: &[u8], flags: i32) -> Raw<()> {
    if text.len() > STACK_TEXT {
        let mut message = Vec::with_capacity(MESSAGE_HEADER + text.len());
        message.extend_from_slice(&message_type.to_ne_bytes());
        message.extend_from_slice(text);
        return msgsnd(id, &message, flags);
    }
    let mut message = MaybeUninit::<[u8; MESSAGE_HEADER + STACK_TEXT]>::uninit();
    let start = message.as_mut_ptr().cast::<u8>();
    // SAFETY: the first eight bytes of the array are ours; bytes need no alignment.
    unsafe { start.copy_from_nonoverlapping(message_type.to_ne_bytes().as_ptr(), MESSAGE_HEADER) };
    // SAFETY: eight bytes in is inside the array.
    let after = unsafe { start.add(MESSAGE_HEADER) };
    // SAFETY: the text is at most STACK_TEXT bytes, which is what is left of the array, and cannot overlap a
    // fresh local.
    unsafe { after.copy_from_nonoverlapping(text.as_ptr(), text.len()) };
    // SAFETY: header and text were written just above and the kernel reads no more than those.
    check(unsafe { libc::msgsnd(id, start.cast_const().cast(), text.len(), flags) }).map(drop)
}

/// `msgrcv(id, buffer, room for text, selection, flags)`: the length of the text received.
pub(crate) fn msgrcv(id: i32, buffer: &mut [u8], selection: libc::c_long, flags: i32) -> Raw<usize> {
    let Some(room) = buffer.len().checked_sub(MESSAGE_HEADER) else { return Err(Errno(libc::EINVAL)) };
    // SAFETY: the kernel writes the header and at most `room` bytes, together the length of the live slice.
    let length = unsafe { libc::msgrcv(id, buffer.as_mut_ptr().cast(), room, selection, flags) };
    usize::try_from(length).map_err(|_| Errno::last())
}

/// `msgctl` commands that fill a `msqid_ds`: `IPC_STAT`, `MSG_STAT`, `MSG_STAT_ANY`.
fn structure(id: i32, command: i32) -> Raw<(i32, MsqidDs)> {
    let mut structure = MaybeUninit::<MsqidDs>::zeroed();
    // SAFETY: the three commands write one msqid_ds, which the pointer is to.
    let answer = check(unsafe { libc::msgctl(id, command, structure.as_mut_ptr().cast()) })?;
    // SAFETY: the memory was zeroed and then filled; all bit patterns of a msqid_ds are valid.
    Ok((answer, unsafe { structure.assume_init() }))
}

/// `msgctl(id, IPC_STAT)`.
pub(crate) fn msg_stat(id: i32) -> Raw<MsqidDs> {
    structure(id, libc::IPC_STAT).map(|(_, stat)| stat)
}

/// `msgctl(index, MSG_STAT_ANY)`, or `MSG_STAT` when `any` is false: the identifier and the structure of a
/// slot.
pub(crate) fn msg_stat_slot(index: i32, any: bool) -> Raw<(i32, MsqidDs)> {
    structure(index, if any { MSG_STAT_ANY } else { libc::MSG_STAT })
}

/// `msgctl(id, IPC_SET, structure)`.
pub(crate) fn msg_set(id: i32, stat: &MsqidDs) -> Raw<()> {
    let mut copy = *stat;
    // SAFETY: the pointer is to a live msqid_ds, which IPC_SET only reads.
    check(unsafe { libc::msgctl(id, libc::IPC_SET, (&raw mut copy).cast()) }).map(drop)
}

/// `msgctl(id, IPC_RMID)`.
pub(crate) fn msg_remove(id: i32) -> Raw<()> {
    // SAFETY: IPC_RMID does not look at the pointer.
    check(unsafe { libc::msgctl(id, libc::IPC_RMID, core::ptr::null_mut()) }).map(drop)
}

/// `msgctl(0, IPC_INFO)`, or `MSG_INFO` when `usage` is true: the highest slot in use and the numbers.
pub(crate) fn msg_info(usage: bool) -> Raw<(i32, MsgInfo)> {
    let mut info = MaybeUninit::<MsgInfo>::zeroed();
    let command = if usage { libc::MSG_INFO } else { libc::IPC_INFO };
    // SAFETY: both commands write one msginfo, which the pointer is to.
    let answer = check(unsafe { libc::msgctl(0, command, info.as_mut_ptr().cast()) })?;
    // SAFETY: the memory was zeroed and then filled; all bit patterns of a msginfo are valid.
    Ok((answer, unsafe { info.assume_init() }))
}
