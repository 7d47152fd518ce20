//! The identifier of a semaphore set.

use core::fmt;

/// The kernel's number for a semaphore set. Not a key. 0 is an ordinary identifier.
///
/// ```
/// # use ipc_core::sem::SemId;
/// assert_eq!(SemId::from_raw(32768).to_string(), "32768");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SemId(i32);

impl SemId {
    /// The identifier of this number, received from another process.
    ///
    /// ```
    /// # use ipc_core::sem::SemId;
    /// assert_eq!(SemId::from_raw(3).as_raw(), 3);
    /// ```
    #[must_use]
    pub const fn from_raw(id: i32) -> SemId {
        SemId(id)
    }

    /// The number.
    ///
    /// ```
    /// # use ipc_core::sem::SemId;
    /// assert_eq!(SemId::from_raw(3).as_raw(), 3);
    /// ```
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for SemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
