//! A lock between processes that the kernel releases when its holder dies.

use core::mem::ManuallyDrop;
use std::time::Instant;

use super::{Op, SemaphoreSet, lower};
use crate::error::Result;
use crate::process::ProcessMark;

/// A lock between processes on one semaphore: zero means free, one means held.
///
/// A new set is all zero, so nothing has to be initialised and no process can be too early. Locking waits for
/// zero and adds one in the same call, with undo: the kernel releases the lock when its holder dies, also by
/// SIGKILL. The data that the holder was changing may then be half changed; the next holder is not notified.
///
/// Not for hot paths: a call with two operations locks the whole set in the kernel for a while. The lock
/// belongs to the process, so two threads of one process exclude each other, but a thread that ends without
/// unlocking keeps it.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Mutex, SemaphoreSet}};
///
/// let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
/// let mutex = Mutex::new(*set, 0);
/// let guard = mutex.lock()?;
/// assert!(mutex.try_lock()?.is_none());
/// drop(guard);
/// assert!(mutex.try_lock()?.is_some());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mutex {
    set: SemaphoreSet,
    index: u16,
}

impl Mutex {
    /// The lock on semaphore `index` of a set. Makes no system call.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Mutex, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// let mutex = Mutex::new(*set, 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn new(set: SemaphoreSet, index: u16) -> Mutex {
        Mutex { set, index }
    }

    const fn operations(self) -> [Op; 2] {
        [Op::wait_zero(self.index), Op::add(self.index, 1).undo()]
    }

    fn held(self) -> MutexGuard {
        MutexGuard { mutex: self, process: ProcessMark::current() }
    }

    /// Locks, waiting without limit. Locking twice in one process waits for ever.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Mutex, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// let guard = Mutex::new(*set, 0).lock()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn lock(self) -> Result<MutexGuard> {
        self.set.perform(&self.operations())?;
        Ok(self.held())
    }

    /// As [`lock`](Self::lock), but returns [`Interrupted`](crate::ErrorKind::Interrupted) when a signal
    /// handler ran.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform_interruptible`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Mutex, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// let guard = Mutex::new(*set, 0).lock_interruptible()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn lock_interruptible(self) -> Result<MutexGuard> {
        self.set.perform_interruptible(&self.operations())?;
        Ok(self.held())
    }

    /// Locks if it is free now.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::try_perform`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Mutex, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(Mutex::new(*set, 0).try_lock()?.is_some());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn try_lock(self) -> Result<Option<MutexGuard>> {
        Ok(self.set.try_perform(&self.operations())?.then(|| self.held()))
    }

    /// Locks, waiting until the deadline; `None` when it passed.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform_deadline`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Mutex, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// let mutex = Mutex::new(*set, 0);
    /// let guard = mutex.lock()?;
    /// assert!(mutex.lock_deadline(std::time::Instant::now())?.is_none());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn lock_deadline(self, deadline: Instant) -> Result<Option<MutexGuard>> {
        Ok(self.set.perform_deadline(&self.operations(), deadline)?.then(|| self.held()))
    }
}

/// A held [`Mutex`]; unlocks on drop, in the process that locked it. In a child made by `fork` drop does
/// nothing: the lock is the parent's.
///
/// ```
/// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Mutex, MutexGuard, SemaphoreSet}};
/// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
/// let guard: MutexGuard = Mutex::new(*set, 0).lock()?;
/// guard.unlock()?;
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping the guard unlocks"]
pub struct MutexGuard {
    mutex: Mutex,
    process: ProcessMark,
}

impl MutexGuard {
    /// Unlocks now, and reports an error, which drop cannot.
    ///
    /// # Errors
    /// [`NotHeld`](crate::ErrorKind::NotHeld) when the kernel has no record that this process holds it, or in
    /// a child made by `fork`: nothing is changed then. This happens after `unshare` of CLONE_SYSVSEM or
    /// CLONE_NEWIPC, after a reset of the semaphore, and when its set was replaced by another one. Otherwise
    /// as of [`SemaphoreSet::perform`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Mutex, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// Mutex::new(*set, 0).lock()?.unlock()?;
    /// assert_eq!(set.value(0)?, 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn unlock(self) -> Result<()> {
        ManuallyDrop::new(self).open()
    }

    fn open(&self) -> Result<()> {
        lower(self.mutex.set, self.mutex.index, self.process)
    }
}

impl Drop for MutexGuard {
    fn drop(&mut self) {
        // The set may be gone, or the lock lost.
        let _ = self.open();
    }
}
