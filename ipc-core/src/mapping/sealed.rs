//! Anonymous memory behind a descriptor, whose size cannot be changed.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::statfs::{HUGETLBFS_MAGIC, fstatfs};

use super::Mapping;
use crate::error::{Error, ErrorKind, Result};
use crate::shm::Size;

/// Memory behind a descriptor, sealed by the kernel against any change of size (`memfd_create`).
///
/// Creation seals it; [`receive`](Self::receive) rejects memory that is not sealed, and memory of huge pages.
/// So no other process can make an access to the mapping raise SIGBUS, neither by changing the size nor by
/// punching a hole, which ordinary memory fills with a new page of zeros. One case remains, a kernel out of
/// pages: under the strict overcommit rule (`vm.overcommit_memory=2`) the first touch of a page may raise
/// SIGBUS. [`prefault`](crate::SharedBytes::prefault) reports that as an error.
///
/// ```
/// use ipc_core::mapping::SealedMemory;
///
/// let memory = SealedMemory::create("table", 8192)?;
/// assert_eq!(memory.size(), 8192);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "memfd_create")]
pub struct SealedMemory {
    file: File,
    size: usize,
    seals: SealFlag,
}

/// The size can neither shrink nor grow, and no seal can be added.
const FIXED_SIZE: SealFlag = SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW);

impl SealedMemory {
    /// `memfd_create`, `ftruncate`, `fcntl(F_ADD_SEALS)`—new memory of `size` bytes, all zero, writable by
    /// every process that has the descriptor.
    ///
    /// The name appears in `/proc/<pid>/maps` and has no other meaning. The descriptor is closed on `exec`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: size 0, or a name of more than 249 bytes or with a zero in it (EINVAL); [`ErrorKind::OutOfMemory`] (ENOMEM); [`ErrorKind::Other`] (EMFILE, ENFILE):
    /// too many descriptors.
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// let mapped = SealedMemory::create("table", 4096)?.map()?;
    /// assert_eq!(mapped.len(), 4096);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// memfd_create(2), fcntl(2)
    pub fn create(name: &str, size: usize) -> Result<SealedMemory> {
        SealedMemory::unsealed(name, size)?.seal(FIXED_SIZE | SealFlag::F_SEAL_SEAL)
    }

    /// New memory that only its creator can write: it comes with the creator's mapping, then the kernel seals
    /// the memory against further writable mappings and writes (`F_SEAL_FUTURE_WRITE`). System V can restrict
    /// writing by user only; this restricts it by process.
    ///
    /// # Errors
    /// As of [`create`](Self::create); [`ErrorKind::Invalid`] (EINVAL): a kernel before 5.1.
    ///
    /// ```
    /// use ipc_core::{ErrorKind, mapping::SealedMemory};
    ///
    /// let (memory, writer) = SealedMemory::publish("prices", 4096)?;
    /// let reader = memory.map_read_only()?;
    /// writer.copy_to(0, b"42.10")?;
    /// assert_eq!(memory.map().unwrap_err().kind(), ErrorKind::PermissionDenied);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "F_SEAL_FUTURE_WRITE")]
    pub fn publish(name: &str, size: usize) -> Result<(SealedMemory, Mapping)> {
        // The size is sealed before the first mapping, as for every receiver.
        let memory = SealedMemory::unsealed(name, size)?.seal(FIXED_SIZE)?;
        let writer = memory.map()?;
        let memory = memory.seal(SealFlag::F_SEAL_FUTURE_WRITE | SealFlag::F_SEAL_SEAL)?;
        Ok((memory, writer))
    }

    fn unsealed(name: &str, size: usize) -> Result<SealedMemory> {
        let arguments = || format!("name={name:?}, size={size} bytes");
        if size == 0 {
            let hint = "memory has at least 1 byte".to_owned();
            return Err(Error::refused("memfd_create", arguments(), ErrorKind::Invalid, hint));
        }
        let descriptor = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
            .map_err(|errno| Error::io("memfd_create", arguments(), errno.into()))?;
        let file = File::from(descriptor);
        file.set_len(size as u64).map_err(|error| Error::io("ftruncate", arguments(), error))?;
        Ok(SealedMemory { file, size, seals: SealFlag::empty() })
    }

