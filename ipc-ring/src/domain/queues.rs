//! The message queues of a domain, and finding the queues of dead processes.
//!
//! The kernel frees a segment with its last user, but a message queue stays until a process removes it, and
//! the kernel does not record which process made it. So each queue of a domain has an entry with its owner in
//! a table, and is made under a random key that is written there **before** the queue exists. A sweep removes
//! exactly the queue that a dead owner made or was making.

use std::sync::atomic::Ordering;

use ipc_core::msg::{MessageQueue, MessageType, MsgId};
use ipc_core::{ErrorKind, Key, Mode, Trust};
use ipc_describe::Fnv;

use super::layout::{
    FREE, H_WATCHERS, LIVE, MAKING, Q_ID, Q_KEY, Q_MISSED, Q_OWNER, Q_STATE, Q_UID, Q_WAKE, Q_WATCHED,
    QUEUE_SIZE, QUEUE_TABLE, QUEUES,
};
use super::owner::Owner;
use super::table::Table;
use super::{Locked, Member, WakeSemaphore};
use crate::error::{AttachError, AttachErrorKind};
use crate::leaving;
use crate::platform::{Native, Platform as _, Site};

/// How many random keys are tried when a key is taken.
const ATTEMPTS: usize = 100;

/// A queue of this process and its place in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueSlot {
    index: usize,
    pub(crate) queue: MessageQueue,
}

/// Which watchers are notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recipients {
    All,
    AllBut(Owner),
    One(Owner),
}

impl Recipients {
    fn include(self, owner: Owner) -> bool {
        match self {
            Recipients::All => true,
            Recipients::AllBut(other) => owner != other,
            Recipients::One(one) => owner == one,
        }
    }
}

/// The number of message queues in a domain's table.
pub(super) fn count(table: &Table) -> usize {
    (0..QUEUES).filter(|index| table.get_half(slot(*index) + Q_STATE) != FREE).count()
}

fn slot(index: usize) -> usize {
    QUEUE_TABLE + index * QUEUE_SIZE
}

impl Locked<'_> {
    /// Makes an empty queue that rings `wake`; it is removed at the latest when its owner is found dead.
    /// `watched` is the generation of a channel whose events the queue receives, or 0.
    pub(crate) fn make_queue(
        &self,
        mode: Mode,
        wake: WakeSemaphore,
        watched: u64,
    ) -> Result<QueueSlot, AttachError> {
        let table = &self.member.table;
        let free = || (0..QUEUES).find(|index| table.get_half(slot(*index) + Q_STATE) == FREE);
        let index = free()
            .map_or_else(|| self.sweep_queues().map(|()| free()), |index| Ok(Some(index)))?
            .ok_or(AttachErrorKind::DomainFull { what: "message queues", limit: QUEUES })?;
        let at = slot(index);
        table.set(at + Q_OWNER, self.member.me.as_raw());
        table.set(at + Q_WATCHED, watched);
        table.set(at + Q_MISSED, 0);
        table.set_half(at + Q_WAKE, wake.as_raw());
        table.set_half(at + Q_UID, nix::unistd::geteuid().as_raw());
        let mut attempt = 1;
        loop {
            let key = Key::random()?;
            table.set_half(at + Q_KEY, key.as_raw() as u32);
            table.set_half(at + Q_STATE, MAKING);
            Native::crash_point(Site::ControlQueueNoted);
            match MessageQueue::create_new(key, mode) {
                Ok(queue) => {
                    Native::crash_point(Site::ControlQueueMade);
                    table.set_half(at + Q_ID, queue.id().as_raw() as u32);
                    leaving::publish::<Native>(table.half(at + Q_STATE), LIVE);
                    count_watchers(table);
                    return Ok(QueueSlot { index, queue });
                }
                Err(error) => {
                    table.set_half(at + Q_STATE, FREE);
                    if error.kind() != ErrorKind::AlreadyExists || attempt == ATTEMPTS {
                        return Err(error.into());
                    }
                    attempt += 1;
                }
            }
        }
    }

    /// Removes a queue of this process and frees its entry.
    pub(crate) fn remove_queue(&self, queue: QueueSlot) {
        let table = &self.member.table;
        let at = slot(queue.index);
        if table.get(at + Q_OWNER) == self.member.me.as_raw()
            && table.get_half(at + Q_ID) == queue.queue.id().as_raw() as u32
        {
            discard(table, queue.index);
            count_watchers(table);
        }
    }

    /// Removes the queues of dead owners, as far as this process is permitted to. The others stay for a
    /// process that is.
    ///
    /// # Errors
    /// If it cannot be determined whether some owner is alive. Its queue stays.
    pub(crate) fn sweep_queues(&self) -> Result<(), ipc_core::Error> {
        self.member.asking(|is_alive| self.remove_where(|owner| !is_alive(owner.as_raw())))
    }

    /// The number of queues.
    pub(crate) fn queues(&self) -> usize {
        count(&self.member.table)
    }

    fn remove_where(&self, goes: impl Fn(Owner) -> bool) {
        let table = &self.member.table;
        for index in 0..QUEUES {
            let at = slot(index);
            if table.get_half(at + Q_STATE) != FREE && goes(Owner::from_raw(table.get(at + Q_OWNER))) {
                discard(table, index);
            }
        }
        count_watchers(table);
    }
}

