//! Limits and usage of semaphore sets.

use super::{count, failure};
use crate::error::Result;
use crate::sys;

/// The limits on semaphore sets (`struct seminfo` of `IPC_INFO`).
///
/// ```
/// use ipc_core::{Limit, limits::SemaphoreLimits};
///
/// let limits = SemaphoreLimits::read()?;
/// assert_eq!(Some(limits.operations_per_call), Limit::OperationsPerCall.value());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "seminfo")]
pub struct SemaphoreLimits {
    /// SEMMSL: semaphores in one set.
    pub semaphores_per_set: u64,
    /// SEMMNS: semaphores in all sets together.
    pub semaphores: u64,
    /// SEMMNI: sets.
    pub sets: u64,
    /// SEMOPM: operations in one call.
    pub operations_per_call: u64,
    /// SEMVMX: the highest value. 32767, compiled into the kernel.
    pub value: u64,
}

impl SemaphoreLimits {
    /// `semctl(0, 0, IPC_INFO)`—the limits now, in the caller's IPC namespace.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) (ENOSYS): no System V IPC here.
    ///
    /// ```
    /// # use ipc_core::{limits::SemaphoreLimits, sem};
    /// assert_eq!(SemaphoreLimits::read()?.value, u64::from(sem::MAX_VALUE));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "IPC_INFO")]
    pub fn read() -> Result<SemaphoreLimits> {
        let (_, raw) = sys::sem_info(false).map_err(|errno| failure("semctl", "IPC_INFO", errno))?;
        Ok(SemaphoreLimits {
            semaphores_per_set: count(raw.semmsl),
            semaphores: count(raw.semmns),
            sets: count(raw.semmni),
            operations_per_call: count(raw.semopm),
            value: count(raw.semvmx),
        })
    }
}

/// Current usage of semaphore sets (`struct seminfo` of `SEM_INFO`).
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, limits::SemaphoreUsage, sem};
///
/// let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(Key::PRIVATE, 10, Mode::PRIVATE)?);
/// let usage = SemaphoreUsage::read()?;
/// assert!(usage.sets >= 1 && usage.semaphores >= 10);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemaphoreUsage {
    /// Sets.
    pub sets: u64,
    /// Semaphores in all sets together.
    pub semaphores: u64,
    /// The highest slot in use, for a walk over all.
    pub(crate) highest_slot: i32,
}

impl SemaphoreUsage {
    /// `semctl(0, 0, SEM_INFO)`—the usage now, in the caller's IPC namespace.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) (ENOSYS): no System V IPC here.
    ///
    /// ```
    /// # use ipc_core::limits::SemaphoreUsage;
    /// let usage = SemaphoreUsage::read()?;
    /// assert!(usage.semaphores >= usage.sets);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "SEM_INFO")]
    pub fn read() -> Result<SemaphoreUsage> {
        let (highest_slot, raw) =
            sys::sem_info(true).map_err(|errno| failure("semctl", "SEM_INFO", errno))?;
        // With SEM_INFO these two fields are counts, whatever their names say.
        Ok(SemaphoreUsage { sets: count(raw.semusz), semaphores: count(raw.semaem), highest_slot })
    }
}
