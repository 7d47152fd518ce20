//! The domains this process is a member of, so that several channels share one membership.
//!
//! Joining and leaving wait for other processes. So the list is never locked meanwhile: a domain that is
//! stuck does not block access to another, and a child made by `fork` starts with a list of its own, whatever
//! its parent's threads were doing with theirs.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ipc_core::{Key, PerProcess, Trust};

use super::Member;
use crate::error::AttachError;

/// Each with the key of its domain.
type List = Vec<(Key, Weak<Member>)>;

static MEMBERSHIPS: PerProcess<Mutex<List>> = PerProcess::new();

/// The requirements for a membership to be shared.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) key: Key,
    pub(super) trust: &'a Trust,
}

impl Wanted<'_> {
    fn is(self, member: &Member) -> bool {
        member.is_ours()
            && member.name == self.name
            && member.trust == *self.trust
            && member.is_under(self.key)
    }
}

/// The membership this process has, or the one that `join` makes.
///
/// Two threads may join at the same time. Then the second one's membership is given back, and both use the
/// first one's.
pub(super) fn share(
    wanted: Wanted<'_>,
    join: impl FnOnce() -> Result<Member, AttachError>,
) -> Result<Arc<Member>, AttachError> {
    if let Some(member) = known(wanted) {
        return Ok(member);
    }
    let joined = match join() {
        Ok(member) => Arc::new(member),
        // There may have been room for one membership only, which another thread has by now.
        Err(error) => return known(wanted).ok_or(error),
    };
    locked(|list| {
        list.retain(|(_, member)| member.strong_count() > 0);
        list.push((wanted.key, Arc::downgrade(&joined)));
    });
    // The oldest one: the same for all threads that have added one.
    Ok(known(wanted).unwrap_or(joined))
}

fn known(wanted: Wanted<'_>) -> Option<Arc<Member>> {
    // Checked, and given back, after the list is unlocked: checking takes a system call, giving back waits
    // for the domain.
    let of_this_domain = |list: &mut List| {
        list.iter().filter(|(key, _)| *key == wanted.key).filter_map(|(_, member)| member.upgrade()).collect()
    };
    let members: Vec<Arc<Member>> = locked(of_this_domain);
    members.into_iter().find(|member| wanted.is(member))
}

fn locked<R>(f: impl FnOnce(&mut List) -> R) -> R {
    f(&mut MEMBERSHIPS.get().lock().unwrap_or_else(PoisonError::into_inner))
}