    fn seal(mut self, seals: SealFlag) -> Result<SealedMemory> {
        fcntl(&self.file, FcntlArg::F_ADD_SEALS(seals))
            .map_err(|errno| Error::io("fcntl", format!("F_ADD_SEALS, {seals:?}"), errno.into()))?;
        self.seals |= seals;
        Ok(self)
    }

    /// `fcntl(F_GET_SEALS)`, `fstat`—memory that another process created and passed on, after checking that
    /// its size is sealed and fits.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`]: not sealed against shrinking and growing, or (EINVAL) no memory that could be, or of huge pages, of which a hole that another process punches can be
    /// filled only while some are free; [`ErrorKind::SizeMismatch`].
    ///
    /// ```
    /// use ipc_core::{ErrorKind, mapping::SealedMemory, shm::Size};
    ///
    /// let file = std::fs::File::open("/proc/self/exe").unwrap();
    /// let error = SealedMemory::receive(file.into(), Size::Any).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Untrusted); // a file can be truncated
    /// ```
    ///
    /// # References
    /// fcntl(2)
    #[doc(alias = "F_GET_SEALS")]
    pub fn receive(descriptor: OwnedFd, size: Size) -> Result<SealedMemory> {
        let refused = |kind, hint| Error::refused("fcntl", "F_GET_SEALS".to_owned(), kind, hint);
        let bits = fcntl(&descriptor, FcntlArg::F_GET_SEALS).map_err(|errno| {
            refused(
                ErrorKind::Untrusted,
                format!("the descriptor is not of memory that can be sealed ({errno})"),
            )
        })?;
        let seals = SealFlag::from_bits_retain(bits);
        if !seals.contains(FIXED_SIZE) {
            let hint = format!("sealed is {seals:?}; without {FIXED_SIZE:?} its size could change under us");
            return Err(refused(ErrorKind::Untrusted, hint));
        }
        let found =
            fstatfs(&descriptor).map_err(|errno| Error::io("fstatfs", String::new(), errno.into()))?;
        if found.filesystem_type() == HUGETLBFS_MAGIC {
            let hint = "it is of huge pages: to touch one that was given back is SIGBUS when none is free";
            return Err(refused(ErrorKind::Untrusted, hint.to_owned()));
        }
        let file = File::from(descriptor);
        let stat = file.metadata().map_err(|error| Error::io("fstat", String::new(), error))?;
        let bytes = usize::try_from(stat.len()).unwrap_or(0);
        if !size.allows(bytes) || bytes == 0 {
            return Err(refused(
                ErrorKind::SizeMismatch,
                format!("the memory has {bytes} bytes, asked for was {size}"),
            ));
        }
        Ok(SealedMemory { file, size: bytes, seals })
    }

    /// Maps it for reading and writing.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] (EPERM, EACCES): sealed against writing, or a descriptor for reading;
    /// [`ErrorKind::OutOfMemory`] (ENOMEM).
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// let mapped = SealedMemory::create("table", 64)?.map()?;
    /// mapped.copy_to(0, b"hello")?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn map(&self) -> Result<Mapping> {
        Mapping::new(&self.file, Some(self.size), false)
    }

    /// Maps it for reading.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`] (ENOMEM).
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// assert!(SealedMemory::create("table", 64)?.map_read_only()?.is_read_only());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn map_read_only(&self) -> Result<Mapping> {
        Mapping::new(&self.file, Some(self.size), true)
    }

    /// Size in bytes, for ever.
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// assert_eq!(SealedMemory::create("table", 100)?.size(), 100);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether new writable mappings are refused by the kernel.
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// assert!(!SealedMemory::create("table", 100)?.is_read_only());
    /// assert!(SealedMemory::publish("table", 100)?.0.is_read_only());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.seals.intersects(SealFlag::F_SEAL_FUTURE_WRITE | SealFlag::F_SEAL_WRITE)
    }

    /// The descriptor, for passing on.
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// # use std::os::fd::AsRawFd;
    /// let memory = SealedMemory::create("table", 100)?;
    /// println!("/proc/{}/fd/{}", std::process::id(), memory.descriptor().as_raw_fd());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsFd for SealedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl From<SealedMemory> for OwnedFd {
    fn from(memory: SealedMemory) -> OwnedFd {
        memory.file.into()
    }
}