/// Counts the queues that receive events, so that a process with an event need not search the table if there
/// are none.
fn count_watchers(table: &Table) {
    let watches = |at: usize| table.get_half(at + Q_STATE) == LIVE && table.get(at + Q_WATCHED) != 0;
    let count = (0..QUEUES).filter(|index| watches(slot(*index))).count();
    table.set_half(H_WATCHERS, count as u32);
}

/// The watched value of a process that waits for a name.
pub(crate) fn watched_name(name: &str) -> u64 {
    let mut hash = Fnv::new();
    hash.write(name.as_bytes());
    let folded = hash.finish();
    (folded ^ (folded >> 64)) as u64 | 1 << 63
}

impl Member {
    /// Removes a queue of this process without the lock. Its entry is freed by the next process that takes
    /// the lock.
    pub(crate) fn abandon_queue(&self, queue: QueueSlot) {
        // It is this process's own, under an identifier that no other queue has.
        let _ = queue.queue.remove();
        let owner = self.table.word(slot(queue.index) + Q_OWNER);
        let (me, none) = (self.me.as_raw(), Owner::NONE.as_raw());
        // Fails if the domain was remade meanwhile.
        let _ = owner.compare_exchange(me, none, Ordering::Relaxed, Ordering::Relaxed); // Before the count, [G1].
    }

    /// As [`abandon_queue`](Self::abandon_queue), for all of them.
    pub(super) fn abandon_queues(&self) {
        for index in 0..QUEUES {
            let at = slot(index);
            if self.table.get_half(at + Q_STATE) == LIVE && self.table.get(at + Q_OWNER) == self.me.as_raw() {
                let id = MsgId::from_raw(self.table.get_half(at + Q_ID) as i32);
                self.abandon_queue(QueueSlot { index, queue: MessageQueue::from_id(id) });
            }
        }
    }

    /// The entries of the queues that watch this. Costs nothing if no process watches anything.
    fn watchers(&self, watched: u64) -> impl Iterator<Item = usize> {
        let table = &self.table;
        let is_watched = table.get_half(H_WATCHERS) != 0;
        (0..if is_watched { QUEUES } else { 0 }).map(slot).filter(move |at| {
            leaving::is_published::<Native>(table.half(at + Q_STATE), LIVE)
                && table.get(at + Q_WATCHED) == watched
        })
    }

    /// Whether any process watches anything.
    pub(crate) fn is_watched(&self) -> bool {
        self.table.get_half(H_WATCHERS) != 0
    }

