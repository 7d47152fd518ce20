//! Incomplete domains: a set of semaphores without a segment, or with one that is not ready.

use ipc_core::sem::{SemId, SemaphoreSet, Stat};
use ipc_core::shm::{SharedMemory, ShmId};

use super::{Finding, Verdict, What, members};
use crate::domain::half_made::{self, Set};
use crate::domain::image::{self, Image};
use crate::domain::lock::Lock;
use crate::error::AttachError;

/// A set that belongs to no complete domain.
pub(super) fn look(id: SemId, stat: &Stat, segments: &[(ShmId, ipc_core::shm::Stat)]) -> Option<Finding> {
    let key = stat.permissions().key();
    let judged = half_made::judge(SemaphoreSet::from_id(id), stat);
    let under = half_made::segment_under(key, segments);
    if under.is_some_and(|(id, stat)| members::tables(*id, stat).is_some()) {
        return None;
    }
    let rest = under.filter(|(id, _)| half_made::is_unfinished(SharedMemory::from_id(*id)));
    let attached = rest.map_or(0, |(_, stat)| stat.attachments());
    let (verdict, evidence) = match judged {
        Set::Foreign => return None,
        Set::Marked { members: 1.., .. } => (Verdict::InUse, "a token is raised"),
        Set::Marked { is_locked: true, .. } => (Verdict::InUse, "a process has its lock"),
        Set::Marked { .. } if attached > 0 => (Verdict::InUse, "a process is attached"),
        Set::Marked { .. } if rest.is_some() => (
            Verdict::Abandoned,
            "the set has a domain's mark and its segment is not ready; no token is raised and no process has the lock",
        ),
        Set::Marked { .. } => (
            Verdict::Abandoned,
            "the set has a domain's mark and there is no segment; no token is raised and no process has the lock",
        ),
        // An object that is not a domain's has the key.
        Set::Unused if under.is_some() => return None,
        Set::Unused => (
            Verdict::Kept,
            "the set is as a domain's before its first use: as many semaphores, all 0, none ever used; but nothing says that it is one",
        ),
    };
    Some(Finding {
        segment: rest.map(|(id, _)| *id),
        semaphores: Some(id),
        key,
        bytes: rest.map_or(0, |(_, stat)| stat.size()),
        what: What::HalfDomain { semaphores: stat.count() },
        verdict,
        evidence: evidence.to_owned(),
    })
}

/// Removes what [`look`] found, under the lock of the domain that would have been made: a process that is
/// about to join waits for it, and makes a new domain then. False if the lock is held, or the set is in use
/// by now.
pub(super) fn remove(id: SemId) -> Result<bool, AttachError> {
    let set = SemaphoreSet::from_id(id);
    let permissions = set.stat()?.permissions();
    let image = Image::new(permissions.key(), permissions.mode())?;
    let Some(_lock) = Lock::try_take(set, image.id())? else { return Ok(false) };
    let stat = set.stat()?;
    let segments = ipc_core::list::segments()?;
    let rest = half_made::segment_under(stat.permissions().key(), &segments);
    let is_whole = rest.is_some_and(|(id, stat)| members::tables(*id, stat).is_some());
    let is_idle = match half_made::judge(set, &stat) {
        Set::Marked { members, .. } => members == 0,
        // In use by now: by this process, to take the lock.
        Set::Unused | Set::Foreign => half_made::is_only_locked(set),
    };
    if is_whole || !is_idle {
        return Ok(false);
    }
    if let Some((id, _)) = rest.filter(|(id, _)| half_made::is_unfinished(SharedMemory::from_id(*id))) {
        SharedMemory::from_id(*id).remove()?;
    }
    image::remove_all_unused(permissions.key());
    set.remove()?;
    Ok(true)
}
