//! One type over all kinds of shared memory.
//!
//! ```
//! use ipc_core::{segment::Segment, shm};
//!
//! let (memory, _) = Segment::ephemeral(4096, &shm::Options::default())?;
//! memory.copy_to(0, b"gone when the last process is")?;
//! # Ok::<(), ipc_core::Error>(())
//! ```

use core::fmt;
use core::ops::Deref;

use crate::bytes::SharedBytes;
use crate::error::Result;
use crate::key::Key;
use crate::mapping::Mapping;
use crate::shm::{Attachment, Options, Pages, SharedMemory, ShmId};

/// Shared memory in this process, of any kind: a System V segment, sealed memory or a file. Access is through
/// [`SharedBytes`].
///
/// ```
/// use ipc_core::{mapping::SealedMemory, segment::Segment, shm};
///
/// fn first_word(memory: &Segment) -> Option<u64> {
///     memory.load_u64(0, std::sync::atomic::Ordering::Acquire)
/// }
/// let (of_system_v, _) = Segment::ephemeral(4096, &shm::Options::default())?;
/// let sealed = Segment::from(SealedMemory::create("memory", 4096)?.map()?);
/// assert_eq!((first_word(&of_system_v), first_word(&sealed)), (Some(0), Some(0)));
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Segment {
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    SystemV(Attachment),
    Mapped(Mapping),
}

/// What a segment maps. Equal identities in one IPC namespace mean the same bytes, while they are mapped.
///
/// ```
/// use ipc_core::{segment::{Identity, Segment}, shm};
///
/// let (memory, _) = Segment::ephemeral(4096, &shm::Options::default())?;
/// let Identity::SystemV(id) = memory.identity() else { unreachable!() };
/// let again = Segment::from(shm::SharedMemory::from_id(id).attach()?);
/// assert_eq!(again.identity(), memory.identity());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A System V segment.
    SystemV(ShmId),
    /// A file, or memory behind a descriptor.
    Mapped {
        /// Device number.
        device: u64,
        /// Inode number on that device.
        inode: u64,
    },
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::SystemV(id) => write!(f, "segment {id}"),
            Identity::Mapped { device, inode } => write!(f, "device {device} inode {inode}"),
        }
    }
}

impl Segment {
    /// A new System V segment without a name, marked for removal as soon as it is attached: the kernel frees
    /// it when the last process that uses it ends, for whatever reason. Other processes attach by its
    /// identifier while it lives.
    ///
    /// A process that is killed inside this call, before the mark, leaves an empty segment that has no key:
    /// [`list::abandoned_segments`](crate::list::abandoned_segments) finds it.
    ///
    /// # Errors
    /// As of [`SharedMemory::create_new`] and [`SharedMemory::attach`].
    ///
    /// ```
    /// use ipc_core::{segment::{Identity, Segment}, shm};
    ///
    /// let (memory, pages) = Segment::ephemeral(4096, &shm::Options::default())?;
    /// assert!(matches!(pages, shm::Pages::Normal));
    /// let Identity::SystemV(id) = memory.identity() else { unreachable!() };
    /// assert!(shm::SharedMemory::from_id(id).stat()?.is_marked_for_removal());
    /// drop(memory);
    /// assert!(shm::SharedMemory::from_id(id).attach().is_err());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn ephemeral(size: usize, options: &Options) -> Result<(Segment, Pages)> {
        let (memory, pages) = SharedMemory::create_new_reported(Key::PRIVATE, size, options)?;
        let attached = memory.attach();
        // Also when attaching failed, so that nothing is left.
        let removed = memory.remove();
        let segment = Segment::from(attached?);
        removed?;
        Ok((segment, pages))
    }

    /// What this maps.
    ///
    /// ```
    /// # use ipc_core::{mapping::SealedMemory, segment::{Identity, Segment}};
    /// let segment = Segment::from(SealedMemory::create("memory", 64)?.map()?);
    /// assert!(matches!(segment.identity(), Identity::Mapped { .. }));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn identity(&self) -> Identity {
        match &self.memory {
            Memory::SystemV(attached) => Identity::SystemV(attached.id()),
            Memory::Mapped(mapped) => Identity::Mapped { device: mapped.device(), inode: mapped.inode() },
        }
    }
}

impl Deref for Segment {
    type Target = SharedBytes;

    #[inline]
    fn deref(&self) -> &SharedBytes {
        match &self.memory {
            Memory::SystemV(attached) => attached,
            Memory::Mapped(mapped) => mapped,
        }
    }
}

impl From<Attachment> for Segment {
    fn from(attached: Attachment) -> Segment {
        Segment { memory: Memory::SystemV(attached) }
    }
}

impl From<Mapping> for Segment {
    fn from(mapped: Mapping) -> Segment {
        Segment { memory: Memory::Mapped(mapped) }
    }
}
