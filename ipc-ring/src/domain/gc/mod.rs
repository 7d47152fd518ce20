//! Finds what is left of domains and persistent channels that no process uses, and removes it by evidence.
//!
//! Data of ephemeral channels never stays behind. What may stay: a domain's own segment and semaphores if all
//! its members were killed, or half of them if a process was killed while making or removing the domain;
//! persistent channels, by design; and the segment of a channel whose maker was killed, if no process that
//! may remove it has had the domain's lock since.

mod members;
mod remains;
mod unfinished;
mod unmarked;

use std::fmt;
use std::sync::atomic::Ordering;

use ipc_core::list;
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId, Stat};
use ipc_core::{Key, Trust};

use super::{Domain, join};
use crate::error::{AttachError, AttachErrorKind};
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
    /// Half of a domain: a set of semaphores without a segment, or with one that is not ready. The next
    /// process that opens the domain uses it; the set does not show which domain that is.
    HalfDomain {
        /// The number of semaphores.
        semaphores: usize,
    },
    /// The segment of a channel whose maker died before marking the segment for removal. The next process
    /// that takes the domain's lock removes it, if the kernel permits it.
    Segment {
        /// The name of the domain.
        domain: String,
    },
    /// An empty segment without attachments, whose maker was killed before marking it for removal: either
    /// without a key, of any program of this user, or under a key of a domain that the maker was joining.
    Unmarked,
}

/// Whether an object may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// In use by a process.
    InUse,
    /// Not in use, but kept to be found again: removed only on request.
    Kept,
    /// Not in use, and empty.
    Abandoned,
}

/// One object of this user's, and what was found out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The segment, if there is one.
    pub segment: Option<ShmId>,
    /// The set of semaphores, for a domain that is not complete.
    pub semaphores: Option<SemId>,
    /// The key of both.
    pub key: Key,
    /// The segment's size, in bytes.
    pub bytes: usize,
    /// What it is.
    pub what: What,
    /// What may be done with it.
    pub verdict: Verdict,
    /// The evidence for the verdict.
    pub evidence: String,
}

/// Examines all segments and sets of semaphores that the caller created: which are domains, parts of domains,
/// or channels, whether any process uses them, and which were left by makers that were killed. Changes
/// nothing.
///
/// # Errors
/// [`ipc_core::Error`] if the kernel does not list its objects.
pub fn examine() -> Result<Vec<Finding>, ipc_core::Error> {
    let segments = list::segments()?;
    let mine: Vec<_> = segments.iter().filter(|(_, stat)| is_mine(stat)).collect();
    let me = nix::unistd::geteuid().as_raw();
    let sets = list::sets()?;
    let keyed = |(_, stat): &&(SemId, ipc_core::sem::Stat)| {
        stat.permissions().cuid() == me && stat.permissions().key() != Key::PRIVATE
    };
    // Before the domains themselves, which are removed with everything of theirs.
    let mut findings: Vec<Finding> = sets
        .iter()
        .filter(keyed)
        .flat_map(|(_, stat)| unmarked::look_for_images(stat.permissions().key(), &segments))
        .collect();
    findings.extend(mine.iter().filter_map(|(id, stat)| look(*id, stat)));
    // This user's objects in the domains of all users. Segments without a key are not domains, and reading
    // from one would allocate its first page.
    for (id, stat) in segments.iter().filter(|(_, stat)| stat.permissions().key() != Key::PRIVATE) {
        let found = unfinished::look(*id, stat, &segments);
        findings
            .extend(found.into_iter().filter(|found| mine.iter().any(|(id, _)| Some(*id) == found.segment)));
    }
    findings.extend(sets.iter().filter(keyed).filter_map(|(id, stat)| remains::look(*id, stat, &segments)));
    findings.extend(unmarked::look()?);
    Ok(findings)
}

/// The key of both objects of a user's domain. It identifies a domain in a listing even if its contents may
/// not be read.
#[must_use]
pub fn domain_key(name: &str, owner: u32) -> Key {
    join::key(name, owner)
}

/// Examines one segment of any user: whether it is a domain or a channel, as far as the caller may read it.
/// `None` if it is neither, does not exist, or may not be read. To do that it attaches the segment, which the
/// kernel records as its last use.
#[must_use]
pub fn identify(id: ShmId) -> Option<Finding> {
    look(id, &SharedMemory::from_id(id).stat().ok()?)
}

/// Whether a segment starts as a domain or a channel does, of this or of any other version of the library.
/// False also if it may not be read. Attaches it, as [`identify`] does.
#[must_use]
pub fn has_mark(id: ShmId) -> bool {
    let Ok(attached) = SharedMemory::from_id(id).attach_read_only() else { return false };
    let region = Region::segment(attached);
    let marks = [layout::MAGIC, super::layout::MAGIC];
    // For this answer only: what the mark stands for is checked where it is used.
    region.len() >= size_of::<u64>() && marks.contains(&region.word(0).load(Ordering::Relaxed))
}

