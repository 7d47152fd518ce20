//! The process at the other side, as the kernel attests it.
//!
//! A message queue does not record who sent a message. But for each object the kernel records the user that
//! created it, and for a segment also the process, and no process can change these records. So a client makes
//! its queue and its two segments itself, gives them to the server's user, and names them in its greeting.
//! The server checks that all three have one creator, are open to no other user, and are in use. The
//! challenge proves that the greeting itself is the creator's: it goes into that queue, which only the
//! creator and the server can read.

use core::fmt;

use ipc_core::shm::SharedMemory;
use ipc_core::{Key, Mode, Permissions};
use nix::unistd::geteuid;

use super::mailbox::Address;
use super::reason::Reason;
use crate::channel::Token;
use crate::domain::Owner;

/// The process at the other side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) pid: Option<u32>,
    pub(super) owner: Owner,
}

impl Peer {
    /// Its effective user at the time it connected or bound. Attested by the kernel.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Its effective group at that time. Attested by the kernel.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Its process number, as a server sees its client: attested by the kernel. `None` for a process of a PID
    /// namespace that cannot be seen from here, and as a client sees its server.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Its identity in the domain, by its own account: see [`Domain::is_alive`](crate::Domain::is_alive).
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid} of user {}", self.uid),
            None => write!(f, "a process of user {}", self.uid),
        }
    }
}

/// Whether only `creator` and this user have access to an object.
fn is_between(permissions: &Permissions, creator: u32) -> bool {
    permissions.cuid() == creator
        && permissions.uid() == geteuid().as_raw()
        && permissions.mode() == Mode::PRIVATE
}

/// The record of a queue, if its creator gave it to this user and to no other.
pub(super) fn attest_queue(address: &Address) -> Option<Permissions> {
    let permissions = address.stat().ok()?.permissions();
    is_between(&permissions, permissions.cuid()).then_some(permissions)
}

/// Determines who made the objects of a greeting.
///
/// # Errors
/// [`Reason::NotYours`], [`Reason::RingTooLarge`].
pub(super) fn attest(
    queue: &Permissions,
    rings: [Token; 2],
    owner: Owner,
    largest_ring: u64,
) -> Result<Peer, Reason> {
    let mut pids = [None; 2];
    for (ring, pid) in rings.into_iter().zip(&mut pids) {
        let stat = SharedMemory::from_id(ring.segment).stat().map_err(|_| Reason::NotYours)?;
        let permissions = stat.permissions();
        if !is_between(&permissions, queue.cuid())
            || permissions.key() != Key::PRIVATE
            || stat.attachments() == 0
        {
            return Err(Reason::NotYours);
        }
        if stat.size() as u64 > largest_ring {
            return Err(Reason::RingTooLarge { bytes: stat.size() as u64 });
        }
        *pid = stat.creator_pid();
    }
    if pids[0] != pids[1] || rings[0].segment == rings[1].segment {
        return Err(Reason::NotYours);
    }
    Ok(Peer { uid: queue.cuid(), gid: queue.cgid(), pid: pids[0], owner })
}
