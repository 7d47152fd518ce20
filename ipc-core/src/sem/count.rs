//! The number of semaphores that a program expects of a set.

use core::fmt;

/// The number of semaphores that an opened set must have. `semget` itself can only check "at least".
///
/// ```
/// # use ipc_core::sem::Count;
/// assert!(Count::Exact(2).allows(2));
/// assert!(!Count::Exact(2).allows(3));
/// assert!(Count::AtLeast(2).allows(3));
/// assert!(Count::Any.allows(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Count {
    /// Exactly this number.
    Exact(usize),
    /// This many or more.
    AtLeast(usize),
    /// Whatever it has.
    Any,
}

impl Count {
    /// Whether a set with this number of semaphores is acceptable.
    ///
    /// ```
    /// # use ipc_core::sem::Count;
    /// assert!(!Count::AtLeast(2).allows(1));
    /// ```
    #[must_use]
    pub const fn allows(self, semaphores: usize) -> bool {
        match self {
            Count::Exact(exact) => semaphores == exact,
            Count::AtLeast(least) => semaphores >= least,
            Count::Any => true,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Count::Exact(count) => write!(f, "exactly {count} semaphores"),
            Count::AtLeast(count) => write!(f, "at least {count} semaphores"),
            Count::Any => f.write_str("any number of semaphores"),
        }
    }
}
