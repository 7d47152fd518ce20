//! Segments that were being made when their makers died.

use ipc_core::shm::{ShmId, Stat};

use super::{Finding, Verdict, What, members};
use crate::domain::lock;
use crate::domain::making::Note;

/// The existing segments that a domain has notes about.
pub(super) fn look(id: ShmId, stat: &Stat, segments: &[(ShmId, Stat)]) -> Vec<Finding> {
    let Some(table) = members::tables(id, stat) else { return Vec::new() };
    let notes = Note::all(&table);
    if notes.is_empty() {
        return Vec::new();
    }
    let domain = members::name(&table);
    // A maker at work holds the lock. If the lock is free, a maker that was at work when its note was read
    // has finished, and its note is gone.
    let is_locked = members::semaphores(&table, stat).and_then(|(set, _)| lock::is_held(set).ok());
    let still = Note::all(&table);
    let find = |note: &Note| {
        let (id, stat) = segments.iter().find(|(_, stat)| note.is_about(stat))?;
        let is_noted = still.iter().any(|note| note.is_about(stat));
        let (verdict, evidence) = match (is_noted && is_locked != Some(true), stat.attachments()) {
            (false, _) => (Verdict::InUse, "another process has the domain's lock, and may be making it"),
            (true, 0) => (
                Verdict::Abandoned,
                "the domain has a note of its key, size and creator, and no process has the lock: its maker died",
            ),
            (true, _) => (Verdict::InUse, "its maker died, but another process is attached"),
        };
        Some(Finding {
            segment: Some(*id),
            semaphores: None,
            key: stat.permissions().key(),
            bytes: stat.size(),
            what: What::Segment { domain: domain.clone() },
            verdict,
            evidence: evidence.to_owned(),
        })
    };
    notes.iter().filter_map(find).collect()
}
