//! Empty segments that no process can find, left by a process that was killed between making a segment and
//! marking it for removal.

use ipc_core::shm::{ShmId, Stat};
use ipc_core::{Key, list};

use super::{Finding, Verdict, What};
use crate::domain::image;

/// This user's segments left by a process that was killed while joining a domain with a set of semaphores
/// under this key.
pub(super) fn look_for_images(key: Key, segments: &[(ShmId, Stat)]) -> Vec<Finding> {
    let left = segments.iter().filter(|(_, stat)| image::is_left_of(key, stat));
    left.map(|(id, stat)| Finding {
        segment: Some(*id),
        semaphores: None,
        key: stat.permissions().key(),
        bytes: stat.size(),
        what: What::Unmarked,
        verdict: Verdict::Abandoned,
        evidence: format!(
            "under a key for members of the domain with the key {key}, and no process is attached: its maker was killed while it joined"
        ),
    })
    .collect()
}

/// This user's segments.
pub(super) fn look() -> Result<Vec<Finding>, ipc_core::Error> {
    let me = nix::unistd::geteuid().as_raw();
    let abandoned = list::abandoned_segments()?.into_iter().filter(|segment| segment.object.cuid == me);
    let findings = abandoned.map(|segment| Finding {
        segment: Some(segment.id),
        semaphores: None,
        key: segment.object.key,
        bytes: usize::try_from(segment.size).unwrap_or(usize::MAX),
        what: What::Unmarked,
        verdict: Verdict::Abandoned,
        evidence: format!(
            "without a key, no process is attached, without any page, and its maker, process {}, is gone",
            segment.creator_pid
        ),
    });
    Ok(findings.collect())
}
