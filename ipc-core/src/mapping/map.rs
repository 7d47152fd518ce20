//! A mapping made by memmap2.
//!
//! # Safety
//! `unsafe` is allowed here. A [`Mapping`] owns its memmap2 mapping, never remaps it, and holds it until it
//! is dropped; access goes through [`SharedBytes`], which makes no references to plain data. If another
//! process truncates a plain file, SIGBUS ends this process; that is not undefined behaviour.
#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use std::fs::File;
use std::os::unix::fs::MetadataExt;

use memmap2::{MmapOptions, MmapRaw};

use crate::bytes::SharedBytes;
use crate::error::{Error, ErrorKind, Result};

/// Memory mapped from a descriptor, shared with every process that maps the same; unmapped on drop. Access is
/// through [`SharedBytes`].
///
/// ```
/// use ipc_core::mapping::SealedMemory;
///
/// let mapped = SealedMemory::create("scratch", 100)?.map()?; // the descriptor is closed, the memory stays
/// mapped.copy_to(0, b"hello")?;
/// assert_eq!(mapped.len(), 100);
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub struct Mapping {
    bytes: SharedBytes,
    raw: MmapRaw,
    device: u64,
    inode: u64,
}

impl Mapping {
    /// Maps a whole open file for reading and writing, for as many bytes as it has now.
    ///
    /// A process that may write to the file may also truncate it: touching the part cut off raises SIGBUS.
    /// Where that matters, use [`SealedMemory`](super::SealedMemory) or a System V segment.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: an empty file; [`ErrorKind::PermissionDenied`] (EACCES): not open for both; [`ErrorKind::OutOfMemory`] (ENOMEM);
    /// [`ErrorKind::Other`] (ENODEV): cannot be mapped.
    ///
    /// ```
    /// use ipc_core::mapping::Mapping;
    ///
    /// let path = std::env::temp_dir().join(format!("ipc-core-of-file-{}", std::process::id()));
    /// let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path)?;
    /// file.set_len(64)?;
    /// let mapped = Mapping::of_file(&file)?;
    /// std::fs::remove_file(&path)?;
    /// assert_eq!(mapped.len(), 64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # References
    /// mmap(2), MAP_SHARED
    #[doc(alias = "mmap")]
    pub fn of_file(file: &File) -> Result<Mapping> {
        Mapping::new(file, None, false)
    }

    /// As [`of_file`](Self::of_file), for reading only.
    ///
    /// # Errors
    /// As of [`of_file`](Self::of_file); being open for reading is enough.
    ///
    /// ```
    /// # use ipc_core::mapping::Mapping;
    /// let mapped = Mapping::of_file_read_only(&std::fs::File::open(std::env::current_exe()?)?)?;
    /// let mut magic = [0; 4];
    /// mapped.copy_from(0, &mut magic)?;
    /// assert_eq!(&magic, b"\x7fELF");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mmap")]
    pub fn of_file_read_only(file: &File) -> Result<Mapping> {
        Mapping::new(file, None, true)
    }

    /// `len` bytes of the file, or all it has.
    pub(super) fn new(file: &File, len: Option<usize>, read_only: bool) -> Result<Mapping> {
        let failed = |error| Error::io("mmap", format!("read_only={read_only}"), error);
        let stat = file.metadata().map_err(failed)?;
        let len = len.or(usize::try_from(stat.len()).ok()).unwrap_or(0);
        if len == 0 {
            let hint = "there are no bytes to map".to_owned();
            return Err(Error::refused("mmap", "0 bytes".to_owned(), ErrorKind::Invalid, hint));
        }
        let mut options = MmapOptions::new();
        options.len(len);
        let raw = if read_only { options.map_raw_read_only(file) } else { options.map_raw(file) }
            .map_err(failed)?;
        let base =
            NonNull::new(raw.as_mut_ptr()).ok_or_else(|| failed(std::io::ErrorKind::OutOfMemory.into()))?;
        // SAFETY: the mapping has `len` bytes and lives in the same struct, which never releases it before
        // the end.
        let bytes = unsafe { SharedBytes::new(base, len, read_only) };
        Ok(Mapping { bytes, raw, device: stat.dev(), inode: stat.ino() })
    }

    /// Device of the file or memory behind the mapping. With the inode it identifies what is mapped.
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// let memory = SealedMemory::create("twice", 64)?;
    /// assert_eq!(memory.map()?.device(), memory.map()?.device());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn device(&self) -> u64 {
        self.device
    }

    /// Inode of the file or memory behind the mapping.
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// let memory = SealedMemory::create("twice", 64)?;
    /// assert_eq!(memory.map()?.inode(), memory.map()?.inode());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// `msync(MS_SYNC)`—writes a file's changed pages to its disk, so that they survive a power cut. Other
    /// processes see them without it.
    ///
    /// # Errors
    /// [`ErrorKind::Other`] with the errno of the disk (EIO).
    ///
    /// # Blocking
    /// Until the disk has them.
    ///
    /// ```
    /// # use ipc_core::mapping::SealedMemory;
    /// SealedMemory::create("memory", 64)?.map()?.flush()?; // nothing to do for memory
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "msync")]
    pub fn flush(&self) -> Result<()> {
        self.raw.flush().map_err(|error| Error::io("msync", format!("{} bytes", self.bytes.len()), error))
    }
}

impl Deref for Mapping {
    type Target = SharedBytes;

    #[inline]
    fn deref(&self) -> &SharedBytes {
        &self.bytes
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("bytes", &self.bytes)
            .field("device", &self.device)
            .field("inode", &self.inode)
            .finish()
    }
}
