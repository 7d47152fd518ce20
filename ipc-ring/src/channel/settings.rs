//! The settings that every kind of channel has.

use std::time::Instant;

use super::Lifetime;
use super::described::Described;
use crate::domain::{DEFAULT_NAME, Domain, LOCK_PATIENCE};
use crate::error::AttachError;
use crate::message::{Fingerprint, Message};
use crate::platform::Barrier;
use crate::wait::{Parker, WaitStrategy};

/// How the pages of an attached segment are treated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pages {
    /// All of them are supplied at once.
    pub(super) prefault: bool,
    /// Core dumps include them.
    pub(super) dumped: bool,
    /// Children made by `fork` do not have them: for segments whose users all check first whether they were
    /// inherited, as those of a pool do.
    pub(super) kept_from_children: bool,
}

/// The settings that all builders have.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: String,
    /// `None` for the user's own.
    pub(super) domain: Option<Domain>,
    /// A name to show for the element type, instead of its own.
    pub(super) type_name: Option<String>,
    /// The description of the elements.
    pub(super) described: Option<Described>,
    /// A capacity to insist on.
    pub(super) capacity: Option<u64>,
    pub(super) strategy: WaitStrategy,
    pub(super) parker: Parker,
    /// Waits go on when the other end is gone without closing.
    pub(super) awaits_successors: bool,
    /// How sleepers and wakers synchronize in a new ring; `None` for the best the kernel offers.
    pub(super) barrier: Option<Barrier>,
    /// `None` for the default, or the lifetime that the channel has.
    pub(super) lifetime: Option<Lifetime>,
    pub(super) pages: Pages,
    /// Deadline for acquiring the domain's lock.
    pub(super) deadline: Option<Instant>,
}

impl Settings {
    pub(super) fn new(name: &str, strategy: WaitStrategy) -> Self {
        Self {
            name: name.to_owned(),
            domain: None,
            type_name: None,
            described: None,
            capacity: None,
            strategy,
            parker: Parker::default(),
            awaits_successors: false,
            barrier: None,
            lifetime: None,
            pages: Pages::default(),
            deadline: None,
        }
    }

    /// The fingerprint of elements of `T`, under the given name.
    pub(super) fn fingerprint<T: Message>(&self) -> Fingerprint {
        match (&self.described, &self.type_name) {
            (Some(described), _) => described.fingerprint().unwrap_or_else(Fingerprint::of::<T>),
            (None, Some(name)) => Fingerprint::named::<T>(name),
            (None, None) => Fingerprint::of::<T>(),
        }
    }

    /// For an end that follows its channel at some later time: the deadline for opening it has passed by
    /// then, and the lock is held by the process that replaces the channel. An end that did not wait would
    /// take the channel for closed.
    pub(super) fn kept(&self) -> Self {
        let domain = self.domain.clone().map(|domain| domain.with_patience_of_at_least(LOCK_PATIENCE));
        Self { domain, deadline: None, ..self.clone() }
    }

    /// Adds the names of the channel and its domain to an error.
    pub(super) fn explain(&self, error: AttachError) -> AttachError {
        let domain = self.domain.as_ref().map_or(DEFAULT_NAME, Domain::name);
        error.in_channel(&self.name).in_domain(domain)
    }

    /// The domain, joined if necessary, and the deadline of this call for acquiring its lock. An error names
    /// the channel.
    pub(super) fn whereabouts(&self) -> Result<(Domain, Instant), AttachError> {
        whereabouts(self.domain.as_ref(), self.deadline).map_err(|error| self.explain(error))
    }
}

/// As [`Settings::whereabouts`], of a given domain or the user's own.
pub(super) fn whereabouts(
    domain: Option<&Domain>,
    deadline: Option<Instant>,
) -> Result<(Domain, Instant), AttachError> {
    match domain {
        Some(domain) => Ok((domain.clone(), deadline.unwrap_or_else(|| domain.until()))),
        None => {
            let until = deadline.unwrap_or_else(|| crate::clock::after(LOCK_PATIENCE));
            Ok((Domain::open_deadline(DEFAULT_NAME, until)?, until))
        }
    }
}
