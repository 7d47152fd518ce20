//! The channel directory: which segment holds the channel of a name.

use ipc_core::msg::{MessageQueue, MsgId};
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_core::{ErrorKind, Key};

use super::layout::{
    C_CREATOR, C_DOWN, C_FENCES, C_FINISHED, C_GENERATION, C_KIND, C_LEFT, C_NAME, C_NAME_LENGTH, C_SEGMENT,
    C_STATE, C_UP, C_WAKE, CHANNEL_SIZE, CHANNEL_TABLE, CHANNELS, FREE, H_GENERATION, LISTENER, LIVE,
    P_GENERATION, P_PID, P_STARTED_NS, P_STATE, PROCESS_SIZE, PROCESS_TABLE, PROCESSES,
};
use super::owner::Owner;
use super::queues::watched_name;
use super::table::Table;
use super::{Locked, Member, WakeSemaphore};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{Kind, NAME_BYTES};

/// A channel's entry in the directory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `None`: it has no name and no entry in the directory.
    pub(super) index: Option<usize>,
    pub(crate) generation: u64,
    /// A [`Kind`] or [`LISTENER`].
    pub(crate) kind: u32,
    /// The process that made it.
    pub(crate) creator: Owner,
    /// Not meaningful for a listener, whose number is that of a queue.
    pub(crate) segment: SharedMemory,
    /// Whether the segment has a key and outlives its users.
    pub(crate) is_persistent: bool,
}

impl Entry {
    /// Ensures that the memory goes with its last user. That of an ephemeral channel is marked already.
    pub(crate) fn end(&self) -> Result<(), ipc_core::Error> {
        if self.is_persistent { self.segment.remove() } else { Ok(()) }
    }
}

/// # Errors
/// [`InvalidName`](crate::AttachErrorKind::InvalidName) for a name that is empty, too long, or contains a
/// zero byte.
pub(crate) fn check_name(name: &str) -> Result<(), AttachError> {
    if name.is_empty() || name.len() > NAME_BYTES || name.contains('\0') {
        return Err(AttachErrorKind::InvalidName { name: name.to_owned(), most: NAME_BYTES }.into());
    }
    Ok(())
}

impl Entry {
    /// The entry of a ring that only its two users know.
    pub(crate) fn nameless(segment: SharedMemory, kind: Kind, generation: u64) -> Self {
        let (kind, creator) = (kind as u32, Owner::NONE);
        Self { index: None, generation, kind, creator, segment, is_persistent: false }
    }
}

/// A process's entry in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) owner: Owner,
    pub(crate) pid: u32,
    pub(crate) started_ns: u64,
}

/// A domain's tables, for listings: of a member that has the lock, or of an observer.
pub(crate) struct Tables<'a> {
    pub(super) table: &'a Table,
    pub(super) is_alive: Box<dyn Fn(Owner) -> Result<bool, ipc_core::Error> + 'a>,
}

impl Tables<'_> {
    /// # Errors
    /// If it cannot be determined.
    pub(crate) fn is_alive(&self, owner: Owner) -> Result<bool, ipc_core::Error> {
        (self.is_alive)(owner)
    }

    /// What the directory says about a listener; `None` for a channel.
    pub(crate) fn listener(&self, entry: &Entry) -> Option<ListenerEntry> {
        listener_of(self.table, entry)
    }

    /// Every process, including dead ones not swept yet.
    pub(crate) fn processes(&self) -> Vec<Process> {
        processes_in(self.table)
    }

    /// The process number that a member recorded when it joined; 0 if `owner` is not a member.
    pub(crate) fn pid(&self, owner: Owner) -> u32 {
        pid_of(self.table, owner)
    }

    /// The number of message queues of all processes.
    pub(crate) fn queues(&self) -> usize {
        super::queues::count(self.table)
    }

    /// The number of wake semaphores of all processes.
    pub(crate) fn wakes(&self) -> usize {
        super::wakes::count(self.table)
    }
}

/// What the directory says about a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenerEntry {
    /// Its index in the directory.
    pub(crate) index: usize,
    pub(crate) generation: u64,
    pub(crate) creator: Owner,
    pub(crate) queue: MsgId,
    /// Capacities of the rings to and from the server.
    pub(crate) up: u64,
    pub(crate) down: u64,
    /// Whether the rings must have fences: the server may not use membarrier, or does not want to.
    pub(crate) fences: bool,
}

