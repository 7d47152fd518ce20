//! `grant`: owner, group and mode, without giving away more than was said.

use ipc_cli_support::output::say;
use ipc_core::list::proc::Object;
use ipc_core::msg::MessageQueue;
use ipc_core::sem::SemaphoreSet;
use ipc_core::shm::SharedMemory;
use ipc_core::{Evidence, EvidenceKind, Mode, Trust, Verified};
use nix::unistd::{Group, User};
use serde::Serialize;

use super::rm::name_of;
use super::snapshot::{Snapshot, identity};
use crate::cli::sysv::Grant;
use crate::exit::{DONE, Failure, NOT_FOUND, Outcome, REFUSED};
use crate::json;
use crate::units::Names;

/// What group and others may be given.
const FOREIGN: u16 = 0o077;

#[derive(Serialize)]
struct Line {
    object: String,
    before: Access,
    after: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Access {
    uid: u32,
    gid: u32,
    #[serde(serialize_with = "octal")]
    mode: u16,
}

fn octal<S: serde::Serializer>(mode: &u16, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{mode:04o}"))
}

impl Access {
    fn of(object: &Object) -> Access {
        Access { uid: object.uid, gid: object.gid, mode: (object.perms & 0o777) as u16 }
    }

    fn describe(self, names: &mut Names) -> String {
        format!(
            "owner {}, group {}, mode {:04o}",
            names.user_or_number(self.uid),
            names.group_or_number(self.gid),
            self.mode
        )
    }
}

pub(super) fn run(asked: &Grant) -> Outcome {
    let identity = identity(asked.object)?;
    let name = name_of(&identity);
    let now = || {
        let snapshot = Snapshot::take()?;
        Ok::<_, Failure>(Access::of(&snapshot.items[snapshot.find(name)?].object))
    };
    let before = now()?;
    let after = Access {
        uid: asked.user.as_deref().map(user).transpose()?.unwrap_or(before.uid),
        gid: asked.group.as_deref().map(group).transpose()?.unwrap_or(before.gid),
        mode: asked.mode.map_or(before.mode, Mode::bits),
    };
    if let Some(why) = widens(before, after)
        && !asked.widen
    {
        return Err(Failure::new(REFUSED, format!("{name}: not changed: {why}; --widen allows it")));
    }
    match identity.kind() {
        EvidenceKind::Segment => change(
            &identity,
            before,
            after,
            |object: SharedMemory, mode| object.set_mode(mode),
            |object, uid, gid| object.set_owner(uid, gid),
        ),
        EvidenceKind::Set => change(
            &identity,
            before,
            after,
            |object: SemaphoreSet, mode| object.set_mode(mode),
            |object, uid, gid| object.set_owner(uid, gid),
        ),
        EvidenceKind::Queue => change(
            &identity,
            before,
            after,
            |object: MessageQueue, mode| object.set_mode(mode),
            |object, uid, gid| object.set_owner(uid, gid),
        ),
    }?;
    if asked.json {
        json::line("granted", &Line { object: name.to_string(), before, after });
    } else {
        let mut names = Names::default();
        say!("{name}: {} before; now {}", before.describe(&mut names), after.describe(&mut names));
    }
    Ok(DONE)
}

/// Why more users would have rights than before, besides an owner or group that was named.
fn widens(before: Access, after: Access) -> Option<String> {
    let more = after.mode & !before.mode & FOREIGN;
    if more & 0o007 != 0 {
        return Some(format!(
            "mode {:04o} gives others rights that they do not have in {:04o}",
            after.mode, before.mode
        ));
    }
    if more != 0 {
        return Some(format!(
            "mode {:04o} gives the group rights that it does not have in {:04o}",
            after.mode, before.mode
        ));
    }
    None
}

/// First takes, then gives: at no moment has anybody more than before and after.
fn change<T: ipc_core::Object + Copy>(
    identity: &Evidence,
    before: Access,
    after: Access,
    set_mode: impl Fn(T, Mode) -> ipc_core::Result<()>,
    set_owner: impl Fn(T, u32, u32) -> ipc_core::Result<()>,
) -> Result<(), Failure> {
    let mode = |bits: u16| Mode::new(bits & 0o777).expect("nine bits");
    let mut object = Verified::<T>::from_evidence(identity, &Trust::anyone())?;
    let changes_owner = (before.uid, before.gid) != (after.uid, after.gid);
    let between = if changes_owner { before.mode & after.mode } else { after.mode };
    if between != before.mode {
        object.change(|object| set_mode(object, mode(between)))?;
    }
    if changes_owner {
        object.change(|object| set_owner(object, after.uid, after.gid))?;
    }
    if between != after.mode {
        object.change(|object| set_mode(object, mode(after.mode)))?;
    }
    Ok(())
}

fn user(text: &str) -> Result<u32, Failure> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    let found = User::from_name(text).ok().flatten().map(|user| user.uid.as_raw());
    found.ok_or_else(|| Failure::new(NOT_FOUND, format!("there is no user {text:?}")))
}

fn group(text: &str) -> Result<u32, Failure> {
    if let Ok(gid) = text.parse() {
        return Ok(gid);
    }
    let found = Group::from_name(text).ok().flatten().map(|group| group.gid.as_raw());
    found.ok_or_else(|| Failure::new(NOT_FOUND, format!("there is no group {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rights_of_group_and_others_widen() {
        let access = |mode| Access { uid: 1, gid: 1, mode };
        assert_eq!(widens(access(0o640), access(0o600)), None);
        assert_eq!(widens(access(0o040), access(0o640)), None);
        assert!(widens(access(0o600), access(0o640)).is_some_and(|why| why.contains("the group")));
        assert!(widens(access(0o640), access(0o604)).is_some_and(|why| why.contains("others")));
    }
}
