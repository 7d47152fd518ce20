//! The identifier of a segment, and its expected size.

use core::fmt;

/// The kernel's number for a segment. Not a key. 0 is an ordinary identifier.
///
/// ```
/// # use ipc_core::shm::ShmId;
/// assert_eq!(ShmId::from_raw(32768).to_string(), "32768");
/// ```
///
/// ```compile_fail
/// # use ipc_core::{Key, shm::SharedMemory};
/// let memory = SharedMemory::from_id(Key::from_raw(3)); // a key names it to programs, not to the kernel
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShmId(i32);

impl ShmId {
    /// The identifier of this number, received from another process.
    ///
    /// ```
    /// # use ipc_core::shm::ShmId;
    /// assert_eq!(ShmId::from_raw(3).as_raw(), 3);
    /// ```
    #[must_use]
    pub const fn from_raw(id: i32) -> ShmId {
        ShmId(id)
    }

    /// The number.
    ///
    /// ```
    /// # use ipc_core::shm::ShmId;
    /// assert_eq!(ShmId::from_raw(3).as_raw(), 3);
    /// ```
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for ShmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The size that an opened segment must have. `shmget` itself can only check "at least".
///
/// ```
/// # use ipc_core::shm::Size;
/// assert!(Size::Exact(100).allows(100));
/// assert!(!Size::Exact(100).allows(101));
/// assert!(Size::AtLeast(100).allows(101));
/// assert!(Size::Any.allows(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// Exactly this number of bytes.
    Exact(usize),
    /// This many bytes or more.
    AtLeast(usize),
    /// Whatever it has.
    Any,
}

impl Size {
    /// Whether a segment of this size in bytes is acceptable.
    ///
    /// ```
    /// # use ipc_core::shm::Size;
    /// assert!(!Size::AtLeast(2).allows(1));
    /// ```
    #[must_use]
    pub const fn allows(self, bytes: usize) -> bool {
        match self {
            Size::Exact(exact) => bytes == exact,
            Size::AtLeast(least) => bytes >= least,
            Size::Any => true,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Exact(bytes) => write!(f, "exactly {bytes} bytes"),
            Size::AtLeast(bytes) => write!(f, "at least {bytes} bytes"),
            Size::Any => f.write_str("any size"),
        }
    }
}
