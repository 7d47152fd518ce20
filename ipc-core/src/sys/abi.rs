//! Structures and constants of the kernel interface that the `libc` crate lacks, and size checks for those it has.

use core::mem::{align_of, offset_of, size_of};

use nix::libc;

/// Flag bits of `shmget` and of `shm_perm.mode` that `libc` does not name.
pub(crate) mod shm_flags {
    /// `shm_perm.mode`: removed, waiting for the last detach.
    pub(crate) const DEST: u32 = 0o1000;
    /// `shm_perm.mode`: locked into memory.
    pub(crate) const LOCKED: u32 = 0o2000;
    /// `shmget`: how far the logarithm of the huge page size is shifted.
    pub(crate) const HUGE_SHIFT: u32 = 26;
}

/// `shmctl` command: as `IPC_STAT`, by slot index.
pub(crate) const SHM_STAT: i32 = 13;
/// `shmctl` command: usage of the whole namespace.
pub(crate) const SHM_INFO: i32 = 14;
/// `shmctl` command: as `SHM_STAT`, without a permission check.
pub(crate) const SHM_STAT_ANY: i32 = 15;
/// `msgctl` command: as `MSG_STAT`, without a permission check.
pub(crate) const MSG_STAT_ANY: i32 = 13;

/// `struct shminfo` of `shmctl(IPC_INFO)`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShmLimits {
    pub(crate) shmmax: libc::c_ulong,
    pub(crate) shmmin: libc::c_ulong,
    pub(crate) shmmni: libc::c_ulong,
    pub(crate) shmseg: libc::c_ulong,
    pub(crate) shmall: libc::c_ulong,
    reserved: [libc::c_ulong; 4],
}

/// `struct shm_info` of `shmctl(SHM_INFO)`. Counts of pages, but for `used_ids`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShmInfo {
    pub(crate) used_ids: libc::c_int,
    pub(crate) shm_tot: libc::c_ulong,
    pub(crate) shm_rss: libc::c_ulong,
    pub(crate) shm_swp: libc::c_ulong,
    pub(crate) swap_attempts: libc::c_ulong,
    pub(crate) swap_successes: libc::c_ulong,
}

/// The fourth argument of `semctl`. Passed whole, as the C libraries read it, never as a bare integer.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) union SemctlArgument {
    pub(crate) value: libc::c_int,
    pub(crate) buffer: *mut libc::semid_ds,
    pub(crate) array: *mut libc::c_ushort,
    pub(crate) info: *mut libc::seminfo,
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
compile_error!(
    "ipc-core supports 64-bit Linux only: semtimedop, the *_INFO calls and the structure sizes below are Linux's"
);

#[cfg(all(target_os = "linux", not(target_env = "gnu")))]
compile_error!("ipc-core needs the GNU C library: for musl, the libc crate has neither semid_ds nor seminfo");

const _: () = {
    assert!(size_of::<libc::ipc_perm>() == 48);
    assert!(size_of::<libc::shmid_ds>() == 112);
    assert!(size_of::<libc::msqid_ds>() == 120);
    assert!(size_of::<libc::semid_ds>() == if cfg!(target_arch = "x86_64") { 104 } else { 88 });
    assert!(size_of::<libc::sembuf>() == 6);
    assert!(size_of::<libc::seminfo>() == 40);
    assert!(size_of::<libc::msginfo>() == 32);
    assert!(size_of::<ShmLimits>() == 72);
    assert!(size_of::<ShmInfo>() == 48);
    assert!(size_of::<SemctlArgument>() == size_of::<libc::c_ulong>());
    assert!(align_of::<SemctlArgument>() == align_of::<libc::c_ulong>());
    assert!(offset_of!(libc::sembuf, sem_op) == 2);
    assert!(offset_of!(libc::sembuf, sem_flg) == 4);
    assert!(offset_of!(ShmLimits, shmall) == 32);
    assert!(offset_of!(ShmInfo, shm_tot) == 8);
    assert!(offset_of!(libc::shmid_ds, shm_segsz) == 48);
    assert!(offset_of!(libc::shmid_ds, shm_nattch) == 88);
    assert!(offset_of!(libc::msqid_ds, msg_qbytes) == 88);
    assert!(offset_of!(libc::ipc_perm, mode) == 20);
    // The information calls write another structure through the pointer of the ordinary one.
    assert!(size_of::<libc::shmid_ds>() >= size_of::<ShmLimits>());
};
