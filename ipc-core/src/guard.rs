//! Removing an object when a scope ends.

use core::fmt;
use core::ops::Deref;

use crate::evidence::Evidence;
use crate::object::Object;
use crate::process::ProcessMark;

/// Removes an object when dropped.
///
/// Handles themselves remove nothing, since a System V object is meant to outlive its users. This guard is
/// for tests, for examples, and for an object that is useless without the process that made it. A child made
/// by `fork` inherits the guard's memory but not the duty to remove: its drop does nothing. An object that
/// merely has the same identifier is not removed either: one of another IPC namespace, which the thread
/// entered by `unshare` or `setns`, or one created after ours was removed, as far as its [`Evidence`] shows.
///
/// A process killed by SIGKILL runs no drops. For segments, remove early instead:
/// [`SharedMemory::remove`](crate::shm::SharedMemory::remove) right after attaching.
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
    /// `None` when there is nothing to remove: the duty was given up, or the object was gone already.
    duty: Option<(ProcessMark, Evidence)>,
}

impl<T: Object> RemoveOnDrop<T> {
    /// Makes the calling process responsible for removing `object`.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// assert_eq!(memory.stat()?.size(), 64);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use = "dropping the guard removes the object"]
    pub fn new(object: T) -> RemoveOnDrop<T> {
        let duty = object.evidence().ok().map(|evidence| (ProcessMark::current(), evidence));
        RemoveOnDrop { object, duty }
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
        self.duty = None;
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
        let Some((process, evidence)) = self.duty else { return };
        // It may have been changed in the meantime, but not replaced.
        if process.is_current() && self.object.evidence().is_ok_and(|found| evidence.may_have_become(&found))
        {
            // Already removed by another process, or no longer ours: a drop can do nothing about it.
            let _ = self.object.remove_object();
        }
    }
}

impl<T: Object + fmt::Debug> fmt::Debug for RemoveOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoveOnDrop").field(&self.object).finish()
    }
}
