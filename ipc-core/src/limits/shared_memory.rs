//! Limits and usage of shared memory.

use super::{count, failure};
use crate::error::Result;
use crate::sys;

/// The limits on segments (`struct shminfo`).
///
/// ```
/// use ipc_core::{Limit, limits::SharedMemoryLimits};
///
/// let limits = SharedMemoryLimits::read()?;
/// assert_eq!(Some(limits.segments), Limit::Segments.value());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "shminfo")]
pub struct SharedMemoryLimits {
    /// SHMMAX: bytes in one segment.
    pub segment_bytes: u64,
    /// SHMMIN: the fewest bytes in one segment. 1, compiled into the kernel.
    pub segment_bytes_at_least: u64,
    /// SHMMNI: segments.
    pub segments: u64,
    /// SHMALL: pages in all segments together.
    pub pages: u64,
}

impl SharedMemoryLimits {
    /// `shmctl(0, IPC_INFO)`—the limits now, in the caller's IPC namespace.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) (ENOSYS): no System V IPC here.
    ///
    /// ```
    /// # use ipc_core::limits::SharedMemoryLimits;
    /// assert_eq!(SharedMemoryLimits::read()?.segment_bytes_at_least, 1);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "IPC_INFO")]
    pub fn read() -> Result<SharedMemoryLimits> {
        let (_, raw) = sys::shm_limits().map_err(|errno| failure("shmctl", "IPC_INFO", errno))?;
        Ok(SharedMemoryLimits {
            segment_bytes: raw.shmmax,
            segment_bytes_at_least: raw.shmmin,
            segments: raw.shmmni,
            pages: raw.shmall,
        })
    }
}

/// Current usage of shared memory (`struct shm_info`).
///
/// ```
/// use ipc_core::{Key, RemoveOnDrop, limits::SharedMemoryUsage, shm};
///
/// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?);
/// let usage = SharedMemoryUsage::read()?;
/// assert!(usage.segments >= 1 && usage.pages >= 1);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "shm_info")]
pub struct SharedMemoryUsage {
    /// Segments.
    pub segments: u64,
    /// Pages in all segments together.
    pub pages: u64,
    /// Of these, pages in memory: touched at least once and not swapped out.
    pub pages_in_memory: u64,
    /// Of these, pages in swap.
    pub pages_in_swap: u64,
    /// The highest slot in use, for a walk over all.
    pub(crate) highest_slot: i32,
}

impl SharedMemoryUsage {
    /// `shmctl(0, SHM_INFO)`—the usage now, in the caller's IPC namespace.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) (ENOSYS): no System V IPC here.
    ///
    /// ```
    /// # use ipc_core::limits::SharedMemoryUsage;
    /// let usage = SharedMemoryUsage::read()?;
    /// assert!(usage.pages_in_memory + usage.pages_in_swap <= usage.pages);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "SHM_INFO")]
    pub fn read() -> Result<SharedMemoryUsage> {
        let (highest_slot, raw) = sys::shm_info().map_err(|errno| failure("shmctl", "SHM_INFO", errno))?;
        Ok(SharedMemoryUsage {
            segments: count(raw.used_ids),
            pages: raw.shm_tot,
            pages_in_memory: raw.shm_rss,
            pages_in_swap: raw.shm_swp,
            highest_slot,
        })
    }
}
