//! Constants of the kernel interface that the `libc` crate lacks, the argument of `semctl`, and the supported
//! platforms.

use core::mem::{align_of, offset_of, size_of};

use nix::libc;

use super::records::{SemInfo, SemidDs};

/// Flag bits of `shmget` and of `shm_perm.mode` that `libc` does not name.
pub(crate) mod shm_flags {
    /// `shm_perm.mode`: removed, waiting for the last detach.
    pub(crate) const DEST: u32 = 0o1000;
    /// `shm_perm.mode`: locked into memory.
    pub(crate) const LOCKED: u32 = 0o2000;
    /// `shmget`: the shift of the logarithm of the huge page size.
    pub(crate) const HUGE_SHIFT: u32 = 26;
}

/// `shmctl` command: like `IPC_STAT`, by slot index.
pub(crate) const SHM_STAT: i32 = 13;
/// `shmctl` command: usage of the whole namespace.
pub(crate) const SHM_INFO: i32 = 14;
/// `shmctl` command: like `SHM_STAT`, without a permission check.
pub(crate) const SHM_STAT_ANY: i32 = 15;
/// `msgctl` command: like `MSG_STAT`, without a permission check.
pub(crate) const MSG_STAT_ANY: i32 = 13;

/// The fourth argument of `semctl`. Passed as the whole union, as the C libraries read it, never as a bare
/// integer.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) union SemctlArgument {
    pub(crate) value: libc::c_int,
    pub(crate) buffer: *mut SemidDs,
    pub(crate) array: *mut libc::c_ushort,
    pub(crate) info: *mut SemInfo,
    pub(crate) whole: libc::c_ulong,
}

// The signature is that of semop(2)'s page and of the C library's <sys/sem.h>.
unsafe extern "C" {
    /// In glibc and musl, but not declared by the `libc` crate.
    pub(crate) fn semtimedop(
        semid: libc::c_int,
        sops: *mut libc::sembuf,
        nsops: libc::size_t,
        timeout: *const libc::timespec,
    ) -> libc::c_int;
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("ipc-core supports 64-bit Linux only: the records of a 32-bit kernel interface are others");

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
compile_error!(
    "ipc-core supports x86-64, aarch64 and riscv64: the kernel's records have not been compared on others"
);

#[cfg(not(any(target_env = "gnu", target_env = "musl")))]
compile_error!(
    "ipc-core supports the C libraries glibc and musl: another may translate the kernel's records"
);

const _: () = {
    assert!(size_of::<libc::sembuf>() == 6);
    assert!(offset_of!(libc::sembuf, sem_op) == 2);
    assert!(offset_of!(libc::sembuf, sem_flg) == 4);
    assert!(size_of::<SemctlArgument>() == size_of::<libc::c_ulong>());
    assert!(align_of::<SemctlArgument>() == align_of::<libc::c_ulong>());
    // On 32-bit architectures musl marks the commands with 64-bit times (0x100); here it marks none.
    assert!(libc::IPC_STAT == 2);
    assert!(libc::MSG_STAT == 11);
    assert!(libc::SEM_STAT == 18);
    assert!(libc::SEM_STAT_ANY == 20);
};
