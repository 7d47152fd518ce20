//! The records that the kernel fills for `IPC_STAT` and its relatives, as the kernel defines them.
//!
//! On 64-bit architectures glibc and musl pass the caller's buffer to the kernel as it is, so one definition
//! holds for both. The `libc` crate's definitions do not suffice: for musl it has neither `semid_ds` nor
//! `seminfo`, and the width of the mode differs between C libraries and their versions.
//!
//! # References
//! Linux: include/uapi/asm-generic/{ipcbuf,shmbuf,msgbuf,sembuf}.h, arch/x86/include/uapi/asm/sembuf.h,
//! include/uapi/linux/sem.h. musl 1.2: arch/x86_64/bits/{ipc,shm,msg,sem}.h, arch/generic/bits/sem.h,
//! include/sys/sem.h.

use core::mem::{offset_of, size_of};

use nix::libc::{c_int, c_long, c_ulong, c_ushort, pid_t};

/// `struct ipc64_perm`, the start of each record; `struct ipc_perm` of the C libraries.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct IpcPerm {
    pub(crate) key: i32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) cuid: u32,
    pub(crate) cgid: u32,
    /// The nine permission bits, and for segments flags above them.
    pub(crate) mode: u32,
    pub(crate) seq: u16,
    padding: u16,
    unused: [c_ulong; 2],
}

/// `struct shmid64_ds`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShmidDs {
    pub(crate) shm_perm: IpcPerm,
    pub(crate) shm_segsz: usize,
    pub(crate) shm_atime: c_long,
    pub(crate) shm_dtime: c_long,
    pub(crate) shm_ctime: c_long,
    pub(crate) shm_cpid: pid_t,
    pub(crate) shm_lpid: pid_t,
    pub(crate) shm_nattch: c_ulong,
    unused: [c_ulong; 2],
}

/// `struct msqid64_ds`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct MsqidDs {
    pub(crate) msg_perm: IpcPerm,
    pub(crate) msg_stime: c_long,
    pub(crate) msg_rtime: c_long,
    pub(crate) msg_ctime: c_long,
    pub(crate) msg_cbytes: c_ulong,
    pub(crate) msg_qnum: c_ulong,
    pub(crate) msg_qbytes: c_ulong,
    pub(crate) msg_lspid: pid_t,
    pub(crate) msg_lrpid: pid_t,
    unused: [c_ulong; 2],
}

/// `struct semid64_ds`. On x86-64 each time is followed by a word, as in its 32-bit ancestor.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct SemidDs {
    pub(crate) sem_perm: IpcPerm,
    pub(crate) sem_otime: c_long,
    #[cfg(target_arch = "x86_64")]
    unused_1: c_ulong,
    pub(crate) sem_ctime: c_long,
    #[cfg(target_arch = "x86_64")]
    unused_2: c_ulong,
    /// 16 bits in musl's headers, followed by padding; the kernel writes all of it.
    pub(crate) sem_nsems: c_ulong,
    unused_3: [c_ulong; 2],
}

/// `struct seminfo` of `semctl(IPC_INFO)` and `SEM_INFO`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct SemInfo {
    semmap: c_int,
    pub(crate) semmni: c_int,
    pub(crate) semmns: c_int,
    semmnu: c_int,
    pub(crate) semmsl: c_int,
    pub(crate) semopm: c_int,
    semume: c_int,
    pub(crate) semusz: c_int,
    pub(crate) semvmx: c_int,
    pub(crate) semaem: c_int,
}

/// `struct msginfo` of `msgctl(IPC_INFO)` and `MSG_INFO`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct MsgInfo {
    pub(crate) msgpool: c_int,
    pub(crate) msgmap: c_int,
    pub(crate) msgmax: c_int,
    pub(crate) msgmnb: c_int,
    pub(crate) msgmni: c_int,
    msgssz: c_int,
    pub(crate) msgtql: c_int,
    msgseg: c_ushort,
}

/// `struct shminfo` of `shmctl(IPC_INFO)`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShmLimits {
    pub(crate) shmmax: c_ulong,
    pub(crate) shmmin: c_ulong,
    pub(crate) shmmni: c_ulong,
    pub(crate) shmseg: c_ulong,
    pub(crate) shmall: c_ulong,
    unused: [c_ulong; 4],
}

/// `struct shm_info` of `shmctl(SHM_INFO)`. Counts of pages, except `used_ids`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShmInfo {
    pub(crate) used_ids: c_int,
    pub(crate) shm_tot: c_ulong,
    pub(crate) shm_rss: c_ulong,
    pub(crate) shm_swp: c_ulong,
    swap_attempts: c_ulong,
    swap_successes: c_ulong,
}

const _: () = {
    let x86 = cfg!(target_arch = "x86_64");
    assert!(size_of::<IpcPerm>() == 48);
    assert!(offset_of!(IpcPerm, mode) == 20);
    assert!(offset_of!(IpcPerm, seq) == 24);
    assert!(size_of::<ShmidDs>() == 112);
    assert!(offset_of!(ShmidDs, shm_segsz) == 48);
    assert!(offset_of!(ShmidDs, shm_nattch) == 88);
    assert!(size_of::<MsqidDs>() == 120);
    assert!(offset_of!(MsqidDs, msg_qbytes) == 88);
    assert!(size_of::<SemidDs>() == if x86 { 104 } else { 88 });
    assert!(offset_of!(SemidDs, sem_nsems) == if x86 { 80 } else { 64 });
    assert!(size_of::<SemInfo>() == 40);
    assert!(size_of::<MsgInfo>() == 32);
    assert!(size_of::<ShmLimits>() == 72);
    assert!(offset_of!(ShmLimits, shmall) == 32);
    assert!(size_of::<ShmInfo>() == 48);
    assert!(offset_of!(ShmInfo, shm_tot) == 8);
};
