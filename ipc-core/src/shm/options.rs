//! How a segment is created.

use crate::error::Error;
use crate::permissions::Mode;

/// How to create a segment. The default is mode 0600, normal pages, swap reserved by the system's overcommit
/// rule.
///
/// ```
/// use ipc_core::{Mode, shm};
///
/// let options = shm::Options::new().mode(Mode::PRIVATE.group_read()).no_reserve(true);
/// assert_eq!(options, shm::Options::default().mode(Mode::PRIVATE.group_read()).no_reserve(true));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub(super) mode: Mode,
    pub(super) huge_pages: HugePages,
    pub(super) no_reserve: bool,
}

impl Options {
    /// The default options.
    ///
    /// ```
    /// # use ipc_core::shm;
    /// assert_eq!(shm::Options::new(), shm::Options::default());
    /// ```
    #[must_use]
    pub const fn new() -> Options {
        Options { mode: Mode::PRIVATE, huge_pages: HugePages::Never, no_reserve: false }
    }

    /// The permission bits; 0600 unless set. The umask does not apply.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, shm};
    /// let options = shm::Options::new().mode(Mode::PRIVATE.group_read());
    /// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &options)?);
    /// assert_eq!(memory.stat()?.permissions().mode().bits(), 0o640);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Options {
        self.mode = mode;
        self
    }

    /// Whether to use huge pages, and what to do if none are available.
    ///
    /// ```
    /// # use ipc_core::shm;
    /// let options = shm::Options::new().huge_pages(shm::HugePages::Prefer(shm::HugePageSize::Default));
    /// # assert_ne!(options, shm::Options::new());
    /// ```
    #[must_use]
    #[doc(alias = "SHM_HUGETLB")]
    pub const fn huge_pages(mut self, huge_pages: HugePages) -> Options {
        self.huge_pages = huge_pages;
        self
    }

    /// Reserves no swap for the segment. A first touch may then kill the process when memory has run out.
    ///
    /// ```
    /// # use ipc_core::shm;
    /// assert_ne!(shm::Options::new().no_reserve(true), shm::Options::new());
    /// ```
    #[must_use]
    #[doc(alias = "SHM_NORESERVE")]
    pub const fn no_reserve(mut self, no_reserve: bool) -> Options {
        self.no_reserve = no_reserve;
        self
    }
}

/// Whether a new segment uses huge pages.
///
/// ```
/// # use ipc_core::shm::HugePages;
/// assert_eq!(HugePages::default(), HugePages::Never);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HugePages {
    /// Normal pages.
    #[default]
    Never,
    /// Huge pages if there are any, else normal pages;
    /// [`SharedMemory::create_new_reported`](super::SharedMemory::create_new_reported) reports which it got.
    Prefer(HugePageSize),
    /// Huge pages, or an error of kind [`HugePagesUnavailable`](crate::ErrorKind::HugePagesUnavailable).
    Require(HugePageSize),
}

/// The size of a huge page.
///
/// ```
/// # use ipc_core::shm::HugePageSize;
/// assert_eq!(HugePageSize::from_bytes(2 << 20), Some(HugePageSize::PowerOfTwo(21)));
/// assert_eq!(HugePageSize::from_bytes(3 << 20), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HugePageSize {
    /// The kernel's default (`Hugepagesize` in `/proc/meminfo`).
    #[default]
    Default,
    /// 2 to this power in bytes, from 1 to 63: 21 for 2 MiB, 30 for 1 GiB. Creating with any other is an
    /// error.
    PowerOfTwo(u8),
}

impl HugePageSize {
    /// The size in bytes; `None` unless it is a power of two greater than one.
    ///
    /// ```
    /// # use ipc_core::shm::HugePageSize;
    /// assert_eq!(HugePageSize::from_bytes(1 << 30), Some(HugePageSize::PowerOfTwo(30)));
    /// ```
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Option<HugePageSize> {
        if bytes.is_power_of_two() && bytes > 1 {
            Some(HugePageSize::PowerOfTwo(bytes.trailing_zeros() as u8))
        } else {
            None
        }
    }

    /// For the six bits of the flag, in which 0 stands for the default; `None` when it does not fit.
    pub(super) const fn exponent(self) -> Option<u32> {
        match self {
            HugePageSize::Default => Some(0),
            HugePageSize::PowerOfTwo(exponent @ 1..=63) => Some(exponent as u32),
            HugePageSize::PowerOfTwo(_) => None,
        }
    }
}

/// The kind of pages that a new segment got.
///
/// ```
/// # use ipc_core::{Key, RemoveOnDrop, shm};
/// let options = shm::Options::new().huge_pages(shm::HugePages::Prefer(shm::HugePageSize::Default));
/// let (memory, pages) = shm::SharedMemory::create_new_reported(Key::PRIVATE, 2 << 20, &options)?;
/// let memory = RemoveOnDrop::new(memory);
/// match pages {
///     shm::Pages::Huge => println!("huge pages"),
///     shm::Pages::Normal => println!("normal pages, as asked"),
///     shm::Pages::FellBack(why) => println!("normal pages, since {why}"),
/// }
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Debug)]
pub enum Pages {
    /// Normal pages, as asked.
    Normal,
    /// Huge pages, as asked.
    Huge,
    /// Normal pages, because huge ones were unavailable: the error says why.
    FellBack(Error),
}
