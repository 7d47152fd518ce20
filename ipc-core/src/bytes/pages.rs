//! The pages under the shared bytes: faulting them in, and keeping them in memory.

use nix::libc;

use super::SharedBytes;
use crate::error::{Error, ErrorKind, Result};
use crate::limit::Limit;
use crate::sys;

impl SharedBytes {
    /// `madvise(MADV_POPULATE_WRITE)` (`MADV_POPULATE_READ` when read-only)—makes the kernel supply all pages
    /// now, so that no later access takes a page fault. Changes no byte, so it may be called while other
    /// processes use the memory.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`] (ENOMEM, EFAULT): not enough memory, or huge pages;
    /// [`ErrorKind::Unsupported`] (EINVAL): a kernel before 5.14.
    ///
    /// # Blocking
    /// Until all pages are there: a gibibyte of normal pages took most of a second on the machine where it
    /// was measured.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, limits::SharedMemoryUsage, list, shm};
    /// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 1 << 20, &shm::Options::default())?);
    /// let attached = memory.attach()?;
    /// attached.prefault()?;
    /// let line = list::proc::segments()?.into_iter().find(|line| line.id == memory.id()).unwrap();
    /// assert_eq!(line.resident_bytes, Some(1 << 20));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// madvise(2)
    #[doc(alias = "MADV_POPULATE_WRITE")]
    pub fn prefault(&self) -> Result<()> {
        sys::populate(self, !self.read_only).map_err(|errno| {
            let kind = match errno.0 {
                libc::ENOMEM | libc::EFAULT => ErrorKind::OutOfMemory,
                libc::EINVAL | libc::ENOSYS => ErrorKind::Unsupported,
                _ => ErrorKind::Other,
            };
            Error::os("madvise", format!("{} bytes, MADV_POPULATE", self.len), errno, kind)
        })
    }

    /// `madvise(MADV_DONTDUMP)`, or `MADV_DODUMP` again—whether a core dump of this process includes the
    /// memory. By default it does: a process with a gibibyte of shared memory takes seconds to die of an
    /// abort, and other processes see its death only then.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] (EINVAL): the kernel does not support it.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?);
    /// memory.attach()?.set_dumped(false)?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// madvise(2)
    #[doc(alias = "MADV_DONTDUMP")]
    pub fn set_dumped(&self, dumped: bool) -> Result<()> {
        sys::advise_dump(self, dumped).map_err(|errno| {
            let kind = if errno.0 == libc::EINVAL { ErrorKind::Unsupported } else { ErrorKind::Other };
            Error::os("madvise", format!("{} bytes, dumped: {dumped}", self.len), errno, kind)
        })
    }

    /// `mlock`—supplies all pages now and keeps them in memory for as long as this process has them mapped.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] of `LockedBytes` (ENOMEM, EAGAIN, EPERM).
    ///
    /// # Blocking
    /// As [`prefault`](Self::prefault).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?);
    /// if let Err(error) = memory.attach()?.lock_in_memory() {
    ///     println!("{error}"); // says the limit and how to raise it
    /// }
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// mlock(2)
    #[doc(alias = "mlock")]
    pub fn lock_in_memory(&self) -> Result<()> {
        sys::mlock(self).map_err(|errno| {
            let kind = match errno.0 {
                libc::ENOMEM | libc::EAGAIN | libc::EPERM => ErrorKind::LimitReached(Limit::LockedBytes),
                _ => ErrorKind::Other,
            };
            Error::os("mlock", format!("{} bytes", self.len), errno, kind)
        })
    }
}