    /// Sends a message to the watchers of this, and wakes them; returns how many received it. Never waits:
    /// watchers whose queues are full miss it.
    ///
    /// Without the lock. If an entry passes to another queue at this very moment, that queue may receive a
    /// message, which its owner ignores: messages carry the generation that they are about.
    pub(crate) fn tell_watchers(&self, watched: u64, to: Recipients, message: &[u8]) -> usize {
        let table = &self.table;
        let mut told = 0;
        for at in self.watchers(watched) {
            if !to.include(Owner::from_raw(table.get(at + Q_OWNER))) {
                continue;
            }
            let queue = MessageQueue::from_id(MsgId::from_raw(table.get_half(at + Q_ID) as i32));
            if matches!(queue.try_send_bytes(MessageType::ONE, message), Ok(true)) {
                told += 1;
            } else {
                table.word(at + Q_MISSED).fetch_add(1, Ordering::Relaxed); // Statistics.
            }
            if let Some(wake) = WakeSemaphore::from_raw(table.get_half(at + Q_WAKE)) {
                let _ = self.ring(wake); // Otherwise it checks by itself before long.
            }
        }
        told
    }

    /// Wakes the watchers of this, without a message.
    pub(super) fn ring_watchers(&self, watched: u64) {
        for at in self.watchers(watched) {
            if let Some(wake) = WakeSemaphore::from_raw(self.table.get_half(at + Q_WAKE)) {
                let _ = self.ring(wake); // As above.
            }
        }
    }

    /// Sets which semaphore to ring for a queue of this process. Check the queue after this call, before a
    /// sleep.
    pub(crate) fn set_queue_wake(&self, queue: QueueSlot, wake: WakeSemaphore) {
        self.table.set_half(slot(queue.index) + Q_WAKE, wake.as_raw());
    }

    /// The semaphore that is to be rung now for any process's queue, after sending to it; `None` if the queue
    /// is not in the table.
    pub(crate) fn queue_wake(&self, queue: MsgId) -> Option<WakeSemaphore> {
        let is_it = |at: &usize| {
            leaving::is_published::<Native>(self.table.half(at + Q_STATE), LIVE)
                && self.table.get_half(at + Q_ID) == queue.as_raw() as u32
        };
        let at = (0..QUEUES).map(slot).find(is_it)?;
        WakeSemaphore::from_raw(self.table.get_half(at + Q_WAKE))
    }

    /// The number of events that a full queue of this process missed.
    pub(crate) fn missed(&self, queue: QueueSlot) -> u64 {
        self.table.get(slot(queue.index) + Q_MISSED)
    }

    /// Whether the table has a queue of a dead owner. Checked without the lock: one system call for each
    /// queue.
    ///
    /// # Errors
    /// As [`is_alive`](Self::is_alive).
    pub(crate) fn has_orphaned_queues(&self) -> Result<bool, ipc_core::Error> {
        self.asking(|is_alive| {
            (0..QUEUES).map(slot).any(|at| {
                self.table.get_half(at + Q_STATE) != FREE && !is_alive(self.table.get(at + Q_OWNER))
            })
        })
    }
}

/// Removes every queue of the table, whatever its owner. For a domain that is being remade.
pub(super) fn remove_all(table: &Table) {
    for index in 0..QUEUES {
        if table.get_half(slot(index) + Q_STATE) != FREE {
            discard(table, index);
        }
    }
}

/// Removes the queue of an entry, if it is the one that the entry's owner made, and frees the entry, unless
/// this process may not remove the queue.
fn discard(table: &Table, index: usize) {
    let at = slot(index);
    let key = Key::from_raw(table.get_half(at + Q_KEY) as i32);
    let queue = match table.get_half(at + Q_STATE) {
        MAKING if key == Key::PRIVATE => None,
        MAKING => match MessageQueue::open(key, &Trust::anyone()) {
            Ok(queue) => Some(queue),
            // Another program's queue under the same key, or the owner's, which this process may not remove.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return,
            Err(_) => None,
        },
        _ => Some(MessageQueue::from_id(MsgId::from_raw(table.get_half(at + Q_ID) as i32))),
    };
    if let Some(queue) = queue {
        match queue.stat() {
            Ok(stat) => {
                let permissions = stat.permissions();
                if permissions.key() == key
                    && permissions.cuid() == table.get_half(at + Q_UID)
                    && queue.remove().is_err_and(|error| error.kind() == ErrorKind::NotOwner)
                {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return,
            Err(_) => {}
        }
    }
    table.set_half(at + Q_STATE, FREE);
}
