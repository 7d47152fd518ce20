//! The record the kernel keeps of a set.

use std::time::SystemTime;

use crate::permissions::Permissions;
use crate::sys::SemidDs;
use crate::time::stamp;

/// The kernel's record of a set (`struct semid_ds`), as it was at the moment of the call.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, sem};
///
/// let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
/// let stat = set.stat()?;
/// assert_eq!(stat.count(), 2);
/// assert_eq!(stat.operated_at(), None);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "semid_ds")]
pub struct Stat {
    permissions: Permissions,
    operated_at: i64,
    changed_at: i64,
    count: usize,
}

impl Stat {
    pub(crate) fn from_raw(raw: &SemidDs) -> Stat {
        Stat {
            permissions: Permissions::from_raw(&raw.sem_perm),
            operated_at: raw.sem_otime,
            changed_at: raw.sem_ctime,
            count: raw.sem_nsems as usize,
        }
    }

    /// Key, owner, creator and mode.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert_eq!(set.stat()?.permissions().mode(), Mode::PRIVATE);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// Number of semaphores in the set.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert_eq!(set.stat()?.count(), 2);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "sem_nsems")]
    pub fn count(&self) -> usize {
        self.count
    }

    /// When an operation was last done on the set, in whole seconds; `None`: never. Setting values does not
    /// count.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// set.set_value(0, 1)?;
    /// assert!(set.stat()?.operated_at().is_none());
    /// set.wait(0)?;
    /// assert!(set.stat()?.operated_at().is_some());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "sem_otime")]
    pub fn operated_at(&self) -> Option<SystemTime> {
        stamp(self.operated_at)
    }

    /// When the set was created, its owner or mode changed, or values were set, in whole seconds.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// assert!(set.stat()?.changed_at().is_some());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "sem_ctime")]
    pub fn changed_at(&self) -> Option<SystemTime> {
        stamp(self.changed_at)
    }
}
