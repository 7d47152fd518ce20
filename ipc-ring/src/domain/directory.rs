//! The channel directory: which segment holds the channel of a name.

use ipc_core::shm::{SharedMemory, ShmId};
use ipc_core::{ErrorKind, Key};

use super::Locked;
use super::layout::{
    C_CREATOR, C_GENERATION, C_KIND, C_NAME, C_NAME_LENGTH, C_SEGMENT, C_STATE, CHANNEL_SIZE, CHANNEL_TABLE,
    CHANNELS, FREE, H_GENERATION, LIVE, P_GENERATION, P_STATE, PROCESS_SIZE, PROCESS_TABLE, PROCESSES,
};
use super::owner::Owner;
use crate::error::AttachError;
use crate::layout::NAME_BYTES;

/// A channel as the directory has it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    index: usize,
    pub(crate) generation: u64,
    pub(crate) segment: SharedMemory,
    /// Whether the segment lies under a key and outlives its users.
    pub(crate) is_persistent: bool,
}

impl Entry {
    /// Sees that the memory goes when its last user does. That of an ephemeral channel is marked already.
    pub(crate) fn end(&self) -> Result<(), ipc_core::Error> {
        if self.is_persistent { self.segment.remove() } else { Ok(()) }
    }
}

/// # Errors
/// [`AttachError::InvalidName`] for an empty or too long name, or one with a zero byte.
pub(crate) fn check_name(name: &str) -> Result<(), AttachError> {
    if name.is_empty() || name.len() > NAME_BYTES || name.contains('\0') {
        return Err(AttachError::InvalidName { name: name.to_owned() });
    }
    Ok(())
}

impl Locked<'_> {
    /// Finds a channel whose segment still exists. An entry whose segment is gone is dropped on the way.
    pub(crate) fn find(&self, name: &str) -> Option<Entry> {
        (0..CHANNELS).find_map(|index| {
            let entry = self.entry(index)?;
            (self.member.table.text(channel(index) + C_NAME_LENGTH, channel(index) + C_NAME, NAME_BYTES)
                == name)
                .then_some(entry)
        })
    }

    /// The entry at `index` if it is live and its segment exists.
    fn entry(&self, index: usize) -> Option<Entry> {
        let table = &self.member.table;
        let at = channel(index);
        if table.get_half(at + C_STATE) != LIVE {
            return None;
        }
        let segment = SharedMemory::from_id(ShmId::from_raw(table.get_half(at + C_SEGMENT) as i32));
        // A segment that this process may not look at is still there, for others.
        let stat = segment.stat();
        if stat.as_ref().is_err_and(|error| error.kind() != ErrorKind::PermissionDenied) {
            table.set_half(at + C_STATE, FREE);
            return None;
        }
        let is_persistent = stat.is_ok_and(|stat| stat.permissions().key() != Key::PRIVATE);
        Some(Entry { index, generation: table.get(at + C_GENERATION), segment, is_persistent })
    }

    /// A generation no channel of this domain has had.
    pub(crate) fn next_generation(&self) -> u64 {
        let next = self.member.table.get(H_GENERATION).wrapping_add(1);
        self.member.table.set(H_GENERATION, next);
        next
    }

    /// Enters a channel. The segment is complete and attached.
    pub(crate) fn enter(
        &self,
        name: &str,
        kind: u32,
        segment: SharedMemory,
        generation: u64,
    ) -> Result<Entry, AttachError> {
        let table = &self.member.table;
        let index = (0..CHANNELS)
            .find(|index| self.entry(*index).is_none())
            .ok_or(AttachError::DomainFull { what: "channels", limit: CHANNELS })?;
        let at = channel(index);
        table.set(at + C_GENERATION, generation);
        table.set_half(at + C_KIND, kind);
        table.set_half(at + C_SEGMENT, segment.id().as_raw() as u32);
        table.set(at + C_CREATOR, self.member.me.as_raw());
        table.set_text(at + C_NAME_LENGTH, at + C_NAME, name, NAME_BYTES);
        table.set_half(at + C_STATE, LIVE);
        let is_persistent = segment.stat().is_ok_and(|stat| stat.permissions().key() != Key::PRIVATE);
        Ok(Entry { index, generation, segment, is_persistent })
    }

    /// Takes a channel out of the directory, unless the name has passed to a newer one.
    pub(crate) fn remove(&self, entry: &Entry) {
        let table = &self.member.table;
        let at = channel(entry.index);
        if table.get(at + C_GENERATION) == entry.generation {
            table.set_half(at + C_STATE, FREE);
        }
    }

    /// Clears what dead processes left in the tables. Their data segments are gone already: the kernel frees a segment
    /// marked for removal when its last user is gone.
    pub(crate) fn sweep(&self) {
        let table = &self.member.table;
        for slot in 0..PROCESSES {
            let process = PROCESS_TABLE + slot * PROCESS_SIZE;
            if table.get_half(process + P_STATE) == LIVE {
                let owner = Owner::new(slot, table.get(process + P_GENERATION));
                if !self.member.is_alive(owner) {
                    self.free_wakes_of(owner);
                    table.set_half(process + P_STATE, FREE);
                }
            }
        }
        for index in 0..CHANNELS {
            let _ = self.entry(index);
        }
    }
}

fn channel(index: usize) -> usize {
    CHANNEL_TABLE + index * CHANNEL_SIZE
}
