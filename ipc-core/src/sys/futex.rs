//! `futex`, for words that processes share.

use core::sync::atomic::AtomicU32;
use core::time::Duration;

use nix::libc;

use super::{Errno, Raw, timespec};

/// `futex(word, FUTEX_WAIT, expected, timeout)`; the timeout is relative, on the monotonic clock.
#[inline]
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Duration) -> Raw<()> {
    let timeout = timespec(timeout);
    // SAFETY: the word lives as long as the call, the timespec is a local; the kernel reads both and changes
    // nothing.
    let answer = unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &raw const timeout)
    };
    if answer == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// `futex(word, FUTEX_WAKE, most)`; returns the number of threads woken.
#[inline]
pub(crate) fn futex_wake(word: &AtomicU32, most: i32) -> Raw<u32> {
    // SAFETY: the kernel uses the address of a live word as a name, and reads nothing there.
    let answer = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, most) };
    u32::try_from(answer).map_err(|_| Errno::last())
}
