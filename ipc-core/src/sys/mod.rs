//! The only system calls of this crate.
//!
//! Every function here is one call into the C library with Rust types around it: it checks nothing, retries
//! nothing and decides nothing. An error is the raw errno. Its meaning depends on the call and is decided by
//! the callers.
//!
//! # Safety
//! This is one of the few places where `unsafe` is allowed. Each function here is safe to call with any
//! argument: pointers handed to the kernel always come from references that live for the whole call, with
//! lengths taken from those references. The exceptions (`shmat`, `shmdt`) return or take an address and state
//! the caller's obligations.
#![allow(unsafe_code)]

mod abi;
mod futex;
mod guarded;
mod membarrier;
mod memory;
mod msg;
mod pidfd;
mod random;
mod records;
mod sem;
mod shm;

pub(crate) use abi::shm_flags;
pub(crate) use futex::{futex_wait, futex_wake};
pub(crate) use membarrier::{MembarrierCommand, membarrier};
pub(crate) use memory::{EmptiedPage, advise_dump, advise_no_fork, mlock, page_emptied_by_fork, populate};
pub(crate) use msg::*;
pub(crate) use pidfd::{pidfd_open, pidfd_send_signal};
pub(crate) use random::getrandom;
pub(crate) use records::{IpcPerm, MsqidDs, SemidDs, ShmidDs};
pub(crate) use sem::*;
pub(crate) use shm::*;

/// The `errno` of a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

impl Errno {
    /// Reads the calling thread's errno.
    fn last() -> Errno {
        Errno(nix::errno::Errno::last_raw())
    }
}

/// The result of a call: its value, or the errno.
pub(crate) type Raw<T> = core::result::Result<T, Errno>;

/// Turns the usual "-1 means look at errno" into a `Raw`.
fn check(answer: i32) -> Raw<i32> {
    if answer == -1 { Err(Errno::last()) } else { Ok(answer) }
}

/// A relative timeout; one that is too long for the kernel's types is shortened to their maximum.
fn timespec(timeout: core::time::Duration) -> nix::libc::timespec {
    nix::libc::timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    }
}
