//! The handle of a segment.

use nix::libc;

use super::{Attachment, HugePages, Options, Pages, ShmId, Size, Stat, failure};
use crate::error::{Error, ErrorKind, Result};
use crate::key::Key;
use crate::open::{self, Disposition};
use crate::permissions::Mode;
use crate::record;
use crate::sys::{self, shm_flags};
use crate::trust::Trust;

/// The handle of a segment: its identifier. Copying it copies the number; dropping it does nothing: the
/// segment stays until it is removed.
///
/// A handle does not guarantee that the segment still exists. Identifiers are reused, though only after
/// millions of creations: to store one for a long time, store its [`Evidence`](crate::Evidence) and use a
/// [`Verified`](crate::Verified) handle.
///
/// ```
/// use ipc_core::{Disposition, Key, RemoveOnDrop, Trust, shm};
///
/// let key = Key::random()?;
/// let options = shm::Options::default();
/// let (memory, how) = shm::SharedMemory::open_or_create(key, 4096, &options, &Trust::same_user())?;
/// let memory = RemoveOnDrop::new(memory);
/// assert_eq!(how, Disposition::Created);
/// assert_eq!(shm::SharedMemory::open(key, shm::Size::Exact(4096), &Trust::same_user())?.id(), memory.id());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SharedMemory {
    id: ShmId,
}

impl SharedMemory {
    /// `int shmget(key_t key, size_t size, int shmflg)` with `IPC_CREAT | IPC_EXCL`—creates a segment of
    /// `size` bytes, all zero.
    ///
    /// With [`HugePages::Prefer`] it silently falls back to normal pages;
    /// [`create_new_reported`](Self::create_new_reported) reports it.
    ///
    /// # Errors
    /// - [`ErrorKind::AlreadyExists`] (EEXIST): the key is taken.
    /// - [`ErrorKind::Invalid`]: size 0, or 2⁶³ bytes and more (EINVAL), or a size of huge pages that is not
    ///   2 to a power of 1 to 63.
    /// - [`ErrorKind::LimitReached`]: `SegmentBytes` (EINVAL), `Segments` or `SegmentPages` (ENOSPC).
    /// - [`ErrorKind::OutOfMemory`] (ENOMEM, ENFILE): memory, or the overcommit rule.
    /// - [`ErrorKind::HugePagesUnavailable`] (EPERM, ENOMEM, EINVAL): with [`HugePages::Require`].
    /// - [`ErrorKind::Unsupported`] (ENOSYS, EPERM): no System V IPC here.
    ///
    /// ```
    /// use ipc_core::{Key, RemoveOnDrop, shm};
    ///
    /// let memory = shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?;
    /// let memory = RemoveOnDrop::new(memory);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmget(2)
    #[doc(alias = "shmget")]
    pub fn create_new(key: Key, size: usize, options: &Options) -> Result<SharedMemory> {
        SharedMemory::create_new_reported(key, size, options).map(|(memory, _)| memory)
    }

