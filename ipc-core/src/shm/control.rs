//! `shmctl`: removing a segment, changing its owner, locking it into memory.

use super::{SharedMemory, failure};
use crate::change::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::permissions::Mode;
use crate::sys;

impl SharedMemory {
    /// `int shmctl(int shmid, IPC_RMID, NULL)`—removes the segment: at once if no process has it attached,
    /// else at the last detach.
    ///
    /// Attach first, then remove: the kernel frees the memory when the last user ends, for whatever reason.
    /// The key is free at once, so a new segment can get the same key while the old one is still in use.
    ///
    /// # Errors
    /// [`NotOwner`](crate::ErrorKind::NotOwner) (EPERM) unless creator, owner or privileged;
    /// [`Removed`](crate::ErrorKind::Removed) (EINVAL, EIDRM) when nothing is left. Repeating it while the
    /// segment is still attached is not an error.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, shm};
    /// let memory = shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?;
    /// memory.remove()?;
    /// assert_eq!(memory.remove().unwrap_err().kind(), ErrorKind::Removed);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmctl(2)
    #[doc(alias = "shmctl")]
    #[doc(alias = "IPC_RMID")]
    pub fn remove(self) -> Result<()> {
        sys::shm_remove(self.id().as_raw())
            .map_err(|errno| failure::on_id("shmctl", self.id(), "IPC_RMID", errno))
    }

    /// `shmctl(IPC_SET)`—gives the segment to another user and group. The creator keeps all its rights.
    ///
    /// # Errors
    /// [`NotOwner`](crate::ErrorKind::NotOwner) (EPERM) unless creator, owner or privileged;
    /// [`Invalid`](crate::ErrorKind::Invalid) (EINVAL): no such user or group in this user namespace; those
    /// of [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let found = memory.stat()?.permissions();
    /// memory.set_owner(found.uid(), found.gid())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmctl(2)
    #[doc(alias = "IPC_SET")]
    pub fn set_owner(self, uid: u32, gid: u32) -> Result<()> {
        self.change(Change::Owner { uid, gid })
    }

    /// `shmctl(IPC_SET)`—changes the permission bits. Existing attachments stay as they are.
    ///
    /// # Errors
    /// [`NotOwner`](crate::ErrorKind::NotOwner) (EPERM) unless creator, owner or privileged;
    /// [`Invalid`](crate::ErrorKind::Invalid): the owner or group that is kept has no number in this user
    /// namespace, and would be written back as another one; those of [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// memory.set_mode(Mode::PRIVATE.group_read())?;
    /// assert_eq!(memory.stat()?.permissions().mode().bits(), 0o640);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "IPC_SET")]
    pub fn set_mode(self, mode: Mode) -> Result<()> {
        self.change(Change::Mode(mode))
    }

    /// Makes `uid` the owner and leaves the group. With mode 0600 the segment is then for exactly two users:
    /// its creator and `uid`.
    ///
    /// # Errors
    /// As of [`set_owner`](Self::set_owner); [`Invalid`](crate::ErrorKind::Invalid): the owner or group that
    /// is kept has no number in this user namespace, and would be written back as another one.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// memory.grant(memory.stat()?.permissions().uid())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn grant(self, uid: u32) -> Result<()> {
        self.change(Change::User(uid))
    }

    fn change(self, change: Change) -> Result<()> {
        let mut raw = self.raw_stat()?;
        change.put_into(&mut raw.shm_perm).map_err(|hint| {
            Error::refused("shmctl", format!("id={}, {change}", self.id()), ErrorKind::Invalid, hint)
        })?;
        sys::shm_set(self.id().as_raw(), &raw).map_err(|errno| failure::set(self.id(), change, errno))
    }

    /// `shmctl(SHM_LOCK)`—keeps the pages out of swap once they are allocated. Does not touch pages; no
    /// effect on huge pages.
    ///
    /// # Errors
    /// [`LimitReached`](crate::ErrorKind::LimitReached) of `LockedBytes` (ENOMEM, or EPERM with a limit of
    /// 0); [`NotOwner`](crate::ErrorKind::NotOwner) (EPERM); [`Removed`](crate::ErrorKind::Removed) (EINVAL,
    /// EIDRM).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// match memory.lock() {
    ///     Ok(()) => assert!(memory.stat()?.is_locked()),
    ///     Err(error) => println!("{error}"), // says which limit, its value and how to raise it
    /// }
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmctl(2)
    #[doc(alias = "SHM_LOCK")]
    pub fn lock(self) -> Result<()> {
        sys::shm_lock(self.id().as_raw()).map_err(|errno| failure::lock(self.id(), errno))
    }

    /// `shmctl(SHM_UNLOCK)`—allows the pages to be swapped again.
    ///
    /// # Errors
    /// [`NotOwner`](crate::ErrorKind::NotOwner) (EPERM) unless creator, owner or privileged;
    /// [`Removed`](crate::ErrorKind::Removed) (EINVAL, EIDRM).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// # if memory.lock().is_ok() {
    /// memory.unlock()?;
    /// assert!(!memory.stat()?.is_locked());
    /// # }
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "SHM_UNLOCK")]
    pub fn unlock(self) -> Result<()> {
        sys::shm_unlock(self.id().as_raw())
            .map_err(|errno| failure::on_id("shmctl", self.id(), "SHM_UNLOCK", errno))
    }
}
