//! `semget`, `semop`, `semtimedop`, `semctl`.

use core::mem::{MaybeUninit, size_of};
use core::time::Duration;

use nix::libc;

use super::abi::{SemctlArgument, semtimedop};
use super::guarded::GuardedArray;
use super::records::{SemInfo, SemidDs};
use super::{Errno, Raw, check, timespec};

/// `semget(key, count, flags)`, bypassing the C library: musl rejects more than 65535 semaphores, as POSIX
/// has 16 bits for their number, but the kernel allows them.
pub(crate) fn semget(key: i32, count: i32, flags: i32) -> Raw<i32> {
    // SAFETY: no pointers; any integers are allowed.
    let id = unsafe { libc::syscall(libc::SYS_semget, key, count, flags) };
    i32::try_from(id).map_err(|_| Errno::last()).and_then(check)
}

/// `semop(id, operations)`, where `T` is a transparent wrapper of `sembuf`. The kernel only reads, and any
/// six bytes are an operation.
#[inline]
pub(crate) fn semop<T: Copy>(id: i32, operations: &[T]) -> Raw<()> {
    const { assert!(size_of::<T>() == size_of::<libc::sembuf>()) };
    let pointer = operations.as_ptr().cast_mut().cast();
    // SAFETY: pointer and length are those of one live slice of elements as large as a sembuf; the kernel
    // only reads it.
    check(unsafe { libc::semop(id, pointer, operations.len()) }).map(drop)
}

/// `semtimedop(id, operations, timeout)`, as [`semop`]; the timeout is relative, on the monotonic clock.
#[inline]
pub(crate) fn semop_timeout<T: Copy>(id: i32, operations: &[T], timeout: Duration) -> Raw<()> {
    const { assert!(size_of::<T>() == size_of::<libc::sembuf>()) };
    let timeout = timespec(timeout);
    let pointer = operations.as_ptr().cast_mut().cast();
    // SAFETY: pointer and length are those of one live slice of elements as large as a sembuf, the timespec
    // is a local; the kernel only reads both.
    check(unsafe { semtimedop(id, pointer, operations.len(), &raw const timeout) }).map(drop)
}

/// `semctl(id, index, command)` for `GETVAL`, `GETPID`, `GETNCNT`, `GETZCNT`, `IPC_RMID`.
fn plain(id: i32, index: i32, command: i32) -> Raw<i32> {
    // SAFETY: these commands do not look at the fourth argument; it is passed whole all the same.
    check(unsafe { libc::semctl(id, index, command, SemctlArgument { whole: 0 }) })
}

/// `semctl(id, index, GETVAL)`.
pub(crate) fn sem_value(id: i32, index: i32) -> Raw<i32> {
    plain(id, index, libc::GETVAL)
}

/// `semctl(id, index, GETPID)`.
pub(crate) fn sem_last_pid(id: i32, index: i32) -> Raw<i32> {
    plain(id, index, libc::GETPID)
}

/// `semctl(id, index, GETNCNT)`.
pub(crate) fn sem_waiting_for_increase(id: i32, index: i32) -> Raw<i32> {
    plain(id, index, libc::GETNCNT)
}

/// `semctl(id, index, GETZCNT)`.
pub(crate) fn sem_waiting_for_zero(id: i32, index: i32) -> Raw<i32> {
    plain(id, index, libc::GETZCNT)
}

/// `semctl(id, 0, IPC_RMID)`.
pub(crate) fn sem_remove(id: i32) -> Raw<()> {
    plain(id, 0, libc::IPC_RMID).map(drop)
}

/// `semctl(id, index, SETVAL, value)`.
pub(crate) fn sem_set_value(id: i32, index: i32, value: i32) -> Raw<()> {
    // SAFETY: SETVAL reads the integer member, which is set.
    check(unsafe { libc::semctl(id, index, libc::SETVAL, SemctlArgument { value }) }).map(drop)
}

/// A value that no semaphore can have.
const NO_VALUE: u16 = u16::MAX;

