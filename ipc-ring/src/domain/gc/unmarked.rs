//! Segments that hold nothing and that nobody can find, as a process leaves that is killed between making a segment and marking it for removal, outside of any domain.

use ipc_core::list;

use super::{Finding, Verdict, What};

/// Those of this user.
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
            "without a key, attached by nobody, without any page, and its maker, process {}, is gone",
            segment.creator_pid
        ),
    });
    Ok(findings.collect())
}
