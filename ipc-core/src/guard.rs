//! Removing an object when a scope ends.

use core::fmt;
use core::ops::Deref;

use crate::error::Result;
use crate::msg::MessageQueue;
use crate::process::ProcessMark;
use crate::sem::SemaphoreSet;
use crate::shm::SharedMemory;

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::msg::MessageQueue {}
    impl Sealed for crate::sem::SemaphoreSet {}
    impl Sealed for crate::shm::SharedMemory {}
}

/// The three kinds of System V objects, as far as they are removed alike. Implemented by this crate only.
///
/// ```
/// use ipc_core::{Key, Mode, Object, msg};
///
/// fn throw_away(object: impl Object) -> ipc_core::Result<()> {
///     object.remove_object()
/// }
/// throw_away(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?)?;
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub trait Object: sealed::Sealed {
    /// Removes the object from the system, as its own `remove` does.
    ///
    /// # Errors
    /// As of the object's own `remove`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, Object, sem};
    /// sem::SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?.remove_object()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    fn remove_object(&self) -> Result<()>;
}

impl Object for MessageQueue {
    fn remove_object(&self) -> Result<()> {
        self.remove()
    }
}

impl Object for SemaphoreSet {
    fn remove_object(&self) -> Result<()> {
        self.remove()
    }
}

impl Object for SharedMemory {
    fn remove_object(&self) -> Result<()> {
        self.remove()
    }
}

/// Owns the duty to remove an object: removes it when dropped.
///
/// Handles themselves remove nothing, since a System V object is meant to outlive its users. This guard is for tests, for examples,
/// and for an object that makes no sense without the process that made it. A child made by `fork` inherits the guard's memory but not
/// the duty: its drop does nothing.
///
/// A process killed by SIGKILL runs no drops. For segments, remove early instead: [`SharedMemory::remove`] right after attaching.
///
/// ```
/// use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, msg};
///
/// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// let handle = *queue;
/// drop(queue);
/// assert_eq!(handle.stat().unwrap_err().kind(), ErrorKind::Removed);
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub struct RemoveOnDrop<T: Object> {
    object: T,
    process: Option<ProcessMark>,
}

impl<T: Object> RemoveOnDrop<T> {
    /// Takes the duty to remove `object`, for the calling process.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// assert_eq!(memory.stat()?.size(), 64);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use = "dropping the guard removes the object"]
    pub fn new(object: T) -> RemoveOnDrop<T> {
        RemoveOnDrop { object, process: Some(ProcessMark::current()) }
    }

    /// Gives up the duty: the object stays.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let memory = memory.keep();
    /// memory.remove()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self) -> T
    where
        T: Copy,
    {
        self.process = None;
        self.object
    }
}

impl<T: Object> Deref for RemoveOnDrop<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: Object> Drop for RemoveOnDrop<T> {
    fn drop(&mut self) {
        if self.process.is_some_and(ProcessMark::is_current) {
            // Removed by somebody else already, or no longer ours: nothing a drop could do about it.
            let _ = self.object.remove_object();
        }
    }
}

impl<T: Object + fmt::Debug> fmt::Debug for RemoveOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoveOnDrop").field(&self.object).finish()
    }
}
