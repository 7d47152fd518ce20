//! The size of a domain: determined by its set of semaphores.
//!
//! The kernel bounds the semaphores of one set (`SEMMSL`, the first number of `kernel.sem`): 32000 by
//! default, 250 where an old default is kept on purpose. A domain is made with the largest useful set that
//! the limit allows, in whole [groups](super::layout::GROUP): one process for every four ends. Every other
//! process uses what the set has, whatever the limit is by then.

use ipc_core::sem::{Count, SemaphoreSet};
use ipc_core::{ErrorKind, Key, Limit, Mode, Trust};

use super::layout::{BELLS, FIRST_GROUP, GROUP, PROCESSES, SEMAPHORES, WAKES_IN_GROUP};
use super::wakes::TOGETHER;
use crate::error::{AttachError, AttachErrorKind};

/// The smallest domain has this many groups, so that it is usable.
const LEAST_GROUPS: usize = 8;
/// How often making the set starts over because another one appeared or disappeared.
const ATTEMPTS: usize = 100;

/// The capacity of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    groups: usize,
}

impl Sizes {
    /// The sizes of a domain with a set of this number of semaphores; `None` if no domain has such a set.
    pub(super) fn of_set(semaphores: usize) -> Option<Self> {
        let groups = semaphores.checked_sub(FIRST_GROUP)? / GROUP;
        let fits = (LEAST_GROUPS..=PROCESSES).contains(&groups) && semaphores == FIRST_GROUP + groups * GROUP;
        fits.then_some(Self { groups })
    }

    /// The sizes of a new domain where a set may have at most this number of semaphores. Never less than the
    /// smallest domain, so that the kernel reports the error.
    fn within(limit: usize) -> Self {
        Self { groups: (limit.saturating_sub(FIRST_GROUP) / GROUP).clamp(LEAST_GROUPS, PROCESSES) }
    }

    /// Process slots.
    pub(super) fn processes(self) -> usize {
        self.groups
    }

    /// Wake semaphores, the bells among them.
    pub(super) fn wakes(self) -> usize {
        self.groups * WAKES_IN_GROUP
    }

    /// Bells.
    pub(super) fn bells(self) -> usize {
        BELLS.min(self.wakes() / 4)
    }

    pub(super) fn semaphores(self) -> usize {
        FIRST_GROUP + self.groups * GROUP
    }

    /// The error for a domain without room for another process.
    pub(super) fn no_process(self) -> AttachError {
        let limit = self.processes();
        AttachErrorKind::DomainFull { what: self.say("processes", SMALL_PROCESSES), limit }.into()
    }

    /// The error for a domain without room for another end.
    pub(super) fn no_wake(self) -> AttachError {
        let limit = self.wakes() - self.bells();
        AttachErrorKind::DomainFull { what: self.say("wake semaphores", SMALL_WAKES), limit }.into()
    }

    fn say(self, usually: &'static str, small: &'static str) -> &'static str {
        if self.semaphores() == SEMAPHORES { usually } else { small }
    }
}

const SMALL_PROCESSES: &str =
    "processes (fewer than 256, since the first number of kernel.sem was below 1284 when it was made)";
const SMALL_WAKES: &str =
    "wake semaphores (fewer than 1008, since the first number of kernel.sem was below 1284 when it was made)";

/// The sizes of the domains that are made here now.
pub(super) fn of_a_new_domain() -> Sizes {
    let limit = Limit::SemaphoresPerSet.value().and_then(|limit| usize::try_from(limit).ok());
    Sizes::within(limit.unwrap_or(SEMAPHORES))
}

/// The domain's semaphores, and whether they are new: the existing set, or a new one.
pub(super) fn open_or_create(
    key: Key,
    mode: Mode,
    trust: &Trust,
) -> Result<(SemaphoreSet, Sizes, bool), AttachError> {
    let mut attempt = 1;
    loop {
        match SemaphoreSet::open(key, Count::Any, trust).and_then(|set| Ok((set, set.stat()?.count()))) {
            Ok((set, count)) => {
                let sizes = Sizes::of_set(count);
                let reason = "its set has a number of semaphores that no domain has";
                let sizes = sizes.ok_or(AttachErrorKind::NotADomain { reason })?;
                return Ok((set, sizes, false));
            }
            Err(error)
                if attempt < ATTEMPTS && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => {
            }
            Err(error) => return Err(error.into()),
        }
        let sizes = of_a_new_domain();
        match SemaphoreSet::create_new(key, sizes.semaphores(), mode) {
            Ok(set) => return Ok((set, sizes, true)),
            Err(error) if attempt < ATTEMPTS && error.kind() == ErrorKind::AlreadyExists => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The number of operations on semaphores in one call: a multiple of two, since they come in pairs.
pub(super) fn operations_in_a_call() -> usize {
    let limit = Limit::OperationsPerCall.value().and_then(|limit| usize::try_from(limit).ok());
    (limit.unwrap_or(TOGETHER) & !1).clamp(2, TOGETHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_as_large_as_the_limit_allows() {
        let rooms = |limit| {
            let sizes = Sizes::within(limit);
            assert!(sizes.semaphores() <= limit.max(FIRST_GROUP + LEAST_GROUPS * GROUP));
            assert_eq!(Sizes::of_set(sizes.semaphores()), Some(sizes));
            (sizes.processes(), sizes.wakes(), sizes.bells())
        };
        assert_eq!(rooms(32000), (256, 1024, 16));
        assert_eq!(rooms(1284), (256, 1024, 16));
        assert_eq!(rooms(1250), (249, 996, 16));
        assert_eq!(rooms(250), (49, 196, 16));
        assert_eq!(rooms(60), (11, 44, 11));
        assert_eq!(rooms(0), (8, 32, 8));
    }

    #[test]
    fn sets_that_no_domain_makes_are_refused() {
        for semaphores in [0, 1, 39, 43, 45, 250, 1283, 1285, 1289, 65535, usize::MAX] {
            assert_eq!(Sizes::of_set(semaphores), None, "{semaphores}");
        }
    }
}
