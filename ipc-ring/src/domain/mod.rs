//! Domains: named groups of processes that trust each other, and the channels they can find by name.
//!
//! A domain is two kernel objects under one key: a small segment with the process table and the channel
//! directory, and a set of semaphores: a lock, a *token* for each process, a *wake* semaphore for each end
//! that may sleep. There is no daemon. The first process to open a domain makes it, and the last one to leave
//! removes it. If all of them are killed it stays behind, empty of data, and the next process to open it
//! sweeps and uses it.
//!
//! **Liveness.** A process that joins takes a slot of the process table by raising that slot's token
//! semaphore from 0 to 1 with `SEM_UNDO`. The kernel lowers it when the process is gone, after the last of
//! its threads can have touched the memory. A program that was replaced by another one in the same process,
//! by `exec`, leaves a token, and is recognised by its [`image`], which the kernel destroys. So a member is
//! dead exactly when its token is 0, its image is gone, or its slot has a newer generation; no process number
//! and no timeout is involved.
//!
//! **The lock.** All changes to the tables are made under one lock, which is taken over from a holder that is
//! gone: see [`lock`]. It is taken to open a channel, never to use one. An end that is closed takes it only
//! if it is free at once: see [`departure`].

mod asking;
mod departure;
mod directory;
mod exit;
mod former;
pub mod gc;
mod half_made;
mod image;
mod join;
pub(crate) mod layout;
mod lock;
mod making;
mod memberships;
mod observer;
mod owner;
mod place;
mod queues;
mod sizes;
mod table;
mod wakes;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::sem::SemaphoreSet;
use ipc_core::{Mode, ProcessMark, Trust, barrier};

use crate::asked::Asked;
use crate::error::{AttachError, AttachErrorKind, Forked};
use crate::interrupter::Interrupter;
use crate::wait::interrupt::Interrupts;
use lock::Lock;
use table::Table;

pub(crate) use asking::Questions;
pub(crate) use directory::{Entry, ListenerEntry, Tables, check_name};
pub(crate) use lock::LOCK_PATIENCE;
pub(crate) use queues::{QueueSlot, Recipients, watched_name};
pub(crate) use wakes::ring;
pub(crate) use wakes::{WakeSemaphore, WakeSet};
pub use {observer::DomainObserver, owner::Owner, place::Place};
pub(crate) use {observer::with_entry, place::Lookout};

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
    member: Arc<Member>,
    /// How long a call through this handle waits for the domain's lock.
    patience: Duration,
    /// Interrupts the waits of calls through this handle.
    interrupter: Option<Interrupter>,
}

/// A process's resources in a domain.
pub(crate) struct Member {
    name: String,
    key: ipc_core::Key,
    table: Table,
    semaphores: SemaphoreSet,
    sizes: sizes::Sizes,
    /// The number of operations that the kernel took in one call when this process joined.
    together: usize,
    segment: ipc_core::shm::SharedMemory,
    me: Owner,
    /// The process that joined. A forked child is not a member.
    process: ProcessMark,
    mode: Mode,
    trust: Trust,
    /// Whether this process is registered for membarrier, once a channel has asked.
    asymmetric: Asked,
    /// Marks this program as existing. Dropped after all of the above has been given back. `None` for an
    /// outsider.
    image: Option<image::Image>,
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

impl Member {
    pub(crate) fn me(&self) -> Owner {
        self.me
    }

    /// The key of the domain's objects.
    pub(crate) fn key(&self) -> ipc_core::Key {
        self.key
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether this process can use membarrier; the first channel that wants it registers the process. A
    /// registered process is interrupted when a member of any domain goes to sleep; one that has only
    /// channels with fences is not.
    pub(crate) fn asymmetric(&self) -> bool {
        self.asymmetric.or_ask(|| u8::from(barrier::register().is_ok())) != 0
    }

    /// Adds this domain's name to an error.
    pub(crate) fn explain(&self, error: impl Into<AttachError>) -> AttachError {
        error.into().in_domain(&self.name)
    }

    /// # Errors
    /// [`Forked`](crate::AttachErrorKind::Forked) in a child that inherited the membership.
    pub(crate) fn check_process(&self) -> Result<(), AttachError> {
        if self.is_ours() { Ok(()) } else { Err(self.explain(Forked)) }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    /// Whether this is the process that joined.
    #[inline]
    pub(crate) fn ours(&self) -> Result<(), Forked> {
        if self.is_ours() { Ok(()) } else { Err(Forked) }
    }

    /// The process that joined.
    pub(crate) fn process(&self) -> ProcessMark {
        self.process
    }

    /// Runs `f` under the domain's lock, which is waited for until a deadline.
    ///
    /// # Errors
    /// As [`locked_by`](Self::locked_by), except for interruptions.
    pub(crate) fn locked<R>(
        &self,
        until: Instant,
        f: impl FnOnce(&Locked<'_>) -> Result<R, AttachError>,
    ) -> Result<R, AttachError> {
        self.locked_by(until, None, f)
    }

    /// As [`locked`](Self::locked), and the wait for the lock can be interrupted.
    ///
    /// # Errors
    /// [`LockTimeout`](crate::AttachErrorKind::LockTimeout) if the lock cannot be taken;
    /// [`System`](crate::AttachErrorKind::System) if the domain was removed.
    pub(crate) fn locked_by<R>(
        &self,
        until: Instant,
        interrupts: Option<&Interrupts>,
        f: impl FnOnce(&Locked<'_>) -> Result<R, AttachError>,
    ) -> Result<R, AttachError> {
        self.check_process()?;
        let lock = Lock::take(self.semaphores, self.image_id(), until, interrupts)
            .map_err(|error| self.explain(error))?;
        let result = f(&self.enter(&lock));
        drop(lock);
        self.settle_departures();
        result.map_err(|error| self.explain(error))
    }

    /// Runs `f` under the domain's lock if it is free now. `None` if it is not, or the domain was removed.
    pub(crate) fn try_locked<R>(&self, f: impl FnOnce(&Locked<'_>) -> R) -> Option<R> {
        self.check_process().ok()?;
        let lock = Lock::try_take(self.semaphores, self.image_id()).ok().flatten()?;
        let result = f(&self.enter(&lock));
        drop(lock);
        self.settle_departures();
        Some(result)
    }

    /// The tables, after doing what others left to the next holder of the lock.
    fn enter<'a>(&'a self, _lock: &'a Lock) -> Locked<'a> {
        making::finish_interrupted(self);
        let locked = Locked { member: self };
        // What cannot be determined now is left to the next time.
        let _ = locked.sweep_departed(locked.departed());
        locked
    }

    fn is_under(&self, key: ipc_core::Key) -> bool {
        self.segment.stat().is_ok_and(|stat| stat.permissions().key() == key)
    }
}

/// Proof that the domain's lock is held.
pub(crate) struct Locked<'a> {
    member: &'a Member,
}

impl Drop for Member {
    fn drop(&mut self) {
        if self.is_ours() && self.me.is_some() {
            join::leave(self);
        }
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.member, f)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain").field("name", &self.name).field("me", &self.me).finish_non_exhaustive()
    }
}