impl Locked<'_> {
    /// Finds a channel whose segment still exists. An entry of this name whose segment is gone is dropped on
    /// the way.
    ///
    /// # Errors
    /// If it cannot be determined whether the listener of this name is alive.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Entry>, ipc_core::Error> {
        let table = &self.member.table;
        (0..CHANNELS)
            .filter(|index| {
                let at = channel(*index);
                // The name first: whether the segment exists takes a system call.
                table.get_half(at + C_STATE) == LIVE
                    && table.text(at + C_NAME_LENGTH, at + C_NAME, NAME_BYTES) == name
            })
            .find_map(|index| self.entry(index).transpose())
            .transpose()
    }

    /// The entry at `index` if it is live and its segment exists.
    ///
    /// # Errors
    /// If it belongs to a listener whose liveness cannot be determined.
    pub(super) fn entry(&self, index: usize) -> Result<Option<Entry>, ipc_core::Error> {
        let table = &self.member.table;
        let at = channel(index);
        if table.get_half(at + C_STATE) != LIVE {
            return Ok(None);
        }
        let (_, mut entry) = entry_at(table, index);
        let key = match entry.kind {
            LISTENER if !self.member.is_alive(entry.creator)? => {
                table.set_half(at + C_STATE, FREE);
                return Ok(None);
            }
            LISTENER => MessageQueue::from_id(queue_at(table, index)).stat().map(|_| Key::PRIVATE),
            _ => entry.segment.stat().map(|stat| stat.permissions().key()),
        };
        // An object that this process may not query still exists, for others.
        if key.as_ref().is_err_and(|error| error.kind() != ErrorKind::PermissionDenied) {
            table.set_half(at + C_STATE, FREE);
            return Ok(None);
        }
        entry.is_persistent = key.is_ok_and(|key| key != Key::PRIVATE);
        Ok(Some(entry))
    }

    /// What the directory says about a listener; `None` for a channel.
    pub(crate) fn listener(&self, entry: &Entry) -> Option<ListenerEntry> {
        listener_of(&self.member.table, entry)
    }

    /// Adds a listener, whose queue and wake semaphore are this process's.
    pub(crate) fn enter_listener(
        &self,
        name: &str,
        queue: MsgId,
        wake: WakeSemaphore,
        (up, down): (u64, u64),
        fences: bool,
    ) -> Result<Entry, AttachError> {
        let generation = self.next_generation();
        let number = SharedMemory::from_id(ShmId::from_raw(queue.as_raw()));
        self.write(name, LISTENER, number, generation, |at| {
            let table = &self.member.table;
            table.set_half(at + C_WAKE, wake.as_raw());
            table.set(at + C_UP, up);
            table.set(at + C_DOWN, down);
            table.set_half(at + C_FENCES, u32::from(fences));
        })
    }

    /// Every name and its entry.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) fn entries(&self) -> Result<Vec<(String, Entry)>, ipc_core::Error> {
        let mut entries = Vec::new();
        for index in 0..CHANNELS {
            if let Some(entry) = self.entry(index)? {
                entries.push((entry_at(&self.member.table, index).0, entry));
            }
        }
        Ok(entries)
    }

    /// The process number that a member recorded when it joined; 0 if `owner` is not a member.
    pub(crate) fn pid(&self, owner: Owner) -> u32 {
        pid_of(&self.member.table, owner)
    }

    /// The tables, for listings.
    pub(crate) fn tables(&self) -> Tables<'_> {
        Tables { table: &self.member.table, is_alive: Box::new(|owner| self.member.is_alive(owner)) }
    }

    /// A generation that no channel of this domain has had.
    pub(crate) fn next_generation(&self) -> u64 {
        let next = self.member.table.get(H_GENERATION).wrapping_add(1);
        self.member.table.set(H_GENERATION, next);
        next
    }

    /// Adds a channel. The segment is complete and attached.
    pub(crate) fn enter(
        &self,
        name: &str,
        kind: u32,
        segment: SharedMemory,
        generation: u64,
    ) -> Result<Entry, AttachError> {
        self.write(name, kind, segment, generation, |_| {})
    }

    /// Writes an entry, its state last.
    fn write(
        &self,
        name: &str,
        kind: u32,
        segment: SharedMemory,
        generation: u64,
        more: impl FnOnce(usize),
    ) -> Result<Entry, AttachError> {
        let table = &self.member.table;
        let index = (0..CHANNELS)
            .map(|index| Ok::<_, ipc_core::Error>(self.entry(index)?.is_none().then_some(index)))
            .find_map(Result::transpose)
            .transpose()?
            .ok_or(AttachErrorKind::DomainFull { what: "channels", limit: CHANNELS })?;
        let at = channel(index);
        table.set(at + C_GENERATION, generation);
        table.set_half(at + C_KIND, kind);
        table.set_half(at + C_SEGMENT, segment.id().as_raw() as u32);
        table.set(at + C_CREATOR, self.member.me.as_raw());
        table.set_text(at + C_NAME_LENGTH, at + C_NAME, name, NAME_BYTES);
        for field in [C_UP, C_DOWN, C_LEFT, C_FINISHED] {
            table.set(at + field, 0);
        }
        for field in [C_WAKE, C_FENCES] {
            table.set_half(at + field, 0);
        }
        more(at);
        table.set_half(at + C_STATE, LIVE);
        self.member.ring_watchers(watched_name(name));
        let is_persistent =
            kind != LISTENER && segment.stat().is_ok_and(|stat| stat.permissions().key() != Key::PRIVATE);
        Ok(Entry { index: Some(index), generation, kind, creator: self.member.me, segment, is_persistent })
    }

    /// Removes a channel from the directory, unless the name has passed to a newer one.
    pub(crate) fn remove(&self, entry: &Entry) {
        let table = &self.member.table;
        let Some(at) = entry.index.map(channel) else { return };
        if table.get(at + C_GENERATION) == entry.generation {
            table.set_half(at + C_STATE, FREE);
        }
    }

    /// Frees the table entries of dead processes. Their data segments are gone already: the kernel frees a
    /// segment marked for removal when its last user is gone.
    ///
    /// # Errors
    /// If it cannot be determined whether some process is alive. Its entries stay.
    pub(crate) fn sweep(&self) -> Result<(), ipc_core::Error> {
        self.sweep_former()?;
        let table = &self.member.table;
        for slot in 0..PROCESSES {
            let process = PROCESS_TABLE + slot * PROCESS_SIZE;
            if table.get_half(process + P_STATE) == LIVE {
                let owner = Owner::new(slot, table.get(process + P_GENERATION));
                if !self.member.is_alive(owner)? {
                    self.member.give_back_wakes(owner);
                    table.set_half(process + P_STATE, FREE);
                }
            }
        }
        self.sweep_queues()?;
        for index in 0..CHANNELS {
            self.entry(index)?;
        }
        Ok(())
    }
}