/// As [`identify`], for a set of semaphores: whether it belongs to a domain, or is half of one.
///
/// # Errors
/// [`ipc_core::Error`] if the kernel does not list its objects.
pub fn identify_set(id: SemId) -> Result<Option<Finding>, ipc_core::Error> {
    let Ok(stat) = SemaphoreSet::from_id(id).stat() else { return Ok(None) };
    let key = stat.permissions().key();
    if key == Key::PRIVATE {
        return Ok(None);
    }
    let segments = list::segments()?;
    let under = segments.iter().find(|(_, segment)| segment.permissions().key() == key);
    let whole = under
        .and_then(|(id, stat)| look(*id, stat))
        .filter(|found| matches!(found.what, What::Domain { .. }));
    Ok(whole.or_else(|| remains::look(id, &stat, &segments)))
}

fn is_mine(stat: &Stat) -> bool {
    let permissions = stat.permissions();
    permissions.cuid() == nix::unistd::geteuid().as_raw()
        && permissions.key() != Key::PRIVATE
        && !stat.is_marked_for_removal()
}

/// A segment that vanishes meanwhile is not a finding, and neither is one that is not ours.
fn look(id: ShmId, stat: &Stat) -> Option<Finding> {
    let region = Region::segment(SharedMemory::from_id(id).attach_read_only().ok()?);
    let (what, verdict, evidence) = match members::look(id, stat) {
        Some(found) => found,
        None => channel(&region, stat)?,
    };
    Some(Finding {
        segment: Some(id),
        semaphores: None,
        key: stat.permissions().key(),
        bytes: stat.size(),
        what,
        verdict,
        evidence,
    })
}

fn channel(region: &Region, stat: &Stat) -> Option<(What, Verdict, String)> {
    let Plate::Ring { kind, name, .. } = layout::name_plate(region) else { return None };
    let attached = stat.attachments();
    let (verdict, evidence) = if attached == 0 {
        (Verdict::Kept, "a persistent channel without attached processes; it may be continued".to_owned())
    } else {
        (Verdict::InUse, format!("attached {attached} times"))
    };
    Some((What::Channel { name, kind, attached }, verdict, evidence))
}

impl Finding {
    /// Removes it, after checking again. False if it is in use by now.
    ///
    /// A domain is joined and left as by its last member, so everything that must be finished or swept is. A
    /// persistent channel is removed with its messages.
    ///
    /// # Errors
    /// [`AttachError`].
    ///
    /// # Blocking
    /// Waits for the domain's lock.
    pub fn remove(&self) -> Result<bool, AttachError> {
        if let (What::HalfDomain { .. }, Some(semaphores)) = (&self.what, self.semaphores) {
            let there = examine()?.into_iter().any(|other| {
                other.semaphores == self.semaphores
                    && other.key == self.key
                    && other.verdict != Verdict::InUse
            });
            return if there { remains::remove(semaphores) } else { Ok(false) };
        }
        let Some(id) = self.segment else { return Ok(false) };
        let segment = SharedMemory::from_id(id);
        let Ok(stat) = segment.stat() else { return Ok(false) };
        let again = match self.what {
            What::Segment { .. } | What::Unmarked => {
                examine()?.into_iter().find(|other| other.segment == self.segment)
            }
            _ => look(id, &stat),
        };
        let Some(again) = again.filter(|again| again.verdict != Verdict::InUse && again.key == self.key)
        else {
            return Ok(false);
        };
        match again.what {
            What::Domain { name, .. } => {
                let me = nix::unistd::geteuid().as_raw();
                if join::key(&name, me) != self.key {
                    return Err(AttachErrorKind::NotADomain {
                        reason: "its key is not that of its name and owner",
                    }
                    .into());
                }
                drop(Domain::open_shared(&name, me, stat.permissions().mode(), Trust::same_user())?);
            }
            What::Channel { .. } | What::Segment { .. } | What::Unmarked => segment.remove()?,
            What::HalfDomain { .. } => return Ok(false),
        }
        Ok(segment.stat().is_err())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, semaphores, key, bytes, what, evidence, .. } = self;
        match what {
            What::Domain { name, alive, dead, channels } => {
                write!(f, "domain \"{name}\" ({alive} alive, {dead} dead, {channels} channels)")?;
            }
            What::Channel { name, .. } => write!(f, "channel \"{name}\"")?,
            What::HalfDomain { semaphores } => write!(f, "half a domain of {semaphores} semaphores")?,
            What::Segment { domain } => write!(f, "unfinished channel of domain \"{domain}\"")?,
            What::Unmarked => f.write_str("empty segment")?,
        }
        if let Some(semaphores) = semaphores {
            write!(f, ", set {semaphores}")?;
        }
        if let Some(segment) = segment {
            write!(f, ", segment {segment}, {bytes} bytes")?;
        }
        write!(f, ", key {key}: {evidence}")
    }
}
