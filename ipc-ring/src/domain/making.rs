//! The one moment at which a kill could leave a data segment behind: between the system call that makes it and the one that
//! marks it for removal.
//!
//! Nobody but the maker knows the segment then. So the maker, who holds the domain's lock, first writes down that it is at
//! it, with its process number and the size. When it dies the kernel frees the lock, and the next holder finds the note
//! and looks for the segment by what is known of it.

use ipc_core::Key;
use ipc_core::list;
use ipc_core::shm::{SharedMemory, ShmId, Stat};

use super::layout::{H_MAKER, H_MAKER_SIZE};
use super::{Locked, Member};

impl Locked<'_> {
    /// Notes that this process is about to make a private segment of so many bytes, runs `make`, and takes the note back.
    /// The segment must be marked for removal when `make` returns, whatever its answer.
    pub(crate) fn making<R>(&self, size: usize, make: impl FnOnce() -> R) -> R {
        let table = &self.member.table;
        table.set(H_MAKER_SIZE, size as u64);
        table.set_half(H_MAKER, std::process::id());
        let made = make();
        table.set_half(H_MAKER, 0);
        made
    }
}

/// To be called by whoever has just taken the lock: removes what a maker that died left behind.
pub(super) fn finish_interrupted(member: &Member) {
    let table = &member.table;
    let maker = table.get_half(H_MAKER);
    if maker == 0 {
        return;
    }
    let size = usize::try_from(table.get(H_MAKER_SIZE)).unwrap_or(usize::MAX);
    for (id, stat) in list::segments().unwrap_or_default() {
        if is_orphan(id, &stat, maker, size) {
            let _ = SharedMemory::from_id(id).remove();
        }
    }
    table.set_half(H_MAKER, 0);
}

/// Whether a segment is one that `maker` was making when it died: private, its own, of this size, attached by nobody, not
/// marked for removal, and without any content, since content is written after the mark.
fn is_orphan(id: ShmId, stat: &Stat, maker: u32, size: usize) -> bool {
    let permissions = stat.permissions();
    permissions.key() == Key::PRIVATE
        && !stat.is_marked_for_removal()
        && stat.creator_pid() == Some(maker)
        && permissions.cuid() == nix::unistd::geteuid().as_raw()
        && stat.size() == size
        && stat.attachments() == 0
        && is_blank(id)
}

/// Whether the first bytes of a segment are zero.
fn is_blank(id: ShmId) -> bool {
    let mut start = [0; 256];
    SharedMemory::from_id(id)
        .attach_read_only()
        .is_ok_and(|attached| attached.copy_from(0, &mut start).is_ok() && start == [0; 256])
}
