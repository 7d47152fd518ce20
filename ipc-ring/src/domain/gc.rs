//! Finding what is left of domains and persistent channels that nobody uses, and removing it by evidence.
//!
//! Data of ephemeral channels never stays behind. What may stay: a domain's own segment and semaphores when all its members
//! were killed, and persistent channels, which is what they are for.

use std::fmt;

use ipc_core::list;
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId, Stat};
use ipc_core::{Key, Trust};

use super::layout::{
    C_STATE, CHANNEL_SIZE, CHANNEL_TABLE, CHANNELS, DOMAIN_NAME_BYTES, H_MAGIC, H_NAME, H_NAME_LENGTH,
    H_READY, H_SEMAPHORES, H_VERSION, LIVE, MAGIC, P_STATE, PROCESS_SIZE, PROCESS_TABLE, PROCESSES, READY,
    SIZE, VERSION, token,
};
use super::sizes::Sizes;
use super::table::Table;
use super::{Domain, join};
use crate::error::AttachError;
use crate::layout::{self, Plate};
use crate::region::Region;

/// What a segment under a key turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A domain.
    Domain {
        /// Its name.
        name: String,
        /// Members whose token is raised.
        alive: usize,
        /// Members that died and have not been swept yet.
        dead: usize,
        /// Channels in the directory.
        channels: usize,
    },
    /// A persistent channel.
    Channel {
        /// Its name.
        name: String,
        /// The number of its kind, see [`Kind`](crate::layout::Kind).
        kind: u32,
        /// Processes and mappings attached.
        attached: u64,
    },
}

/// Whether something may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Somebody uses it.
    InUse,
    /// Nobody uses it, and it is there to be found again: removed only when that is asked for.
    Kept,
    /// Nobody uses it, and it holds nothing.
    Abandoned,
}

/// One object of this user's, and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The segment.
    pub segment: ShmId,
    /// Its key.
    pub key: Key,
    /// Its size, in bytes.
    pub bytes: usize,
    /// What it is.
    pub what: What,
    /// What may be done with it.
    pub verdict: Verdict,
    /// From what this follows.
    pub evidence: String,
}

/// Looks at all segments that the caller created, and tells which are domains or persistent channels, and whether anybody
/// uses them. Changes nothing.
///
/// # Errors
/// [`ipc_core::Error`] when the kernel does not list its objects.
pub fn examine() -> Result<Vec<Finding>, ipc_core::Error> {
    let me = nix::unistd::geteuid().as_raw();
    let findings = list::segments()?.into_iter().filter_map(|(id, stat)| {
        let permissions = stat.permissions();
        let mine = permissions.cuid() == me && permissions.key() != Key::PRIVATE;
        (mine && !stat.is_marked_for_removal()).then(|| look(id, &stat)).flatten()
    });
    Ok(findings.collect())
}

/// A segment that vanishes meanwhile is no finding, nor is one that is not of ours.
fn look(id: ShmId, stat: &Stat) -> Option<Finding> {
    let region = Region::segment(SharedMemory::from_id(id).attach_read_only().ok()?);
    let (what, verdict, evidence) = match domain(id, stat) {
        Some(found) => found,
        None => channel(&region, stat)?,
    };
    Some(Finding { segment: id, key: stat.permissions().key(), bytes: stat.size(), what, verdict, evidence })
}

fn domain(id: ShmId, stat: &Stat) -> Option<(What, Verdict, String)> {
    if stat.size() < SIZE {
        return None;
    }
    let table = Table::new(SharedMemory::from_id(id).attach().ok()?);
    if table.get(H_MAGIC) != MAGIC || table.get_half(H_VERSION) != VERSION || table.get_half(H_READY) != READY
    {
        return None;
    }
    let name = table.text(H_NAME_LENGTH, H_NAME, DOMAIN_NAME_BYTES);
    let members = (0..PROCESSES)
        .filter(|slot| table.get_half(PROCESS_TABLE + slot * PROCESS_SIZE + P_STATE) == LIVE)
        .count();
    let channels = (0..CHANNELS)
        .filter(|index| table.get_half(CHANNEL_TABLE + index * CHANNEL_SIZE + C_STATE) == LIVE)
        .count();
    let set = SemaphoreSet::from_id(SemId::from_raw(table.get_half(H_SEMAPHORES) as i32));
    let tokens = set
        .stat()
        .ok()
        .filter(|set| set.permissions().key() == stat.permissions().key())
        .and_then(|found| Sizes::of_set(found.count()))
        .and_then(|sizes| Some((sizes, set.values().ok()?)));
    let (alive, verdict, evidence) = match tokens {
        None => (0, Verdict::Abandoned, "its semaphores are gone, so no process is a member".to_owned()),
        Some((sizes, values)) => {
            let raised = |slot: &usize| values.get(usize::from(token(*slot))).is_some_and(|value| *value > 0);
            let alive = (0..sizes.processes()).filter(raised).count();
            match (alive, stat.attachments()) {
                (0, 0) => (0, Verdict::Abandoned, "no token is raised and nobody is attached".to_owned()),
                (0, _) => (0, Verdict::InUse, "no token is raised, but somebody is attached".to_owned()),
                (alive, _) => (alive, Verdict::InUse, format!("{alive} tokens are raised")),
            }
        }
    };
    Some((What::Domain { name, alive, dead: members.saturating_sub(alive), channels }, verdict, evidence))
}

fn channel(region: &Region, stat: &Stat) -> Option<(What, Verdict, String)> {
    let Plate::Ring { kind, name, .. } = layout::name_plate(region) else { return None };
    let attached = stat.attachments();
    let (verdict, evidence) = if attached == 0 {
        (Verdict::Kept, "a persistent channel that nobody is attached to; it may be continued".to_owned())
    } else {
        (Verdict::InUse, format!("attached {attached} times"))
    };
    Some((What::Channel { name, kind, attached }, verdict, evidence))
}

impl Finding {
    /// Removes it, after another look. False when it is in use by now.
    ///
    /// A domain is joined and left as its last member, so whatever has to be finished or swept is. A persistent channel
    /// goes with its messages.
    ///
    /// # Errors
    /// [`AttachError`].
    ///
    /// # Blocking
    /// Waits for the domain's lock.
    pub fn remove(&self) -> Result<bool, AttachError> {
        let segment = SharedMemory::from_id(self.segment);
        let Ok(stat) = segment.stat() else { return Ok(false) };
        let again = look(self.segment, &stat);
        let Some(again) = again.filter(|again| again.verdict != Verdict::InUse && again.key == self.key)
        else {
            return Ok(false);
        };
        match again.what {
            What::Domain { name, .. } => {
                let me = nix::unistd::geteuid().as_raw();
                if join::key(&name, me) != self.key {
                    return Err(AttachError::NotADomain {
                        reason: "its key is not that of its name and owner",
                    });
                }
                drop(Domain::open_shared(&name, me, stat.permissions().mode(), Trust::same_user())?);
            }
            What::Channel { .. } => segment.remove()?,
        }
        Ok(segment.stat().is_err())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, key, bytes, what, evidence, .. } = self;
        match what {
            What::Domain { name, alive, dead, channels } => {
                write!(f, "domain \"{name}\" ({alive} alive, {dead} dead, {channels} channels)")?;
            }
            What::Channel { name, .. } => write!(f, "channel \"{name}\"")?,
        }
        write!(f, ", segment {segment}, key {key}, {bytes} bytes: {evidence}")
    }
}
