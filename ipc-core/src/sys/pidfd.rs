//! `pidfd_open` and `pidfd_send_signal`, which the C library does not have everywhere.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use nix::libc;

use super::{Errno, Raw};

/// A descriptor of the process that has this id now.
pub(crate) fn pidfd_open(pid: u32) -> Raw<OwnedFd> {
    // SAFETY: two numbers; the kernel checks them.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0) };
    match i32::try_from(answer) {
        // SAFETY: the kernel has just made this descriptor for us; no other code owns it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(Errno::last()),
    }
}

/// Sends a signal to the process of a descriptor.
pub(crate) fn pidfd_send_signal(process: &OwnedFd, signal: i32) -> Raw<()> {
    let info = core::ptr::null::<libc::siginfo_t>();
    // SAFETY: a live descriptor and a null pointer, which stands for the usual information about the sender.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, info, 0) };
    if answer == 0 { Ok(()) } else { Err(Errno::last()) }
}
