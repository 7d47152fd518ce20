//! The handle of a semaphore set.

use nix::libc;

use super::{Count, SemId, Stat, failure};
use crate::change::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::key::Key;
use crate::limit::Limit;
use crate::open::{self, Disposition};
use crate::permissions::Mode;
use crate::record;
use crate::sys;
use crate::trust::Trust;

/// The handle of a semaphore set: its identifier. Copying it copies the number; dropping it does nothing: the
/// set stays until it is removed.
///
/// A new set is all zero (on Linux; POSIX leaves it unspecified). **Make zero the correct initial state**, as
/// [`Mutex`](super::Mutex) does: a set that its creator must initialise first can be used by other processes
/// before that.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, Trust, sem};
///
/// let key = Key::random()?;
/// let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(key, 3, Mode::PRIVATE)?);
/// let other = sem::SemaphoreSet::open(key, sem::Count::Exact(3), &Trust::same_user())?;
/// other.post(2)?;
/// assert_eq!(set.values()?, [0, 0, 1]);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SemaphoreSet {
    id: SemId,
}

impl SemaphoreSet {
    /// `int semget(key_t key, int nsems, int semflg)` with `IPC_CREAT | IPC_EXCL`—creates a set of `count`
    /// semaphores, all zero.
    ///
    /// # Errors
    /// - [`ErrorKind::AlreadyExists`] (EEXIST): the key is taken.
    /// - [`ErrorKind::Invalid`]: no semaphores.
    /// - [`ErrorKind::LimitReached`]: `SemaphoresPerSet` (EINVAL), `SemaphoreSets` or `Semaphores` (ENOSPC).
    /// - [`ErrorKind::OutOfMemory`] (ENOMEM).
    /// - [`ErrorKind::Unsupported`] (ENOSYS, EPERM): no System V IPC here.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// let error = SemaphoreSet::create_new(Key::PRIVATE, 0, Mode::PRIVATE).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Invalid);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// semget(2)
    #[doc(alias = "semget")]
    pub fn create_new(key: Key, count: usize, mode: Mode) -> Result<SemaphoreSet> {
        let arguments = || format!("key={key}, count={count} semaphores, mode={mode}");
        if count == 0 {
            let hint = "a set has at least 1 semaphore".to_owned();
            return Err(Error::refused("semget", arguments(), ErrorKind::Invalid, hint));
        }
        let Ok(nsems) = i32::try_from(count) else {
            let kind = ErrorKind::LimitReached(Limit::SemaphoresPerSet);
            return Err(Error::refused("semget", arguments(), kind, Limit::SemaphoresPerSet.explain()));
        };
        let flags = libc::IPC_CREAT | libc::IPC_EXCL | i32::from(mode.bits());
        sys::semget(key.as_raw(), nsems, flags)
            .map(|id| SemaphoreSet { id: SemId::from_raw(id) })
            .map_err(|errno| failure::create(key, count, mode, errno))
    }

    /// `int semget(key_t key, 0, 0600)`—opens the set of this key for reading and altering, and checks who
    /// owns it and the number of its semaphores.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`] (ENOENT): no such key.
    /// - [`ErrorKind::PermissionDenied`] (EACCES): its mode denies access; another program may have taken the
    ///   key. Never delete and retry.
    /// - [`ErrorKind::Untrusted`]: creator, owner or mode is outside the policy.
    /// - [`ErrorKind::SizeMismatch`]: the text has both counts.
    /// - [`ErrorKind::Removed`]: it vanished between the two calls.
    /// - [`ErrorKind::Invalid`]: [`Key::PRIVATE`] names no object that could be opened.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, Trust, sem::{Count, SemaphoreSet}};
    /// let key = Key::random()?;
    /// let set = RemoveOnDrop::new(SemaphoreSet::create_new(key, 2, Mode::PRIVATE)?);
    /// let error = SemaphoreSet::open(key, Count::Exact(3), &Trust::same_user()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::SizeMismatch);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// semget(2)
    #[doc(alias = "semget")]
    pub fn open(key: Key, count: Count, trust: &Trust) -> Result<SemaphoreSet> {
        SemaphoreSet::open_with(key, Mode::PRIVATE, count, trust)
    }

