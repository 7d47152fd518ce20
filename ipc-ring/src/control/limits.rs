//! A listener's limits, the count of its clients, and its statistics.

use std::sync::{Arc, Weak};

use super::peer::Peer;
use super::reason::Reason;

/// The limits of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Concurrent connections. 240 by default; a domain's wake semaphores are enough for 256.
    pub connections: u32,
    /// Concurrent connections of one user, as the kernel attests it. As many as `connections` by default.
    pub per_user: u32,
    /// Concurrent connections of one process. 64 by default.
    pub per_process: u32,
    /// Concurrent handshakes. 64 by default.
    pub handshakes: u32,
    /// Bytes of the largest segment that a client may bring. 16 MiB by default.
    pub ring_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 240, per_user: 240, per_process: 64, handshakes: 64, ring_bytes: 16 << 20 }
    }
}

/// What a listener has seen since it was bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Greetings that were looked at.
    pub greetings: u64,
    /// Connections made.
    pub accepted: u64,
    /// Clients that were refused, for whatever reason.
    pub refused: u64,
    /// Handshakes that took too long.
    pub timed_out: u64,
    /// Clients that died in a handshake.
    pub died: u64,
    /// Clients dropped in a handshake because they do not read their answers, or have removed their queue.
    pub deaf: u64,
    /// Greetings and answers for an earlier listener of this name.
    pub stale: u64,
    /// Messages that are not frames.
    pub malformed: u64,
    /// Frames that belong to no handshake: late, duplicated, or forged.
    pub ignored: u64,
}

/// One connection in the count, as long as it lives.
#[derive(Debug)]
pub(super) struct Admission(#[expect(dead_code, reason = "held to be counted")] Arc<()>);

/// The connections that are counted.
#[derive(Debug, Default)]
pub(super) struct Admissions(Vec<(Peer, Weak<()>)>);

impl Admissions {
    /// Admits one more connection.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn admit(&mut self, peer: Peer, limits: &Limits) -> Result<Admission, Reason> {
        self.0.retain(|(_, guard)| guard.strong_count() > 0);
        let count =
            |same: &dyn Fn(&Peer) -> bool| self.0.iter().filter(|(other, _)| same(other)).count() as u32;
        if count(&|_| true) >= limits.connections {
            return Err(Reason::Full { limit: limits.connections });
        }
        if count(&|other| other.uid == peer.uid) >= limits.per_user {
            return Err(Reason::UserFull { limit: limits.per_user });
        }
        let same_process = |other: &Peer| match (other.pid, peer.pid) {
            (Some(one), Some(two)) => one == two,
            _ => other.owner == peer.owner,
        };
        if count(&same_process) >= limits.per_process {
            return Err(Reason::ProcessFull { limit: limits.per_process });
        }
        let guard = Arc::new(());
        self.0.push((peer, Arc::downgrade(&guard)));
        Ok(Admission(guard))
    }

    /// The number of connections.
    pub(super) fn count(&self) -> usize {
        self.0.iter().filter(|(_, guard)| guard.strong_count() > 0).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Owner;

    fn peer(uid: u32, pid: u32) -> Peer {
        Peer { uid, gid: 0, pid: Some(pid), owner: Owner::NONE }
    }

    #[test]
    fn each_limit_is_named_and_ends_with_its_holders() {
        let limits = Limits { connections: 4, per_user: 3, per_process: 2, ..Limits::default() };
        let mut admissions = Admissions::default();
        let first = admissions.admit(peer(1, 10), &limits).unwrap();
        let _second = admissions.admit(peer(1, 10), &limits).unwrap();
        assert_eq!(admissions.admit(peer(1, 10), &limits).unwrap_err(), Reason::ProcessFull { limit: 2 });
        let _third = admissions.admit(peer(1, 11), &limits).unwrap();
        assert_eq!(admissions.admit(peer(1, 12), &limits).unwrap_err(), Reason::UserFull { limit: 3 });
        let _fourth = admissions.admit(peer(2, 13), &limits).unwrap();
        assert_eq!(admissions.admit(peer(3, 14), &limits).unwrap_err(), Reason::Full { limit: 4 });
        drop(first);
        assert_eq!(admissions.count(), 3);
        assert!(admissions.admit(peer(1, 10), &limits).is_ok());
    }
}
