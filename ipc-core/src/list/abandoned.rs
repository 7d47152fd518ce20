//! Segments that hold nothing and that no process can come to use.

use nix::libc;

use super::proc::{self, Segment};
use crate::error::Result;
use crate::key::Key;
use crate::sys::{self, shm_flags};

/// All segments that hold nothing, and that no process has or can find: without a key, not attached, without
/// any page, and made by a process that is gone. A process that is killed between making a segment and
/// marking it for removal leaves such a one, see [`Segment::ephemeral`](crate::segment::Segment::ephemeral).
///
/// Whether a process is gone, the caller's process namespace tells: segments of creators that it does not
/// show are passed over, and those whose creator's number a later process has. What is left could still be
/// attached by a process that was told its identifier.
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
            // Where the kernel does not tell, it may hold anything.
            && segment.resident_bytes == Some(0)
            && segment.swapped_bytes == Some(0)
            && is_gone(segment.creator_pid)
    });
    Ok(segments)
}

/// Whether no process has this number; 0 is one that is not shown.
fn is_gone(pid: u32) -> bool {
    pid != 0 && sys::pidfd_open(pid).is_err_and(|errno| errno.0 == libc::ESRCH)
}
