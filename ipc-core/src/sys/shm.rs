//! `shmget`, `shmat`, `shmdt`, `shmctl`.

use core::mem::{MaybeUninit, size_of};
use core::ptr::NonNull;

use nix::libc;

use super::abi::{SHM_INFO, SHM_STAT, SHM_STAT_ANY};
use super::records::{ShmInfo, ShmLimits, ShmidDs};
use super::{Errno, Raw, check};

/// `shmget(key, size, flags)`.
pub(crate) fn shmget(key: i32, size: usize, flags: i32) -> Raw<i32> {
    // SAFETY: no pointers; any integers are allowed.
    check(unsafe { libc::shmget(key, size, flags) })
}

/// `shmat(id, NULL, flags)`, where `flags` is 0 or `SHM_RDONLY`. The kernel chooses an unused place, so
/// nothing is replaced. The caller owns the mapping and must `shmdt` it.
pub(crate) fn shmat(id: i32, flags: i32) -> Raw<NonNull<u8>> {
    let flags = flags & libc::SHM_RDONLY;
    // SAFETY: the address is null and SHM_REMAP is masked away, so no existing mapping can be replaced.
    let address = unsafe { libc::shmat(id, core::ptr::null(), flags) };
    if address.addr() == usize::MAX {
        return Err(Errno::last());
    }
    // The kernel never maps page zero for a null address hint.
    NonNull::new(address.cast()).ok_or(Errno(libc::EINVAL))
}

/// `shmdt(address)`.
///
/// # Safety
/// `address` came from [`shmat`] and was not detached since, and nothing uses the mapped bytes any more.
pub(crate) unsafe fn shmdt(address: NonNull<u8>) -> Raw<()> {
    // SAFETY: by this function's contract the caller owns the mapping and it is no longer used.
    check(unsafe { libc::shmdt(address.as_ptr().cast_const().cast()) }).map(drop)
}

/// `shmctl(id, command, structure)` for commands that fill a structure no larger than `T`.
///
/// # Safety
/// `command` writes at most `size_of::<T>()` bytes and leaves a valid `T`.
unsafe fn read<T>(id: i32, command: i32) -> Raw<(i32, T)> {
    let mut structure = MaybeUninit::<T>::zeroed();
    // SAFETY: the pointer is to a live `T`, and by contract the command writes no more than that.
    let answer = check(unsafe { libc::shmctl(id, command, structure.as_mut_ptr().cast()) })?;
    // SAFETY: the call succeeded, so by contract the structure is a valid `T`.
    Ok((answer, unsafe { structure.assume_init() }))
}

/// `shmctl(id, IPC_STAT)`.
pub(crate) fn shm_stat(id: i32) -> Raw<ShmidDs> {
    // SAFETY: IPC_STAT writes one shmid_ds, all of whose bit patterns are valid.
    unsafe { read(id, libc::IPC_STAT) }.map(|(_, stat)| stat)
}

/// `shmctl(index, SHM_STAT_ANY)`, or `SHM_STAT` when `any` is false: the identifier and the structure of a
/// slot.
pub(crate) fn shm_stat_slot(index: i32, any: bool) -> Raw<(i32, ShmidDs)> {
    // SAFETY: both commands write one shmid_ds, all of whose bit patterns are valid.
    unsafe { read(index, if any { SHM_STAT_ANY } else { SHM_STAT }) }
}

/// `shmctl(0, IPC_INFO)`: the highest slot in use and the limits.
pub(crate) fn shm_limits() -> Raw<(i32, ShmLimits)> {
    // SAFETY: IPC_INFO writes one `struct shminfo`, all of whose bit patterns are valid.
    unsafe { read(0, libc::IPC_INFO) }
}

/// `shmctl(0, SHM_INFO)`: the highest slot in use and the usage.
pub(crate) fn shm_info() -> Raw<(i32, ShmInfo)> {
    // SAFETY: SHM_INFO writes one `struct shm_info`, all of whose bit patterns are valid.
    unsafe { read(0, SHM_INFO) }
}

/// `shmctl(id, IPC_SET, structure)`.
pub(crate) fn shm_set(id: i32, stat: &ShmidDs) -> Raw<()> {
    let mut copy = *stat;
    // SAFETY: the pointer is to a live shmid_ds, which IPC_SET only reads.
    check(unsafe { libc::shmctl(id, libc::IPC_SET, (&raw mut copy).cast()) }).map(drop)
}

/// `shmctl(id, command, NULL)` for `IPC_RMID`, `SHM_LOCK` and `SHM_UNLOCK`.
fn plain(id: i32, command: i32) -> Raw<()> {
    // SAFETY: the three commands do not look at the pointer.
    check(unsafe { libc::shmctl(id, command, core::ptr::null_mut()) }).map(drop)
}

/// `shmctl(id, IPC_RMID)`.
pub(crate) fn shm_remove(id: i32) -> Raw<()> {
    plain(id, libc::IPC_RMID)
}

/// `shmctl(id, SHM_LOCK)`.
pub(crate) fn shm_lock(id: i32) -> Raw<()> {
    plain(id, libc::SHM_LOCK)
}

/// `shmctl(id, SHM_UNLOCK)`.
pub(crate) fn shm_unlock(id: i32) -> Raw<()> {
    plain(id, libc::SHM_UNLOCK)
}

const _: () = assert!(size_of::<usize>() == size_of::<libc::size_t>());
