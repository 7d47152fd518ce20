//! Empty segments that no process can ever use.

use nix::libc;

use super::proc::{self, Segment};
use crate::error::Result;
use crate::key::Key;
use crate::sys::{self, shm_flags};

/// All empty segments that no process has or can find: without a key, not attached, without any page, and
/// created by a process that is gone. A process killed between creating a segment and marking it for removal
/// leaves one, see [`Segment::ephemeral`](crate::segment::Segment::ephemeral).
///
/// Whether a process is gone is decided in the caller's process namespace: segments whose creator it does not
/// show are skipped, as are those whose creator's number a later process has. A process that received the
/// identifier could still attach one of the rest.
///
/// # Errors
/// As of [`proc::segments`].
///
/// ```
/// use ipc_core::{Key, RemoveOnDrop, list, shm};
///
/// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
/// let abandoned = list::abandoned_segments()?;
/// assert!(abandoned.iter().all(|segment| segment.id != memory.id())); // we live
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub fn abandoned_segments() -> Result<Vec<Segment>> {
    let mut segments = proc::segments()?;
    segments.retain(|segment| {
        segment.object.key == Key::PRIVATE
            && segment.object.perms & shm_flags::DEST == 0
            && segment.attachments == 0
            // Where the kernel does not report it, the segment may hold anything.
            && segment.resident_bytes == Some(0)
            && segment.swapped_bytes == Some(0)
            && is_gone(segment.creator_pid)
    });
    Ok(segments)
}

/// Whether no process has this number; 0 means one that is not shown.
fn is_gone(pid: u32) -> bool {
    pid != 0 && sys::pidfd_open(pid).is_err_and(|errno| errno.0 == libc::ESRCH)
}
