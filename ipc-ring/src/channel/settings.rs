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

    /// The domain, joined if necessary, and the deadline of this call for acquiring its lock.
    pub(super) fn whereabouts(&self) -> Result<(Domain, Instant), AttachError> {
        whereabouts(self.domain.as_ref(), self.deadline)
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

/// The methods of a builder that only write its `settings`.
macro_rules! common_settings {
    () => {
        /// The domain in which the name is looked up or entered. The default is the user's own.
        #[must_use]
        pub fn domain(mut self, domain: &crate::Domain) -> Self {
            self.settings.domain = Some(domain.clone());
            self
        }

        /// Deadline for an end that is opened to acquire the domain's lock, joining the user's own domain
        /// included; one in the past: only if the lock is free. The default is the domain's
        /// [patience](crate::Domain::with_patience), counted from each call.
        #[must_use]
        pub fn deadline(mut self, deadline: std::time::Instant) -> Self {
            self.settings.deadline = Some(deadline);
            self
        }

        /// How this end waits. Each end has its own strategy.
        #[must_use]
        pub fn wait(mut self, strategy: crate::WaitStrategy) -> Self {
            self.settings.strategy = strategy;
            self
        }

        /// What this end sleeps on. Each end has its own; the default is
        /// [`Parker::Semaphore`](crate::Parker::Semaphore).
        #[must_use]
        pub fn parker(mut self, parker: crate::Parker) -> Self {
            self.settings.parker = parker;
            self
        }

        /// Whether waiting calls of this end go on when the other end died or detached: then they wait for a
        /// successor, where they otherwise report that it is gone. Closing the channel still ends them, and
        /// so do deadlines. Calls that never wait, and a [`WaitSet`](crate::WaitSet), always report it. The
        /// default is no.
        #[must_use]
        pub fn await_successors(mut self, awaits: bool) -> Self {
            self.settings.awaits_successors = awaits;
            self
        }

        /// How sleepers and wakers synchronize. An opener that names a barrier insists on it, and gets
        /// [`Barrier`](crate::AttachErrorKind::Barrier) where another one was chosen; one that names none
        /// takes the channel as it is. A new channel has [`Barrier::Asymmetric`](crate::Barrier::Asymmetric)
        /// where the kernel has it.
        #[must_use]
        pub fn barrier(mut self, barrier: crate::Barrier) -> Self {
            self.settings.barrier = Some(barrier);
            self
        }

        /// How long the channel lives. An opener that names a lifetime insists on it, and gets
        /// [`Lifetime`](crate::AttachErrorKind::Lifetime) where another one was chosen; one that names none
        /// takes the channel as it is. A new channel is [`Lifetime::Ephemeral`](crate::Lifetime::Ephemeral)
        /// by default. A taking end that attaches first and names none leaves the choice to a giving end; the
        /// same is true of the barrier. Another user's object under the key of a persistent channel is an
        /// error for openers that name [`Lifetime::Persistent`](crate::Lifetime::Persistent), and counts as
        /// absent for the others.
        #[must_use]
        pub fn lifetime(mut self, lifetime: crate::Lifetime) -> Self {
            self.settings.lifetime = Some(lifetime);
            self
        }

        /// Maps every page of the ring into this process when it attaches, so that no first touch costs a
        /// page fault later. Contents are not changed.
        #[must_use]
        pub fn prefault(mut self, prefault: bool) -> Self {
            self.settings.pages.prefault = prefault;
            self
        }

        /// Whether core dumps of this process include the ring; by default they do not. The other processes
        /// regard one that aborts as dead once its core is written, not before.
        #[must_use]
        pub fn dumped(mut self, dumped: bool) -> Self {
            self.settings.pages.dumped = dumped;
            self
        }
    };
}

/// The methods of a builder of a channel of `T` that describe `T`.
macro_rules! element_settings {
    ($example:literal) => {
        /// A name for the element type that all ends agree on, instead of the type's own: such as
        #[doc = concat!("`\"", $example, "\"`.")]
        #[must_use]
        pub fn type_name(mut self, name: &str) -> Self {
            self.settings.type_name = Some(name.to_owned());
            self
        }

        /// The fields of the element type, and its described name instead of its own (or of
        /// [`type_name`](Self::type_name)). The creator of the channel stores the description there, where
        /// tools and other languages find it; an end whose description differs from the channel's gets
        /// [`Fields`](crate::AttachErrorKind::Fields), which names the field.
        ///
        /// Ends that call it and ends that do not can meet if the name is the same. A taking end that
        /// attached first without calling it leaves the choice to a giving end.
        #[must_use]
        pub fn described(mut self) -> Self
        where
            T: crate::describe::Describe,
        {
            self.settings.described = Some(crate::channel::described::Described::of::<T>());
            self
        }
    };
}

pub(super) use {common_settings, element_settings};
