//! The record the kernel keeps of a segment.

use std::time::SystemTime;

use crate::permissions::Permissions;
use crate::sys::{ShmidDs, shm_flags};
use crate::time::stamp;

/// The kernel's record of a segment (`struct shmid_ds`), as it was at the moment of the call.
///
/// ```
/// use ipc_core::{Key, RemoveOnDrop, shm};
///
/// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
/// let stat = memory.stat()?;
/// assert_eq!((stat.size(), stat.attachments()), (100, 0));
/// assert_eq!(stat.creator_pid(), Some(std::process::id()));
/// assert_eq!(stat.attached_at(), None);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "shmid_ds")]
pub struct Stat {
    permissions: Permissions,
    flags: u32,
    size: usize,
    attached_at: i64,
    detached_at: i64,
    changed_at: i64,
    creator_pid: i32,
    last_pid: i32,
    attachments: u64,
}

impl Stat {
    pub(crate) fn from_raw(raw: &ShmidDs) -> Stat {
        Stat {
            permissions: Permissions::from_raw(&raw.shm_perm),
            flags: raw.shm_perm.mode,
            size: raw.shm_segsz,
            attached_at: raw.shm_atime,
            detached_at: raw.shm_dtime,
            changed_at: raw.shm_ctime,
            creator_pid: raw.shm_cpid,
            last_pid: raw.shm_lpid,
            attachments: raw.shm_nattch,
        }
    }

    /// Key, owner, creator and mode.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// assert_eq!(memory.stat()?.permissions().mode(), Mode::PRIVATE);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// Size in bytes, exactly as requested at creation. The mapping is rounded up to whole pages.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// assert_eq!(memory.stat()?.size(), 100);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "shm_segsz")]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Number of **mappings**, not of processes: a process that attaches twice counts twice, so does every
    /// child of a fork, and an `mprotect` in the middle of a mapping splits it into three. Only zero or
    /// non-zero is meaningful.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// let (_first, _second) = (memory.attach()?, memory.attach()?);
    /// assert_eq!(memory.stat()?.attachments(), 2);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "shm_nattch")]
    pub fn attachments(&self) -> u64 {
        self.attachments
    }

    /// When a process last attached it, in whole seconds; `None`: never.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// let _attached = memory.attach()?;
    /// assert!(memory.stat()?.attached_at().is_some());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "shm_atime")]
    pub fn attached_at(&self) -> Option<SystemTime> {
        stamp(self.attached_at)
    }

    /// When a process last detached it, in whole seconds; `None`: never.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// memory.attach()?.detach()?;
    /// assert!(memory.stat()?.detached_at().is_some());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "shm_dtime")]
    pub fn detached_at(&self) -> Option<SystemTime> {
        stamp(self.detached_at)
    }

    /// When the segment was created or its owner or mode last changed, in whole seconds.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// assert!(memory.stat()?.changed_at().is_some());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "shm_ctime")]
    pub fn changed_at(&self) -> Option<SystemTime> {
        stamp(self.changed_at)
    }

    /// Process id of the creator; `None` when it lives in a PID namespace that the caller does not see. The
    /// process may be gone and its id reused.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// assert_eq!(memory.stat()?.creator_pid(), Some(std::process::id()));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "shm_cpid")]
    pub fn creator_pid(&self) -> Option<u32> {
        u32::try_from(self.creator_pid).ok().filter(|&pid| pid != 0)
    }

    /// Process id of the last attach or detach; `None`: none yet, or not visible from the caller's PID
    /// namespace.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// assert_eq!(memory.stat()?.last_pid(), None);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "shm_lpid")]
    pub fn last_pid(&self) -> Option<u32> {
        u32::try_from(self.last_pid).ok().filter(|&pid| pid != 0)
    }

    /// Whether the segment was removed and waits for its last detach.
    ///
    /// ```
    /// # use ipc_core::{Key, shm};
    /// let memory = shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?;
    /// let _attached = memory.attach()?;
    /// memory.remove()?;
    /// assert!(memory.stat()?.is_marked_for_removal());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "SHM_DEST")]
    pub fn is_marked_for_removal(&self) -> bool {
        self.flags & shm_flags::DEST != 0
    }

    /// Whether the segment is locked into memory.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// assert!(!memory.stat()?.is_locked());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "SHM_LOCKED")]
    pub fn is_locked(&self) -> bool {
        self.flags & shm_flags::LOCKED != 0
    }
}
