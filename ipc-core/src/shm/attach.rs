//! A segment mapped into this process.
//!
//! # Safety
//! `unsafe` is allowed here. An [`Attachment`] is the only owner of the mapping that its `shmat` made, and
//! exposes the address only together with a borrow of itself or as a raw pointer; it is unmapped once, by
//! `detach` or by drop.
#![allow(unsafe_code)]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;

use nix::libc;

use super::{ShmId, Stat, failure};
use crate::bytes::SharedBytes;
use crate::error::Result;
use crate::process::ProcessMark;
use crate::sys::{self, Errno};

/// A segment attached to this process; detached on drop. Access is through [`SharedBytes`].
///
/// The segment stays while any process has it attached, also after its removal. A child made by `fork` has
/// the same mapping; dropping the value there detaches the child only. `exec` and exit detach.
///
/// ```
/// use ipc_core::{Key, shm};
/// use std::sync::atomic::Ordering;
///
/// let memory = shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?;
/// let writer = memory.attach()?;
/// let reader = memory.attach_read_only()?;
/// memory.remove()?;
/// writer.atomic_u64(0).unwrap().store(5, Ordering::Release);
/// assert_eq!(reader.load_u64(0, Ordering::Acquire), Some(5));
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub struct Attachment {
    bytes: SharedBytes,
    id: ShmId,
    /// The only process that has the memory, if children made by `fork` shall not have it.
    only: Option<ProcessMark>,
}

impl Attachment {
    /// Maps the segment at an address chosen by the kernel, and reads its size. While it is attached the size
    /// cannot change and the identifier cannot be reused.
    pub(super) fn new(id: ShmId, read_only: bool) -> Result<Attachment> {
        let (flags, text) = if read_only { (libc::SHM_RDONLY, "SHM_RDONLY") } else { (0, "") };
        // EINTR occurs only with a fatal signal, which the process does not survive.
        let base =
            sys::shmat(id.as_raw(), flags).map_err(|errno| failure::on_id("shmat", id, text, errno))?;
        // Unmaps also when IPC_STAT fails.
        // SAFETY: a length of zero promises nothing about the memory.
        let bytes = unsafe { SharedBytes::new(base, 0, read_only) };
        let mut attached = Attachment { bytes, id, only: None };
        let stat =
            sys::shm_stat(id.as_raw()).map_err(|errno| failure::on_id("shmctl", id, "IPC_STAT", errno))?;
        // SAFETY: the mapping has the size of the segment, rounded up, and lives as long as `attached`, which
        // owns it.
        attached.bytes = unsafe { SharedBytes::new(base, Stat::from_raw(&stat).size(), read_only) };
        Ok(attached)
    }

    /// The identifier of the attached segment.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// assert_eq!(memory.attach()?.id(), memory.id());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> ShmId {
        self.id
    }

    /// `madvise(MADV_DONTFORK)`—children made by `fork` from now on do not have the memory, and so do not
    /// keep the segment alive after this process. By default they have it.
    ///
    /// # Errors
    /// [`ErrorKind::Other`](crate::ErrorKind::Other): the kernel refused.
    ///
    /// # Safety
    /// In such a child nothing may be read or written through this value, or through anything derived from
    /// it: the address is unmapped, or maps something else. Dropping the value there is allowed, and does
    /// nothing.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let mut attached = memory.attach()?;
    /// // SAFETY: this process makes no children.
    /// unsafe { attached.keep_from_children() }?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// madvise(2)
    #[doc(alias = "MADV_DONTFORK")]
    pub unsafe fn keep_from_children(&mut self) -> Result<()> {
        // SAFETY: the caller answers for children.
        unsafe { sys::advise_no_fork(&self.bytes) }
            .map_err(|errno| failure::on_id("madvise", self.id, "MADV_DONTFORK", errno))?;
        self.only = Some(ProcessMark::current());
        Ok(())
    }

    /// `int shmdt(const void *shmaddr)`—detaches now and reports an error, which drop cannot.
    ///
    /// # Errors
    /// [`ErrorKind::Removed`](crate::ErrorKind::Removed) (EINVAL) if other code of this process has unmapped
    /// the address.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// memory.attach()?.detach()?;
    /// assert_eq!(memory.stat()?.attachments(), 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmop(2)
    #[doc(alias = "shmdt")]
    pub fn detach(self) -> Result<()> {
        let this = ManuallyDrop::new(self);
        this.unmap().map_err(|errno| failure::on_id("shmdt", this.id, "", errno))
    }

    /// Called once, by `detach` or by drop.
    fn unmap(&self) -> core::result::Result<(), Errno> {
        if self.only.is_some_and(|process| !process.is_current()) {
            // The address does not belong to this value.
            return Ok(());
        }
        // SAFETY: the address came from shmat, is ours alone, and both callers take the value away, so no
        // borrow of it lives on.
        unsafe { sys::shmdt(self.bytes.base()) }
    }
}

impl Deref for Attachment {
    type Target = SharedBytes;

    #[inline]
    fn deref(&self) -> &SharedBytes {
        &self.bytes
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let _ = self.unmap();
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("id", &self.id).field("bytes", &self.bytes).finish()
    }
}
