//! Sleeping on a word of shared memory: `futex`, in the form that works between processes.
//!
//! The kernel puts a thread to sleep if a word still holds the value that the thread read; a process that
//! changes the word wakes it. Nothing has to be created or removed, and a word costs four bytes. But a word
//! remembers only what is written to it, a process that dies wakes no sleeper, and a sleeper does not notice
//! that the memory was released. Where that matters, use [semaphores](crate::sem).
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::{Duration, Instant};
//! use ipc_core::{Key, futex, shm};
//!
//! let memory = shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?;
//! let attached = memory.attach()?;
//! memory.remove()?;
//! let word = attached.atomic_u32(0).unwrap();
//!
//! // The word does not change, so the deadline passes.
//! assert!(!futex::wait_deadline(word, 0, Instant::now() + Duration::from_millis(1))?);
//! // It has changed already, so there is no sleep.
//! word.store(1, Ordering::Release);
//! assert!(futex::wait_deadline(word, 0, Instant::now() + Duration::from_secs(100))?);
//! assert_eq!(futex::wake(word, 1)?, 0); // no thread sleeps there
//! # Ok::<(), ipc_core::Error>(())
//! ```

use core::sync::atomic::AtomicU32;
use std::time::Instant;

use nix::libc;

use crate::error::{Error, ErrorKind, Result};
use crate::sys::{self, Errno};
use crate::time::left;

#[cold]
fn failure(arguments: String, errno: Errno) -> Error {
    let kind = match errno.0 {
        libc::ENOSYS | libc::EPERM => ErrorKind::Unsupported,
        libc::EFAULT | libc::EINVAL => ErrorKind::Invalid,
        libc::ENOMEM => ErrorKind::OutOfMemory,
        libc::EINTR => ErrorKind::Interrupted,
        _ => ErrorKind::Other,
    };
    Error::os("futex", arguments, errno, kind)
}

/// `futex(FUTEX_WAIT)`—sleeps while the word holds `expected`. `true`: [`wake`] was called, the word held
/// another value, or the wake-up was spurious: check again. `false`: the deadline has passed.
///
/// # Errors
/// [`ErrorKind::Unsupported`] (ENOSYS, EPERM): a sandbox forbids it.
///
/// # Blocking
/// Until the deadline. An interruption by a signal is retried with the same deadline.
///
/// ```
/// # use std::sync::atomic::AtomicU32;
/// # use std::time::Instant;
/// let word = AtomicU32::new(7);
/// assert!(!ipc_core::futex::wait_deadline(&word, 7, Instant::now())?);
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// futex(2)
#[doc(alias = "futex")]
pub fn wait_deadline(word: &AtomicU32, expected: u32, deadline: Instant) -> Result<bool> {
    loop {
        match wait_deadline_interruptible(word, expected, deadline) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// As [`wait_deadline`], but returns [`ErrorKind::Interrupted`] when a signal handler ran.
///
/// # Errors
/// As of [`wait_deadline`], and `Interrupted` (EINTR).
///
/// ```
/// # use std::sync::atomic::AtomicU32;
/// # use std::time::Instant;
/// let word = AtomicU32::new(7);
/// assert!(!ipc_core::futex::wait_deadline_interruptible(&word, 7, Instant::now())?);
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// futex(2)
pub fn wait_deadline_interruptible(word: &AtomicU32, expected: u32, deadline: Instant) -> Result<bool> {
    loop {
        let left = left(deadline);
        if left.is_zero() {
            return Ok(false);
        }
        match sys::futex_wait(word, expected, left) {
            Ok(()) => return Ok(true),
            Err(errno) => match errno.0 {
                libc::EAGAIN => return Ok(true),
                libc::ETIMEDOUT => {}
                _ => return Err(failure(format!("FUTEX_WAIT, expected={expected}"), errno)),
            },
        }
    }
}

/// `futex(FUTEX_WAKE)`—wakes up to `most` threads, of any process, that sleep on the word. Change the word
/// first. Returns the number of threads woken.
///
/// # Errors
/// As of [`wait_deadline`].
///
/// ```
/// # use std::sync::atomic::AtomicU32;
/// assert_eq!(ipc_core::futex::wake(&AtomicU32::new(0), 1)?, 0);
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// futex(2)
#[doc(alias = "futex")]
pub fn wake(word: &AtomicU32, most: u32) -> Result<u32> {
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    sys::futex_wake(word, most).map_err(|errno| failure(format!("FUTEX_WAKE, most={most}"), errno))
}
