//! Everything that a process can leave behind in shared memory, for telling whether an instruction changed
//! any of it.

use ipc_core::list;
use ipc_core::shm::{Attachment, SharedMemory, ShmId};

/// The segments of this name space, and their contents when they were last read.
#[derive(Debug, Default)]
pub struct World {
    segments: Vec<(ShmId, Attachment, Vec<u8>)>,
}

impl World {
    /// Looks for segments that are new. True when there are.
    pub fn look_around(&mut self) -> bool {
        let mut news = false;
        for (id, _) in list::segments().unwrap() {
            if self.segments.iter().any(|(known, ..)| *known == id) {
                continue;
            }
            let Ok(attached) = SharedMemory::from_id(id).attach_read_only() else { continue };
            let mut content = vec![0; attached.len()];
            attached.copy_from(0, &mut content).unwrap();
            self.segments.push((id, attached, content));
            news = true;
        }
        news
    }

    /// Whether a byte differs from the last time. A concurrent write counts now or the next time.
    pub fn has_changed(&mut self) -> bool {
        let mut changed = false;
        for (_, attached, content) in &mut self.segments {
            // SAFETY: both are valid for this number of bytes. The victim, which writes there, is stopped; of
            // what a survivor writes in this moment only that something differs is used.
            let differs = unsafe {
                nix::libc::memcmp(attached.base().as_ptr().cast(), content.as_ptr().cast(), content.len())
            };
            if differs != 0 {
                attached.copy_from(0, content).unwrap();
                changed = true;
            }
        }
        changed
    }
}
