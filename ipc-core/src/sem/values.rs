//! Reading and resetting the values of a set, and counting its waiters. Not for hot paths: these calls lock
//! the whole set.

use super::{SemaphoreSet, failure};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::{self, Errno, Raw};

impl SemaphoreSet {
    fn one<T>(self, index: u16, command: &str, call: impl FnOnce(i32, i32) -> Raw<T>) -> Result<T> {
        call(self.id().as_raw(), i32::from(index))
            .map_err(|errno: Errno| failure::on_index(self.id(), index, command, errno))
    }

    /// `semctl(GETVAL)`—the value of one semaphore. A snapshot.
    ///
    /// Not for finding out whether a lock is free or a process is alive: it locks the whole set and slows the
    /// next operations on it. For the latter use [`liveness::is_alive`](crate::liveness::is_alive).
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchSemaphore`] (EINVAL), [`ErrorKind::PermissionDenied`] (EACCES) without the right to
    /// read, [`ErrorKind::Removed`] (EINVAL, EIDRM).
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert_eq!(set.value(1)?, 0);
    /// assert_eq!(set.value(2).unwrap_err().kind(), ErrorKind::NoSuchSemaphore);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "GETVAL")]
    pub fn value(self, index: u16) -> Result<u16> {
        self.one(index, "GETVAL", sys::sem_value).map(|value| value as u16)
    }

    /// `semctl(GETALL)`—the values of all semaphores at one moment.
    ///
    /// # Errors
    /// As of [`stat`](Self::stat); [`ErrorKind::Removed`] (EFAULT, EIDRM) also when the set was removed
    /// during the call and its identifier reused for one with another number of semaphores;
    /// [`ErrorKind::OutOfMemory`] (ENOMEM).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert_eq!(set.values()?, [0, 0]);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "GETALL")]
    pub fn values(self) -> Result<Vec<u16>> {
        let count = self.stat()?.count();
        sys::sem_values(self.id().as_raw(), count).map_err(|errno| failure::all(self.id(), "GETALL", errno))
    }

    /// `semctl(SETVAL)`—sets one semaphore.
    ///
    /// **A reset, for use when no process holds anything**: it erases the undo records of all processes for
    /// this semaphore, so that the death of a holder no longer corrects anything. Does not count as an
    /// operation for [`Stat::operated_at`](super::Stat::operated_at).
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] (ERANGE) above 32767, [`ErrorKind::NoSuchSemaphore`] (EINVAL),
    /// [`ErrorKind::PermissionDenied`] (EACCES) without the right to alter, [`ErrorKind::Removed`] (EINVAL,
    /// EIDRM).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// set.set_value(1, 9)?;
    /// assert_eq!(set.values()?, [0, 9]);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "SETVAL")]
    pub fn set_value(self, index: u16, value: u16) -> Result<()> {
        self.one(index, &format!("SETVAL, {value}"), |id, index| {
            sys::sem_set_value(id, index, i32::from(value))
        })
    }

    /// `semctl(SETALL)`—sets all semaphores at one moment. A reset as [`set_value`](Self::set_value) is.
    ///
    /// # Errors
    /// [`ErrorKind::SizeMismatch`] unless there is one value for each semaphore; [`ErrorKind::OutOfRange`]
    /// (ERANGE) above 32767; [`ErrorKind::PermissionDenied`] (EACCES); [`ErrorKind::Removed`] (EINVAL, EIDRM;
    /// EFAULT: the identifier was given to a larger set during the call, and nothing was set);
    /// [`ErrorKind::OutOfMemory`] (ENOMEM).
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// set.set_values(&[1, 2])?;
    /// assert_eq!(set.values()?, [1, 2]);
    /// assert_eq!(set.set_values(&[1]).unwrap_err().kind(), ErrorKind::SizeMismatch);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "SETALL")]
    pub fn set_values(self, values: &[u16]) -> Result<()> {
        let count = self.stat()?.count();
        if values.len() != count {
            let hint = format!("the set has {count} semaphores");
            let arguments = format!("id={}, SETALL, {} values", self.id(), values.len());
            return Err(Error::refused("semctl", arguments, ErrorKind::SizeMismatch, hint));
        }
        sys::sem_set_values(self.id().as_raw(), values)
            .map_err(|errno| failure::all(self.id(), &format!("SETALL, {count} values"), errno))
    }

    /// `semctl(GETPID)`—the process that last changed the semaphore, also by a reset or by the kernel's undo
    /// at its end, so it may be gone. `None`: none yet, or not visible from the caller's PID namespace.
    ///
    /// # Errors
    /// As of [`value`](Self::value).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert_eq!(set.last_pid(0)?, None);
    /// set.post(0)?;
    /// assert_eq!(set.last_pid(0)?, Some(std::process::id()));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "GETPID")]
    pub fn last_pid(self, index: u16) -> Result<Option<u32>> {
        let pid = self.one(index, "GETPID", sys::sem_last_pid)?;
        Ok(u32::try_from(pid).ok().filter(|&pid| pid != 0))
    }

    /// `semctl(GETNCNT)`—the number of waiters for the semaphore to rise. A snapshot.
    ///
    /// # Errors
    /// As of [`value`](Self::value).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert_eq!(set.waiting_for_increase(0)?, 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "GETNCNT")]
    pub fn waiting_for_increase(self, index: u16) -> Result<usize> {
        self.one(index, "GETNCNT", sys::sem_waiting_for_increase).map(|count| count as usize)
    }

    /// `semctl(GETZCNT)`—the number of waiters for the semaphore to become zero. A snapshot.
    ///
    /// # Errors
    /// As of [`value`](Self::value).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert_eq!(set.waiting_for_zero(0)?, 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "GETZCNT")]
    pub fn waiting_for_zero(self, index: u16) -> Result<usize> {
        self.one(index, "GETZCNT", sys::sem_waiting_for_zero).map(|count| count as usize)
    }
}