    /// As [`open`](Self::open), asking for the right to read only: for reading values and waiting for zero,
    /// as [`liveness`](crate::liveness) does.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, sem::{Count, SemaphoreSet}};
    /// let (key, mode) = (Key::random()?, Mode::new(0o400).unwrap());
    /// let set = RemoveOnDrop::new(SemaphoreSet::create_new(key, 2, mode)?);
    /// assert_eq!(SemaphoreSet::open_read_only(key, Count::Any, &Trust::same_user())?.values()?, [0, 0]);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn open_read_only(key: Key, count: Count, trust: &Trust) -> Result<SemaphoreSet> {
        SemaphoreSet::open_with(key, Mode::READ, count, trust)
    }

    /// As [`open`](Self::open), asking for the right to write (alter) only: for adding and taking.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, sem::{Count, SemaphoreSet}};
    /// let (key, mode) = (Key::random()?, Mode::new(0o200).unwrap());
    /// let set = RemoveOnDrop::new(SemaphoreSet::create_new(key, 2, mode)?);
    /// SemaphoreSet::open_write_only(key, Count::Exact(2), &Trust::same_user())?.post(1)?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn open_write_only(key: Key, count: Count, trust: &Trust) -> Result<SemaphoreSet> {
        SemaphoreSet::open_with(key, Mode::WRITE, count, trust)
    }

    /// As [`open`](Self::open), asking for no right: for the record, and for changing and removing the set,
    /// which need none in the mode.
    ///
    /// # Errors
    /// As of [`open`](Self::open), but never `PermissionDenied`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, Trust, sem::{Count, SemaphoreSet}};
    /// let key = Key::random()?;
    /// SemaphoreSet::create_new(key, 2, Mode::new(0).unwrap())?;
    /// SemaphoreSet::find(key, Count::Any, &Trust::same_user())?.remove()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn find(key: Key, count: Count, trust: &Trust) -> Result<SemaphoreSet> {
        SemaphoreSet::open_with(key, Mode::NONE, count, trust)
    }

    fn open_with(key: Key, rights: Mode, count: Count, trust: &Trust) -> Result<SemaphoreSet> {
        if key == Key::PRIVATE {
            let hint = "IPC_PRIVATE always creates; hand over the identifier instead".to_owned();
            return Err(Error::refused("semget", format!("key={key}"), ErrorKind::Invalid, hint));
        }
        // Count 0: a count above the set's would be EINVAL before any permission is checked.
        let id = sys::semget(key.as_raw(), 0, i32::from(rights.bits()))
            .map_err(|errno| failure::open(key, rights, errno))?;
        let set = SemaphoreSet::from_id(SemId::from_raw(id));
        set.verify(count, trust)?;
        Ok(set)
    }

    /// Creates the set, or opens the existing one, and reports which. Retries, at most a hundred times, if
    /// the set appears and disappears in between.
    ///
    /// An existing set must have exactly `count` semaphores. It is opened for the rights that `mode` gives
    /// its owner, and may have that mode in addition to those the policy allows.
    ///
    /// # Errors
    /// As of [`create_new`](Self::create_new) and [`open`](Self::open).
    ///
    /// ```
    /// # use ipc_core::{Disposition, Key, Mode, RemoveOnDrop, Trust, sem::SemaphoreSet};
    /// let (set, how) = SemaphoreSet::open_or_create(Key::random()?, 1, Mode::PRIVATE, &Trust::same_user())?;
    /// let set = RemoveOnDrop::new(set);
    /// assert_eq!(how, Disposition::Created);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn open_or_create(
        key: Key,
        count: usize,
        mode: Mode,
        trust: &Trust,
    ) -> Result<(SemaphoreSet, Disposition)> {
        open::open_or_create(
            || SemaphoreSet::create_new(key, count, mode),
            || SemaphoreSet::open_with(key, mode.of_owner(), Count::Exact(count), &trust.with_mode(mode)),
        )
    }

    /// The handle of a set whose identifier came from another process. Checks nothing: use
    /// [`verify`](Self::verify), or [`Verified`](crate::Verified) for an identifier that was stored for a
    /// long time.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, sem::{Count, SemId, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// let told = set.id().as_raw();
    /// SemaphoreSet::from_id(SemId::from_raw(told)).verify(Count::Exact(2), &Trust::same_user())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn from_id(id: SemId) -> SemaphoreSet {
        SemaphoreSet { id }
    }

    /// The identifier.
    ///
    /// ```
    /// # use ipc_core::sem::{SemId, SemaphoreSet};
    /// assert_eq!(SemaphoreSet::from_id(SemId::from_raw(5)).id().as_raw(), 5);
    /// ```
    #[inline]
    #[must_use]
    pub const fn id(self) -> SemId {
        self.id
    }

    /// `semctl(IPC_STAT)`—the kernel's record of the set. Without the right to read, it is read by
    /// `SEM_STAT_ANY`, which needs no right.
    ///
    /// # Errors
    /// [`ErrorKind::Removed`] (EINVAL, EIDRM); [`ErrorKind::PermissionDenied`] (EACCES) without the right to
    /// read on kernels before 4.17.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert_eq!(set.stat()?.count(), 2);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// semctl(2)
    #[doc(alias = "semctl")]
    pub fn stat(self) -> Result<Stat> {
        self.raw_stat().map(|raw| Stat::from_raw(&raw))
    }

    fn raw_stat(self) -> Result<sys::SemidDs> {
        record::of(self.id.as_raw(), sys::sem_stat, sys::sem_stat_slot)
            .map_err(|errno| failure::on_id(self.id, "IPC_STAT", errno))
    }

    /// Checks count, creator, owner and mode. Opening by key does this; call it yourself after
    /// [`from_id`](Self::from_id).
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`], [`ErrorKind::SizeMismatch`], and those of [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, sem::{Count, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert!(set.verify(Count::AtLeast(2), &Trust::same_user()).is_ok());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn verify(self, count: Count, trust: &Trust) -> Result<Stat> {
        let stat = self.stat()?;
        trust.check(&stat.permissions())?;
        if count.allows(stat.count()) {
            return Ok(stat);
        }
        let hint = format!("the set has {} semaphores, asked for was {count}", stat.count());
        Err(Error::refused("semctl", format!("id={}, IPC_STAT", self.id), ErrorKind::SizeMismatch, hint))
    }

    /// `semctl(IPC_RMID)`—removes the set at once, and wakes every waiter on it with [`ErrorKind::Removed`].
    ///
    /// # Errors
    /// [`ErrorKind::NotOwner`] (EPERM) unless creator, owner or privileged; [`ErrorKind::Removed`] (EINVAL,
    /// EIDRM).
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, sem::SemaphoreSet};
    /// let set = SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?;
    /// set.remove()?;
    /// assert_eq!(set.post(0).unwrap_err().kind(), ErrorKind::Removed);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// semctl(2)
    #[doc(alias = "IPC_RMID")]
    pub fn remove(self) -> Result<()> {
        sys::sem_remove(self.id.as_raw()).map_err(|errno| failure::on_id(self.id, "IPC_RMID", errno))
    }

    /// `semctl(IPC_SET)`—gives the set to another user and group. The creator keeps all its rights.
    ///
    /// # Errors
    /// [`ErrorKind::NotOwner`] (EPERM) unless creator, owner or privileged; [`ErrorKind::Invalid`] (EINVAL):
    /// no such user or group in this user namespace; those of [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// let found = set.stat()?.permissions();
    /// set.set_owner(found.uid(), found.gid())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "IPC_SET")]
    pub fn set_owner(self, uid: u32, gid: u32) -> Result<()> {
        self.change(Change::Owner { uid, gid })
    }

    /// `semctl(IPC_SET)`—changes the permission bits.
    ///
    /// # Errors
    /// [`ErrorKind::NotOwner`] (EPERM) unless creator, owner or privileged; [`ErrorKind::Invalid`]: the owner
    /// or group that stays has no number in this user namespace, and would be written back as another one;
    /// those of [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// set.set_mode(Mode::PRIVATE.group_read())?;
    /// assert_eq!(set.stat()?.permissions().mode().bits(), 0o640);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "IPC_SET")]
    pub fn set_mode(self, mode: Mode) -> Result<()> {
        self.change(Change::Mode(mode))
    }

    /// Makes `uid` the owner and leaves the group. With mode 0600 the set is then for exactly two users: its
    /// creator and `uid`.
    ///
    /// # Errors
    /// As of [`set_owner`](Self::set_owner); [`ErrorKind::Invalid`]: the owner or group that is kept has no
    /// number in this user namespace, and would be written back as another one.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// set.grant(set.stat()?.permissions().uid())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn grant(self, uid: u32) -> Result<()> {
        self.change(Change::User(uid))
    }

    fn change(self, change: Change) -> Result<()> {
        let mut raw = self.raw_stat()?;
        change.put_into(&mut raw.sem_perm).map_err(|hint| {
            Error::refused("semctl", format!("id={}, {change}", self.id), ErrorKind::Invalid, hint)
        })?;
        sys::sem_set(self.id.as_raw(), &raw).map_err(|errno| failure::set(self.id, change, errno))
    }
}
