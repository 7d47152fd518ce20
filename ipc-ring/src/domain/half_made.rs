//! Domains left incomplete when making or removing them was interrupted.
//!
//! A domain is a set of semaphores and a segment under one key, made in this order and removed in reverse. A
//! process that is killed in between leaves the set, or both with a segment that is not ready. The next
//! process that opens a domain of that name uses them; but nothing in a set says what it is for. So the first
//! operation on each set marks it, in one step: a set without the mark has never been used.

use ipc_core::sem::{Op, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId, Size, Stat};
use ipc_core::{ErrorKind, Key, Trust};

use super::layout::{H_MAGIC, H_READY, HOLDER, LOCK, MAGIC, MARK, MARKED, READY, SIZE, token};
use super::lock;
use super::sizes::Sizes;
use super::table::Table;

/// Marks a set as a domain's, unless it is marked. One system call.
///
/// # Errors
/// If the set was removed.
pub(super) fn mark(semaphores: SemaphoreSet) -> Result<(), ipc_core::Error> {
    semaphores.try_perform(&[Op::wait_zero(MARK), Op::add(MARK, MARKED)]).map(|_| ())
}

/// After a join that failed: removes what exists of the domain unless it is complete or in use. The lock is
/// held.
pub(super) fn take_back(key: Key, trust: &Trust, set: (SemaphoreSet, Sizes), is_new: bool) {
    if members(set) != Some(0) {
        return;
    }
    let is_gone = match SharedMemory::open(key, Size::Any, trust) {
        Ok(segment) => is_unfinished(segment) && segment.remove().is_ok(),
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed),
    };
    // The object under the key is not a domain's, so no process can use the set.
    if is_gone || is_new {
        let _ = set.0.remove();
    }
}

/// The number of raised tokens; `None` if it cannot be determined.
pub(super) fn members((semaphores, sizes): (SemaphoreSet, Sizes)) -> Option<usize> {
    let values = semaphores.values().ok()?;
    let raised = |slot: &usize| values.get(usize::from(token(*slot))).is_some_and(|value| *value > 0);
    Some((0..sizes.processes()).filter(raised).count())
}

/// Whether the segment's maker died before it was ready: it has a domain's size, and is empty or incomplete.
pub(super) fn is_unfinished(segment: SharedMemory) -> bool {
    let Ok(stat) = segment.stat() else { return false };
    if stat.size() != SIZE || stat.is_marked_for_removal() {
        return false;
    }
    let Ok(attached) = segment.attach() else { return false };
    let table = Table::new(attached);
    table.get_half(H_READY) != READY && [0, MAGIC].contains(&table.get(H_MAGIC))
}

/// What the values of a set's semaphores say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// A domain's, by its mark.
    Marked { members: usize, is_locked: bool },
    /// Like a domain's before the first operation on it.
    Unused,
    /// Something else.
    Foreign,
}

/// Classifies a set by the number and the values of its semaphores.
pub(super) fn judge(set: SemaphoreSet, stat: &ipc_core::sem::Stat) -> Set {
    let Some(sizes) = Sizes::of_set(stat.count()) else { return Set::Foreign };
    let Ok(values) = set.values() else { return Set::Foreign };
    if values.len() != stat.count() {
        return Set::Foreign;
    }
    match values[usize::from(MARK)] {
        MARKED => match members((set, sizes)) {
            // A holder that cannot be checked counts as having the lock.
            Some(members) => Set::Marked { members, is_locked: lock::is_held(set).unwrap_or(true) },
            None => Set::Foreign,
        },
        0 if sizes == super::sizes::of_a_new_domain()
            && stat.operated_at().is_none()
            && values.iter().all(|value| *value == 0) =>
        {
            Set::Unused
        }
        _ => Set::Foreign,
    }
}

/// The segment under a key, if there is one that this process may query.
pub(super) fn segment_under(key: Key, segments: &[(ShmId, Stat)]) -> Option<&(ShmId, Stat)> {
    segments.iter().find(|(_, stat)| stat.permissions().key() == key && !stat.is_marked_for_removal())
}

/// Whether a never-used set is unchanged, except for the lock that this process has now.
pub(super) fn is_only_locked(set: SemaphoreSet) -> bool {
    set.values().is_ok_and(|values| {
        values.len() == super::sizes::of_a_new_domain().semaphores()
            && values
                .iter()
                .zip(0_u16..)
                .all(|(value, index)| *value == 0 || [LOCK, HOLDER, HOLDER + 1].contains(&index))
    })
}