impl Member {
    /// The semaphore that is to be rung now for a listener, after sending to it. A listener that is part of a
    /// set sleeps on another one.
    pub(crate) fn listener_wake(&self, index: usize, generation: u64) -> Option<WakeSemaphore> {
        let at = channel(index);
        let same = self.table.get(at + C_GENERATION) == generation;
        same.then(|| WakeSemaphore::from_raw(self.table.get_half(at + C_WAKE))).flatten()
    }

    /// Sets which semaphore to ring for a listener of this process. Check its queue after this call, before a
    /// sleep.
    pub(crate) fn set_listener_wake(&self, entry: &Entry, wake: WakeSemaphore) {
        if let Some(index) = entry.index {
            self.table.set_half(channel(index) + C_WAKE, wake.as_raw());
        }
    }
}

pub(super) fn channel(index: usize) -> usize {
    CHANNEL_TABLE + index * CHANNEL_SIZE
}

/// The name and the rest of the entry at `index`, whatever its contents. Does not determine whether its
/// segment is under a key.
pub(super) fn entry_at(table: &Table, index: usize) -> (String, Entry) {
    let at = channel(index);
    let entry = Entry {
        index: Some(index),
        generation: table.get(at + C_GENERATION),
        kind: table.get_half(at + C_KIND),
        creator: Owner::from_raw(table.get(at + C_CREATOR)),
        segment: SharedMemory::from_id(ShmId::from_raw(table.get_half(at + C_SEGMENT) as i32)),
        is_persistent: false,
    };
    (table.text(at + C_NAME_LENGTH, at + C_NAME, NAME_BYTES), entry)
}

fn queue_at(table: &Table, index: usize) -> MsgId {
    MsgId::from_raw(table.get_half(channel(index) + C_SEGMENT) as i32)
}

/// What a domain's tables say about a listener; `None` for a channel.
pub(super) fn listener_of(table: &Table, entry: &Entry) -> Option<ListenerEntry> {
    let index = entry.index?;
    let at = channel(index);
    (entry.kind == LISTENER).then(|| ListenerEntry {
        index,
        generation: entry.generation,
        creator: entry.creator,
        queue: queue_at(table, index),
        up: table.get(at + C_UP),
        down: table.get(at + C_DOWN),
        fences: table.get_half(at + C_FENCES) != 0,
    })
}

/// Every process in a domain's table.
pub(super) fn processes_in(table: &Table) -> Vec<Process> {
    (0..PROCESSES)
        .map(|slot| (slot, PROCESS_TABLE + slot * PROCESS_SIZE))
        .filter(|(_, at)| table.get_half(at + P_STATE) == LIVE)
        .map(|(slot, at)| Process {
            owner: Owner::new(slot, table.get(at + P_GENERATION)),
            pid: table.get_half(at + P_PID),
            started_ns: table.get(at + P_STARTED_NS),
        })
        .collect()
}

/// The process number that a member recorded when it joined; 0 if `owner` is not a member.
pub(super) fn pid_of(table: &Table, owner: Owner) -> u32 {
    owner.slot().map_or(0, |slot| table.get_half(PROCESS_TABLE + slot * PROCESS_SIZE + P_PID))
}
