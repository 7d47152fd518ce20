//! Mappings of files by name, created and opened as carefully as the System V objects.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;

use super::Mapping;
use crate::error::{Error, ErrorKind, Result};
use crate::permissions::{Mode, Permissions};
use crate::shm::Size;
use crate::trust::Trust;

impl Mapping {
    /// `open(O_CREAT | O_EXCL | O_NOFOLLOW)`, `ftruncate`, `mmap`—a new file of `size` bytes, all zero,
    /// mapped for reading and writing.
    ///
    /// Unlike for System V objects, the umask applies to the mode. `/dev/shm` is the place for files that
    /// need no disk: any user may create names there, and no other user can delete or rename ours.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] (EEXIST), also for a dangling symbolic link; [`ErrorKind::NotFound`]
    /// (ENOENT): the directory; [`ErrorKind::PermissionDenied`] (EACCES); [`ErrorKind::Invalid`]: size 0;
    /// [`ErrorKind::Other`] (ENOSPC): the file system.
    ///
    /// ```
    /// use ipc_core::{Mode, Trust, mapping::Mapping, shm::Size};
    ///
    /// let path = std::env::temp_dir().join(format!("ipc-core-create-{}", std::process::id()));
    /// let writer = Mapping::create_file(&path, 4096, Mode::PRIVATE)?;
    /// let reader = Mapping::open_file(&path, Size::Exact(4096), &Trust::same_user())?;
    /// std::fs::remove_file(&path)?;
    /// writer.copy_to(0, b"hello")?;
    /// let mut copy = [0; 5];
    /// reader.copy_from(0, &mut copy)?;
    /// assert_eq!(&copy, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # References
    /// open(2), mmap(2)
    pub fn create_file(path: impl AsRef<Path>, size: usize, mode: Mode) -> Result<Mapping> {
        let path = path.as_ref();
        let arguments = || format!("path={}, size={size} bytes, mode={mode}", path.display());
        if size == 0 {
            let hint = "a mapping has at least 1 byte".to_owned();
            return Err(Error::refused("open", arguments(), ErrorKind::Invalid, hint));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(u32::from(mode.bits()))
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .map_err(|error| Error::io("open", arguments(), error))?;
        let mapped = file
            .set_len(size as u64)
            .map_err(|error| Error::io("ftruncate", arguments(), error))
            .and_then(|()| Mapping::new(&file, Some(size), false));
        if mapped.is_err() {
            // We have just created the name; other processes would find a file of the wrong size.
            let _ = std::fs::remove_file(path);
        }
        mapped
    }

    /// `open(O_NOFOLLOW)`, `fstat`, `mmap`—an existing file, mapped for reading and writing, after checking
    /// that it is a plain file, and its owner, mode and size.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] (ENOENT); [`ErrorKind::PermissionDenied`] (EACCES); [`ErrorKind::Untrusted`]:
    /// no plain file, a symbolic link (ELOOP), or owner or mode outside the policy;
    /// [`ErrorKind::SizeMismatch`].
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Mode, Trust, mapping::Mapping, shm::Size};
    /// let error = Mapping::open_file("/dev/null", Size::Any, &Trust::same_user()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Untrusted);
    /// ```
    ///
    /// # References
    /// open(2), mmap(2)
    pub fn open_file(path: impl AsRef<Path>, size: Size, trust: &Trust) -> Result<Mapping> {
        open(path.as_ref(), size, trust, false)
    }

    /// As [`open_file`](Self::open_file), for reading only.
    ///
    /// # Errors
    /// As of [`open_file`](Self::open_file).
    ///
    /// ```
    /// # use ipc_core::{Mode, Trust, mapping::Mapping, shm::Size};
    /// let path = std::env::temp_dir().join(format!("ipc-core-read-{}", std::process::id()));
    /// let writer = Mapping::create_file(&path, 64, Mode::PRIVATE)?;
    /// let reader = Mapping::open_file_read_only(&path, Size::AtLeast(1), &Trust::same_user())?;
    /// std::fs::remove_file(&path)?;
    /// assert!(reader.is_read_only());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_file_read_only(path: impl AsRef<Path>, size: Size, trust: &Trust) -> Result<Mapping> {
        open(path.as_ref(), size, trust, true)
    }
}

fn open(path: &Path, size: Size, trust: &Trust, read_only: bool) -> Result<Mapping> {
    let arguments = || format!("path={}, read_only={read_only}", path.display());
    let refused = |kind, hint| Error::refused("open", arguments(), kind, hint);
    // O_NONBLOCK: a FIFO of this name must not block us before it can be rejected.
    let file: File = OpenOptions::new()
        .read(true)
        .write(!read_only)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => refused(ErrorKind::Untrusted, "it is a symbolic link".to_owned()),
            _ => Error::io("open", arguments(), error),
        })?;
    let stat = file.metadata().map_err(|error| Error::io("fstat", arguments(), error))?;
    if !stat.is_file() {
        return Err(refused(ErrorKind::Untrusted, "it is not a plain file".to_owned()));
    }
    let mode = Mode::new(stat.mode() as u16 & 0o777).unwrap_or_default();
    if let Some(objection) = trust.objection(&Permissions::of_file(stat.uid(), stat.gid(), mode)) {
        return Err(refused(ErrorKind::Untrusted, objection));
    }
    let bytes = usize::try_from(stat.len()).unwrap_or(0);
    if !size.allows(bytes) {
        return Err(refused(
            ErrorKind::SizeMismatch,
            format!("the file has {bytes} bytes, asked for was {size}"),
        ));
    }
    Mapping::new(&file, Some(bytes), read_only)
}