/// `semctl(id, 0, GETALL, values)` of a set that is known to have `count` semaphores. EFAULT: it has more.
/// EIDRM: it has fewer. In either case the identifier names another set than when the count was read.
pub(crate) fn sem_values(id: i32, count: usize) -> Raw<Vec<u16>> {
    let mut values = GuardedArray::new(count, NO_VALUE)?;
    let argument = SemctlArgument { array: values.as_mut_ptr() };
    // SAFETY: the kernel uses the number in the set, and stops at the guard page after the array when that is
    // larger than ours.
    check(unsafe { libc::semctl(id, 0, libc::GETALL, argument) })?;
    let values = values.as_mut_slice();
    if values.contains(&NO_VALUE) { Err(Errno(libc::EIDRM)) } else { Ok(values.to_vec()) }
}

/// `semctl(id, 0, SETALL, values)`. EFAULT, and nothing set: the set has more semaphores than there are
/// values.
pub(crate) fn sem_set_values(id: i32, values: &[u16]) -> Raw<()> {
    let mut array = GuardedArray::new(values.len(), 0)?;
    array.as_mut_slice().copy_from_slice(values);
    let argument = SemctlArgument { array: array.as_mut_ptr() };
    // SAFETY: the kernel uses the number in the set, and stops at the guard page after the array when that is
    // larger than ours; it only reads.
    check(unsafe { libc::semctl(id, 0, libc::SETALL, argument) }).map(drop)
}

/// The `semctl` commands that fill a `semid_ds`: `IPC_STAT`, `SEM_STAT`, `SEM_STAT_ANY`.
fn structure(id: i32, command: i32) -> Raw<(i32, SemidDs)> {
    let mut structure = MaybeUninit::<SemidDs>::zeroed();
    let argument = SemctlArgument { buffer: structure.as_mut_ptr() };
    // SAFETY: the three commands write one semid_ds, which the pointer is to.
    let answer = check(unsafe { libc::semctl(id, 0, command, argument) })?;
    // SAFETY: the memory was zeroed and then filled; all bit patterns of a semid_ds are valid.
    Ok((answer, unsafe { structure.assume_init() }))
}

/// `semctl(id, 0, IPC_STAT)`.
pub(crate) fn sem_stat(id: i32) -> Raw<SemidDs> {
    structure(id, libc::IPC_STAT).map(|(_, stat)| stat)
}

/// `semctl(index, 0, SEM_STAT_ANY)`, or `SEM_STAT` when `any` is false: the identifier and the structure of a
/// slot.
pub(crate) fn sem_stat_slot(index: i32, any: bool) -> Raw<(i32, SemidDs)> {
    structure(index, if any { libc::SEM_STAT_ANY } else { libc::SEM_STAT })
}

/// `semctl(id, 0, IPC_SET, structure)`.
pub(crate) fn sem_set(id: i32, stat: &SemidDs) -> Raw<()> {
    let mut copy = *stat;
    let argument = SemctlArgument { buffer: &raw mut copy };
    // SAFETY: IPC_SET reads one semid_ds, which the pointer is to.
    check(unsafe { libc::semctl(id, 0, libc::IPC_SET, argument) }).map(drop)
}

/// `semctl(0, 0, IPC_INFO)`, or `SEM_INFO` when `usage` is true: the highest slot in use and the numbers.
pub(crate) fn sem_info(usage: bool) -> Raw<(i32, SemInfo)> {
    let mut info = MaybeUninit::<SemInfo>::zeroed();
    let argument = SemctlArgument { info: info.as_mut_ptr() };
    let command = if usage { libc::SEM_INFO } else { libc::IPC_INFO };
    // SAFETY: both commands write one seminfo, which the pointer is to.
    let answer = check(unsafe { libc::semctl(0, 0, command, argument) })?;
    // SAFETY: the memory was zeroed and then filled; all bit patterns of a seminfo are valid.
    Ok((answer, unsafe { info.assume_init() }))
}