    /// As [`create_new`](Self::create_new), and reports which pages the segment got.
    ///
    /// # Errors
    /// As of [`create_new`](Self::create_new).
    ///
    /// ```
    /// use ipc_core::{Key, RemoveOnDrop, shm};
    ///
    /// let (memory, pages) = shm::SharedMemory::create_new_reported(Key::PRIVATE, 4096, &shm::Options::default())?;
    /// let memory = RemoveOnDrop::new(memory);
    /// assert!(matches!(pages, shm::Pages::Normal));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn create_new_reported(key: Key, size: usize, options: &Options) -> Result<(SharedMemory, Pages)> {
        if size == 0 {
            let arguments = format!("key={key}, size=0 bytes, mode={}", options.mode);
            let hint = "a segment has at least 1 byte".to_owned();
            return Err(Error::refused("shmget", arguments, ErrorKind::Invalid, hint));
        }
        let huge_flags = match options.huge_pages {
            HugePages::Never => {
                return create(key, size, options, None).map(|memory| (memory, Pages::Normal));
            }
            HugePages::Prefer(page) | HugePages::Require(page) => {
                let Some(exponent) = page.exponent() else {
                    let arguments = format!("key={key}, size={size} bytes, {page:?}");
                    let hint = "the size of a huge page is 2 to a power of 1 to 63".to_owned();
                    return Err(Error::refused("shmget", arguments, ErrorKind::Invalid, hint));
                };
                libc::SHM_HUGETLB | (exponent << shm_flags::HUGE_SHIFT).cast_signed()
            }
        };
        match create(key, size, options, Some(huge_flags)) {
            Ok(memory) => Ok((memory, Pages::Huge)),
            Err(why)
                if why.kind() == ErrorKind::HugePagesUnavailable
                    && matches!(options.huge_pages, HugePages::Prefer(_)) =>
            {
                create(key, size, options, None).map(|memory| (memory, Pages::FellBack(why)))
            }
            Err(error) => Err(error),
        }
    }

    /// `int shmget(key_t key, 0, 0600)`—opens the segment of this key for reading and writing, and checks its
    /// owner and its size.
    ///
    /// Requests the rights to read and write, so that a segment that cannot be written fails here and not
    /// later.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`] (ENOENT): no such key.
    /// - [`ErrorKind::PermissionDenied`] (EACCES): its mode denies access; another program may have taken the
    ///   key. Never delete and retry.
    /// - [`ErrorKind::Untrusted`]: creator, owner or mode is outside the policy.
    /// - [`ErrorKind::SizeMismatch`]: the text has both sizes.
    /// - [`ErrorKind::Removed`]: it vanished between the two calls.
    /// - [`ErrorKind::Invalid`]: [`Key::PRIVATE`] names no object that could be opened.
    ///
    /// ```
    /// use ipc_core::{ErrorKind, Key, RemoveOnDrop, Trust, shm};
    ///
    /// let key = Key::random()?;
    /// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(key, 100, &shm::Options::default())?);
    /// let error = shm::SharedMemory::open(key, shm::Size::Exact(200), &Trust::same_user()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::SizeMismatch);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmget(2)
    #[doc(alias = "shmget")]
    pub fn open(key: Key, size: Size, trust: &Trust) -> Result<SharedMemory> {
        SharedMemory::open_with(key, Mode::PRIVATE, size, trust)
    }

    /// As [`open`](Self::open), asking for the right to read only. For
    /// [`attach_read_only`](Self::attach_read_only).
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, Trust, shm};
    /// # let key = Key::random()?;
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(key, 100, &shm::Options::default())?);
    /// let observer = shm::SharedMemory::open_read_only(key, shm::Size::Any, &Trust::same_user())?;
    /// assert!(observer.attach_read_only()?.is_read_only());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn open_read_only(key: Key, size: Size, trust: &Trust) -> Result<SharedMemory> {
        SharedMemory::open_with(key, Mode::READ, size, trust)
    }

    /// As [`open`](Self::open), asking for no right: for the record, and for changing and removing the
    /// segment, which need none in the mode.
    ///
    /// # Errors
    /// As of [`open`](Self::open), but never `PermissionDenied`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, Trust, shm::{Options, SharedMemory, Size}};
    /// let key = Key::random()?;
    /// SharedMemory::create_new(key, 64, &Options::new().mode(Mode::new(0).unwrap()))?;
    /// SharedMemory::find(key, Size::Any, &Trust::same_user())?.remove()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn find(key: Key, size: Size, trust: &Trust) -> Result<SharedMemory> {
        SharedMemory::open_with(key, Mode::NONE, size, trust)
    }

    fn open_with(key: Key, rights: Mode, size: Size, trust: &Trust) -> Result<SharedMemory> {
        if key == Key::PRIVATE {
            let hint = "IPC_PRIVATE always creates; hand over the identifier instead".to_owned();
            return Err(Error::refused("shmget", format!("key={key}"), ErrorKind::Invalid, hint));
        }
        // Size 0: a size above the segment's would be EINVAL before any permission is checked.
        let id = sys::shmget(key.as_raw(), 0, i32::from(rights.bits()))
            .map_err(|errno| failure::open(key, rights, errno))?;
        let memory = SharedMemory::from_id(ShmId::from_raw(id));
        memory.verify(size, trust)?;
        Ok(memory)
    }

    /// Creates the segment, or opens the existing one, and reports which. Retries, at most a hundred times,
    /// if the segment appears and disappears in between.
    ///
    /// An existing segment must have exactly `size` bytes. It is opened for the rights that the mode gives
    /// its owner, and may have that mode in addition to those the policy allows.
    ///
    /// # Errors
    /// As of [`create_new`](Self::create_new) and [`open`](Self::open).
    ///
    /// ```
    /// use ipc_core::{Disposition, Key, RemoveOnDrop, Trust, shm};
    ///
    /// let key = Key::random()?;
    /// let (memory, how) = shm::SharedMemory::open_or_create(key, 64, &shm::Options::default(), &Trust::same_user())?;
    /// let memory = RemoveOnDrop::new(memory);
    /// assert_eq!(how, Disposition::Created);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn open_or_create(
        key: Key,
        size: usize,
        options: &Options,
        trust: &Trust,
    ) -> Result<(SharedMemory, Disposition)> {
        open::open_or_create(
            || SharedMemory::create_new(key, size, options),
            || {
                let trust = trust.with_mode(options.mode);
                SharedMemory::open_with(key, options.mode.of_owner(), Size::Exact(size), &trust)
            },
        )
    }

    /// The handle of a segment whose identifier came from another process. Checks nothing: use
    /// [`verify`](Self::verify), or [`Verified`](crate::Verified) for an identifier that was stored for a
    /// long time.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, Trust, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let told = memory.id().as_raw();
    /// let other = shm::SharedMemory::from_id(shm::ShmId::from_raw(told));
    /// other.verify(shm::Size::Exact(64), &Trust::same_user())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn from_id(id: ShmId) -> SharedMemory {
        SharedMemory { id }
    }

    /// The identifier.
    ///
    /// ```
    /// # use ipc_core::shm;
    /// assert_eq!(shm::SharedMemory::from_id(shm::ShmId::from_raw(5)).id().as_raw(), 5);
    /// ```
    #[must_use]
    pub const fn id(self) -> ShmId {
        self.id
    }

    /// `int shmctl(int shmid, IPC_STAT, struct shmid_ds *buf)`—the kernel's record of the segment. Without
    /// the right to read, it is read by `SHM_STAT_ANY`, which needs no right.
    ///
    /// # Errors
    /// [`ErrorKind::Removed`] (EINVAL, EIDRM); [`ErrorKind::PermissionDenied`] (EACCES) without the right to
    /// read on kernels before 4.17.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// assert_eq!(memory.stat()?.size(), 64);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmctl(2)
    #[doc(alias = "shmctl")]
    pub fn stat(self) -> Result<Stat> {
        self.raw_stat().map(|raw| Stat::from_raw(&raw))
    }

    pub(super) fn raw_stat(self) -> Result<sys::ShmidDs> {
        record::of(self.id.as_raw(), sys::shm_stat, sys::shm_stat_slot)
            .map_err(|errno| failure::on_id("shmctl", self.id, "IPC_STAT", errno))
    }

    /// Checks size, creator, owner and mode. Opening by key does this; call it yourself after
    /// [`from_id`](Self::from_id), or use [`attach_verified`](Self::attach_verified), which has no gap
    /// between check and use.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`], [`ErrorKind::SizeMismatch`], and those of [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, RemoveOnDrop, Trust, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// assert!(memory.verify(shm::Size::AtLeast(64), &Trust::same_user()).is_ok());
    /// let error = memory.verify(shm::Size::AtLeast(65), &Trust::same_user()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::SizeMismatch);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn verify(self, size: Size, trust: &Trust) -> Result<Stat> {
        let stat = self.stat()?;
        trust.check(&stat.permissions())?;
        if size.allows(stat.size()) {
            return Ok(stat);
        }
        let hint = format!("the segment has {} bytes, asked for was {size}", stat.size());
        Err(Error::refused("shmctl", format!("id={}, IPC_STAT", self.id), ErrorKind::SizeMismatch, hint))
    }

    /// `void *shmat(int shmid, NULL, 0)`—maps the segment for reading and writing.
    ///
    /// Also works after [`remove`](Self::remove), while another attachment keeps the segment (Linux only).
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] (EACCES) without the right to read and write; [`ErrorKind::Removed`]
    /// (EINVAL, EIDRM); [`ErrorKind::OutOfMemory`] (ENOMEM): no room in the address space.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// assert_eq!(memory.attach()?.len(), 64);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmop(2)
    #[doc(alias = "shmat")]
    pub fn attach(self) -> Result<Attachment> {
        Attachment::new(self.id, false)
    }

    /// `void *shmat(int shmid, NULL, SHM_RDONLY)`—maps the segment for reading. A later `mprotect` cannot
    /// make it writable.
    ///
    /// # Errors
    /// As of [`attach`](Self::attach); the right to read is enough.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach_read_only()?;
    /// assert!(attached.atomic_u64(0).is_none());
    /// assert!(attached.copy_to(0, b"no").is_err());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// shmop(2)
    #[doc(alias = "shmat")]
    pub fn attach_read_only(self) -> Result<Attachment> {
        Attachment::new(self.id, true)
    }

    /// Attaches for reading and writing, and then verifies: an attached segment cannot be replaced any more,
    /// so the segment that was checked is the one that is used. For identifiers from outside.
    ///
    /// # Errors
    /// As of [`attach`](Self::attach) and [`verify`](Self::verify); nothing stays attached.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, RemoveOnDrop, Trust, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach_verified(shm::Size::Exact(64), &Trust::same_user())?;
    /// let error = memory.attach_verified(shm::Size::Exact(65), &Trust::same_user()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::SizeMismatch);
    /// assert_eq!(memory.stat()?.attachments(), 1);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "shmat")]
    pub fn attach_verified(self, size: Size, trust: &Trust) -> Result<Attachment> {
        let attached = self.attach()?;
        self.verify(size, trust)?;
        Ok(attached)
    }
}

fn create(key: Key, size: usize, options: &Options, huge_flags: Option<i32>) -> Result<SharedMemory> {
    let mut flags =
        libc::IPC_CREAT | libc::IPC_EXCL | i32::from(options.mode.bits()) | huge_flags.unwrap_or(0);
    if options.no_reserve {
        flags |= libc::SHM_NORESERVE;
    }
    sys::shmget(key.as_raw(), size, flags)
        .map(|id| SharedMemory { id: ShmId::from_raw(id) })
        .map_err(|errno| failure::create(key, size, options.mode, huge_flags.is_some(), errno))
}
