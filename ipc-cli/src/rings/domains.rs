//! Which domains there are, and a look into them that leaves them as they are.

use ipc_core::list;
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_ring::gc::{self, Finding, What};
use ipc_ring::observe::DomainObserver;
use nix::unistd::User;

use crate::cli::parts::Where;
use crate::exit::{FAILED, Failure, NOT_FOUND, USAGE};
use crate::units::count;

/// A domain that was found.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) finding: Finding,
    /// Why it cannot be looked into, in place of it.
    pub(super) domain: Result<DomainObserver, String>,
}

impl Found {
    /// Members alive, members that died and were not swept, channels.
    pub(super) fn members(&self) -> (usize, usize, usize) {
        match self.finding.what {
            What::Domain { alive, dead, channels, .. } => (alive, dead, channels),
            _ => (0, 0, 0),
        }
    }
}

/// The domains of one user, those that are asked for. They are observed: none is joined, swept or removed.
pub(super) fn find(asked: &Where) -> Result<Vec<Found>, Failure> {
    let me = nix::unistd::geteuid().as_raw();
    let owner = asked.user.as_deref().map_or(Ok(me), user)?;
    let (findings, hidden) = if owner == me { (gc::examine()?, 0) } else { of_other(owner)? };
    let mut found: Vec<Found> = findings
        .into_iter()
        .filter_map(|finding| match &finding.what {
            What::Domain { name, .. } => Some((name.clone(), finding)),
            _ => None,
        })
        .filter(|(name, _)| asked.domain.is_empty() || asked.domain.contains(name))
        .map(|(name, finding)| {
            let domain = DomainObserver::open_of(&name, owner).map_err(|error| error.to_string());
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
