//! The handle of a domain that programs hold.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::{Mode, Trust};

use super::{LOCK_PATIENCE, Locked, Member, Owner, join, layout, memberships};
use crate::error::{AttachError, AttachErrorKind};
use crate::interrupter::Interrupter;
use crate::wait::interrupt::Interrupts;

/// The name of the user's own domain.
pub(crate) const DEFAULT_NAME: &str = "default";

/// A process's membership in a domain. Clones share it; the last one to be dropped leaves the domain.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let domain = ipc_ring::Domain::open("doc-example-domain")?;
/// assert_eq!(domain.name(), "doc-example-domain");
/// assert!(domain.is_alive(domain.me())?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Domain {
    pub(super) member: Arc<Member>,
    /// How long a call through this handle waits for the domain's lock.
    patience: Duration,
    /// Interrupts the waits of calls through this handle.
    interrupter: Option<Interrupter>,
}

impl Domain {
    /// The caller's own domain, named `default`, in which only processes of the same user meet.
    ///
    /// # Errors
    /// As [`Domain::open`].
    pub fn default_for_user() -> Result<Self, AttachError> {
        Self::open(DEFAULT_NAME)
    }

    /// Joins the domain of this name, making it if there is none. Domains of different users are distinct,
    /// even if their names are equal.
    ///
    /// # Errors
    /// [`InvalidName`](crate::AttachErrorKind::InvalidName);
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) if its process table is full;
    /// [`LockTimeout`](crate::AttachErrorKind::LockTimeout) if another process holds its lock all the time;
    /// [`NotADomain`](crate::AttachErrorKind::NotADomain) if another program uses the same key;
    /// [`System`](crate::AttachErrorKind::System) if the kernel refuses, with
    /// [`Untrusted`](ipc_core::ErrorKind::Untrusted) if the objects belong to another user.
    ///
    /// # Blocking
    /// Waits for the domain's lock, which others hold for microseconds, for five seconds at most;
    /// [`open_deadline`](Self::open_deadline) waits less.
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Self::open_deadline(name, crate::clock::after(LOCK_PATIENCE))
    }

    /// As [`open`](Self::open), until a deadline. If the deadline has passed, joins only if the domain's lock
    /// is free.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_deadline(name: &str, deadline: Instant) -> Result<Self, AttachError> {
        let owner = nix::unistd::geteuid().as_raw();
        Self::open_shared_deadline(name, owner, Mode::PRIVATE, Trust::same_user(), deadline)
    }

    /// As [`open_deadline`](Self::open_deadline), and `interrupter` interrupts the wait for the lock. It also
    /// interrupts the waits of calls through the handle, as described for
    /// [`with_interrupter`](Self::with_interrupter).
    ///
    /// # Errors
    /// [`Interrupted`](crate::AttachErrorKind::Interrupted), and as [`open`](Self::open).
    pub fn open_interruptible(
        name: &str,
        deadline: Instant,
        interrupter: &Interrupter,
    ) -> Result<Self, AttachError> {
        let owner = nix::unistd::geteuid().as_raw();
        let (mode, trust) = (Mode::PRIVATE, Trust::same_user());
        Self::open_shared_interruptible(name, owner, mode, trust, deadline, interrupter)
    }

    /// Joins a domain that processes of several users share: those that `mode` and the kernel admit.
    ///
    /// `owner` is the user that the domain belongs to: part of its identity, so that another user's domain is
    /// not mistaken for it. `trust` says whose objects to accept; it must include at least `owner`.
    ///
    /// # Errors
    /// As [`Domain::open`].
    pub fn open_shared(name: &str, owner: u32, mode: Mode, trust: Trust) -> Result<Self, AttachError> {
        Self::open_shared_deadline(name, owner, mode, trust, crate::clock::after(LOCK_PATIENCE))
    }

    /// As [`open_shared`](Self::open_shared), until a deadline. If the deadline has passed, joins only if the
    /// domain's lock is free.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_shared_deadline(
        name: &str,
        owner: u32,
        mode: Mode,
        trust: Trust,
        deadline: Instant,
    ) -> Result<Self, AttachError> {
        Self::open_by(name, owner, mode, trust, (deadline, None))
    }

    /// As [`open_shared_deadline`](Self::open_shared_deadline) and
    /// [`open_interruptible`](Self::open_interruptible).
    ///
    /// # Errors
    /// As [`open_interruptible`](Self::open_interruptible).
    pub fn open_shared_interruptible(
        name: &str,
        owner: u32,
        mode: Mode,
        trust: Trust,
        deadline: Instant,
        interrupter: &Interrupter,
    ) -> Result<Self, AttachError> {
        Self::open_by(name, owner, mode, trust, (deadline, Some(interrupter)))
    }

    fn open_by(
        name: &str,
        owner: u32,
        mode: Mode,
        trust: Trust,
        (deadline, interrupter): (Instant, Option<&Interrupter>),
    ) -> Result<Self, AttachError> {
        let most = layout::DOMAIN_NAME_BYTES;
        if name.is_empty() || name.len() > most || name.contains('\0') {
            let invalid = AttachErrorKind::InvalidName { name: name.to_owned(), most };
            return Err(AttachError::from(invalid).in_domain(name));
        }
        let key = join::key(name, owner);
        let wanted = memberships::Wanted { name, key, trust: &trust };
        let interrupts = interrupter.map(Interrupter::of_calls);
        let join = || join::join(name, key, mode, trust.clone(), deadline, interrupts.as_ref());
        let member =
            memberships::share(wanted, join).map_err(|error| error.in_domain(name).of_user(owner))?;
        Ok(Self { member, patience: LOCK_PATIENCE, interrupter: interrupter.cloned() })
    }

    /// This handle with another patience: how long a call through it waits for the domain's lock, five
    /// seconds by default. Zero: only if the lock is free. Other handles of the domain keep theirs.
    ///
    /// The lock is taken to open an end, to list the domain and to look up a name. Others hold it for
    /// microseconds; a process that is stopped while it holds it keeps it until it continues or ends. Calls
    /// with a deadline or a timeout of their own use that; dropping an end never waits.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let domain = ipc_ring::Domain::open("doc-example-patience")?.with_patience(Duration::from_millis(50));
    /// assert!(domain.list()?.names.is_empty()); // or AttachErrorKind::LockTimeout after 50 ms
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// As [`with_patience`](Self::with_patience), for one that has less.
    pub(crate) fn with_patience_of_at_least(mut self, patience: Duration) -> Self {
        self.patience = self.patience.max(patience);
        self
    }

    /// The deadline for the lock of a call that begins now.
    pub(crate) fn until(&self) -> Instant {
        crate::clock::after(self.patience)
    }

    /// Runs `f` under the domain's lock, with this handle's patience.
    ///
    /// # Errors
    /// As [`Member::locked`].
    pub(crate) fn locked<R>(
        &self,
        f: impl FnOnce(&Locked<'_>) -> Result<R, AttachError>,
    ) -> Result<R, AttachError> {
        self.locked_until(self.until(), f)
    }

    /// Runs `f` under the domain's lock, which is waited for until a deadline.
    ///
    /// # Errors
    /// As [`Member::locked_by`].
    pub(crate) fn locked_until<R>(
        &self,
        until: Instant,
        f: impl FnOnce(&Locked<'_>) -> Result<R, AttachError>,
    ) -> Result<R, AttachError> {
        self.member.locked_by(until, self.interrupts().as_ref(), f)
    }

    /// This handle with an interrupter, which ends the waits of its calls with
    /// [`Interrupted`](crate::AttachErrorKind::Interrupted): those for the lock,
    /// [`wait_for`](Self::wait_for), [`wait_for_exit`](Self::wait_for_exit) and [`evict`](Self::evict). It
    /// also applies to calls through clones, and to opening ends by builders that have an interrupter. Other
    /// handles of the domain are not affected.
    ///
    /// A wait for the lock or for an exit ends within a tenth of a second, other waits at once.
    #[must_use]
    pub fn with_interrupter(mut self, interrupter: &Interrupter) -> Self {
        self.interrupter = Some(interrupter.clone());
        self
    }

    pub(crate) fn interrupter(&self) -> Option<&Interrupter> {
        self.interrupter.as_ref()
    }

    pub(crate) fn interrupts(&self) -> Option<Interrupts> {
        self.interrupter.as_ref().map(Interrupter::of_calls)
    }

    /// The domain's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.member.name
    }

    /// This process's identity in the domain.
    #[must_use]
    pub fn me(&self) -> Owner {
        self.member.me
    }

    /// Whether the process that `owner` names is alive: its slot has the same generation, its token is
    /// raised, and it still runs the program that joined.
    ///
    /// Two system calls, no waiting. A process that is stopped is alive, and so is one that is dumping core.
    ///
    /// # Errors
    /// If it cannot be determined: the domain's semaphores were removed, or this process may not read them
    /// any more.
    pub fn is_alive(&self, owner: Owner) -> Result<bool, ipc_core::Error> {
        self.member.is_alive(owner)
    }

    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// The error for a name that is not in the directory.
    pub(crate) fn no_channel(&self, name: &str) -> AttachError {
        AttachError::from(AttachErrorKind::NotFound).in_channel(name).in_domain(&self.member.name)
    }

    /// Other users that have a domain of this name, as far as the kernel shows: its list of segments includes
    /// the keys.
    pub(crate) fn others_of_this_name(&self) -> Vec<u32> {
        let mut others: Vec<u32> = ipc_core::list::segments()
            .unwrap_or_default()
            .iter()
            .map(|(_, stat)| stat.permissions())
            .filter(|found| found.key() != self.member.key)
            .flat_map(|found| [(found.key(), found.cuid()), (found.key(), found.uid())])
            .filter(|(key, user)| *key == join::key(&self.member.name, *user))
            .map(|(_, user)| user)
            .collect();
        others.sort_unstable();
        others.dedup();
        others
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.member, f)
    }
}
