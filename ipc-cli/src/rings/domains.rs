//! Which domains there are, and membership in those that are alive.

use ipc_core::shm::{SharedMemory, ShmId};
use ipc_core::{Mode, Trust, list};
use ipc_ring::Domain;
use ipc_ring::gc::{self, Finding, What};
use nix::unistd::User;

use crate::cli::rings::Where;
use crate::exit::{FAILED, Failure, NOT_FOUND, USAGE};
use crate::units::count;

/// A domain that was found.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) finding: Finding,
    /// Why it cannot be looked into, in place of it.
    pub(super) domain: Result<Domain, String>,
}

impl Found {
    /// Members alive, members that died and were not swept when it was looked at, channels.
    pub(super) fn members(&self) -> (usize, usize, usize) {
        match self.finding.what {
            What::Domain { alive, dead, channels, .. } => (alive, dead, channels),
            _ => (0, 0, 0),
        }
    }
}

/// The domains of one user, those that are asked for. Those with a living member are joined, as one has to
/// for looking into them; joining sweeps the members that died, so these are counted before. One without a
/// living member is left as it is: joining and leaving it would remove it.
pub(super) fn find(asked: &Where) -> Result<Vec<Found>, Failure> {
    let me = nix::unistd::geteuid().as_raw();
    let owner = asked.user.as_deref().map_or(Ok(me), user)?;
    let (findings, hidden) = if owner == me { (gc::examine()?, 0) } else { of_other(owner)? };
    let mut found: Vec<Found> = findings
        .into_iter()
        .filter_map(|finding| match &finding.what {
            What::Domain { name, alive, .. } => Some((name.clone(), *alive, finding)),
            _ => None,
        })
        .filter(|(name, ..)| asked.domain.is_empty() || asked.domain.contains(name))
        .map(|(name, alive, finding)| {
            let domain = if alive == 0 {
                Err(format!("no member is alive ({}); `ipcr gc` deals with it", finding.evidence))
            } else {
                open(&name, owner, &finding)
            };
            Found { name, finding, domain }
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let missing = asked.domain.iter().find(|name| !found.iter().any(|found| found.name == **name));
    if let Some(missing) = missing
        .map(|name| format!("domain {name:?}"))
        .or((found.is_empty() && owner != me).then(|| "domain".to_owned()))
    {
        let reason = format!("user {owner} has no {missing} in this IPC namespace");
        return Err(match hidden {
            0 => Failure::new(NOT_FOUND, reason),
            hidden => Failure::new(
                FAILED,
                format!(
                    "{reason} that this user may look into; {} of that user could not be read",
                    count(hidden, "segment", "segments")
                ),
            ),
        });
    }
    Ok(found)
}

fn open(name: &str, owner: u32, finding: &Finding) -> Result<Domain, String> {
    let mode = finding
        .segment
        .and_then(|id| SharedMemory::from_id(id).stat().ok())
        .map(|stat| stat.permissions().mode());
    let trust = Trust::same_user().allow_uid(owner);
    Domain::open_shared(name, owner, mode.unwrap_or(Mode::PRIVATE), trust).map_err(|error| error.to_string())
}

/// Looks into the segments that another user created, and counts those that may not be read.
fn of_other(owner: u32) -> Result<(Vec<Finding>, u64), Failure> {
    let segments = list::segments()?.into_iter().filter(|(_, stat)| {
        let permissions = stat.permissions();
        permissions.cuid() == owner && permissions.key() != ipc_core::Key::PRIVATE
    });
    let ids: Vec<ShmId> = segments.map(|(id, _)| id).collect();
    let may_read = |id: ShmId| SharedMemory::from_id(id).attach_read_only().is_ok();
    let hidden = ids.iter().filter(|id| !may_read(**id)).count() as u64;
    Ok((ids.into_iter().filter_map(gc::identify).collect(), hidden))
}

fn user(text: &str) -> Result<u32, Failure> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    let found = User::from_name(text).ok().flatten().map(|user| user.uid.as_raw());
    found.ok_or_else(|| Failure::new(USAGE, format!("there is no user {text:?}")))
}

/// Domains of other users, as far as they show: those of the usual name by their key. What else their
/// segments are is not looked into.
pub(super) fn of_others(asked: &Where) -> Result<Vec<String>, Failure> {
    if asked.user.is_some() {
        return Ok(Vec::new());
    }
    let me = nix::unistd::geteuid().as_raw();
    let (mut notes, mut other) = (Vec::new(), 0);
    for (_, stat) in list::segments()? {
        let permissions = stat.permissions();
        let owner = permissions.cuid();
        if owner == me || permissions.key() == ipc_core::Key::PRIVATE {
            continue;
        }
        if permissions.key() == gc::domain_key("default", owner) {
            notes.push(format!("user {owner} has a domain \"default\": --user {owner} looks into it, as root or as a user it is open to"));
        } else {
            other += 1;
        }
    }
    if other > 0 {
        notes.push(format!(
            "not looked into: {} of other users; domains of other names may be among what any program has",
            count(other, "segment with a key", "segments with keys")
        ));
    }
    Ok(notes)
}
