//! Liveness by the kernel: whether a process is alive, and an immediate wake-up when it dies.
//!
//! A process holds one semaphore raised by one with undo: its token. When the process ends, for whatever
//! reason, the kernel lowers it and wakes the processes that wait for zero. There is no polling, no
//! heartbeat, and no process id that might have been reused.
//!
//! What a token guarantees, exactly:
//! - Zero means that **no thread of its process can store to shared memory any more**: the kernel reverts
//!   only after the address space is gone.
//! - It belongs to the process: a thread that ends does not release it, not even the one that claimed it.
//! - A child made by `fork` does not hold it. A program started by `exec` does, though the attachments are
//!   gone.
//! - A stopped process is alive. A core dump delays the release until it is written.
//! - [`SemaphoreSet::set_value`] on it, by any process, makes the token immortal: never do that.
//! - After the set is removed, every query is an error, never the answer "dead".
//! - `unshare` of the IPC namespace or of CLONE_SYSVSEM releases it early.
//!
//! ```
//! use ipc_core::{Key, Mode, RemoveOnDrop, liveness::{DeathWatch, ProcessToken}, sem::SemaphoreSet};
//! use std::time::{Duration, Instant};
//!
//! // One semaphore for each process that may take part, in a set that all of them know.
//! let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 64, Mode::PRIVATE)?);
//! let mine = ProcessToken::claim(&set, 0)?.expect("no other process is number 0");
//!
//! // Another process is number 1, and has gone or never came:
//! assert!(DeathWatch::wait_deadline(&set, 1, Instant::now() + Duration::from_secs(1))?);
//! # Ok::<(), ipc_core::Error>(())
//! ```

use core::mem::ManuallyDrop;
use std::time::Instant;

use nix::libc;

use crate::error::{Error, ErrorKind, Result};
use crate::process::ProcessMark;
use crate::sem::{Op, SemaphoreSet, lower};
use crate::sys::{self, Errno};

/// One semaphore held for as long as this process lives.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, liveness::{self, ProcessToken}, sem::SemaphoreSet};
///
/// let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 64, Mode::PRIVATE)?);
/// let token = ProcessToken::claim(&set, 5)?.expect("it is free");
/// assert!(liveness::is_alive(&set, 5)?);
/// assert!(ProcessToken::claim(&set, 5)?.is_none()); // held
/// token.release()?;
/// assert!(!liveness::is_alive(&set, 5)?);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping the token releases it"]
pub struct ProcessToken {
    set: SemaphoreSet,
    index: u16,
    process: ProcessMark,
}

impl ProcessToken {
    /// Claims semaphore `index` for this process, in one call: raises it from zero to one with undo. `None`:
    /// another process holds it.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::try_perform`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, liveness::ProcessToken, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// let token = ProcessToken::claim(&set, 0)?.expect("free");
    /// assert_eq!(set.value(0)?, 1);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// semop(2), SEM_UNDO
    pub fn claim(set: &SemaphoreSet, index: u16) -> Result<Option<ProcessToken>> {
        let operations = [Op::wait_zero(index).no_wait(), Op::add(index, 1).undo().no_wait()];
        let claimed = set.try_perform(&operations)?;
        Ok(claimed.then(|| ProcessToken { set: *set, index, process: ProcessMark::current() }))
    }

    /// The semaphore held.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, liveness::ProcessToken, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 9, Mode::PRIVATE)?);
    /// assert_eq!(ProcessToken::claim(&set, 8)?.unwrap().index(), 8);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Releases the token now, and reports an error, which drop cannot.
    ///
    /// # Errors
    /// [`ErrorKind::NotHeld`] when the kernel has no record that this process holds it, or in a child made by
    /// `fork`, whose parent's it is: nothing is changed then. And as of [`SemaphoreSet::perform`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, liveness::ProcessToken, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// ProcessToken::claim(&set, 0)?.unwrap().release()?;
    /// assert_eq!(set.value(0)?, 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn release(self) -> Result<()> {
        ManuallyDrop::new(self).lower()
    }

    fn lower(&self) -> Result<()> {
        lower(self.set, self.index, self.process)
    }
}

impl Drop for ProcessToken {
    fn drop(&mut self) {
        // The set may be gone, or the token lost.
        let _ = self.lower();
    }
}

/// Whether semaphore `index` is held by a living process.
///
/// One `semop` that does not wait. Unlike reading the value, it does not lock the set; it needs only the
/// right to read.
///
/// # Errors
/// As of [`SemaphoreSet::try_perform`]: a removed set is an error, not a death.
///
/// ```
/// # use ipc_core::{Key, Mode, RemoveOnDrop, liveness, sem::SemaphoreSet};
/// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
/// assert!(!liveness::is_alive(&set, 0)?);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[inline]
pub fn is_alive(set: &SemaphoreSet, index: u16) -> Result<bool> {
    set.try_perform(&[Op::wait_zero(index).no_wait()]).map(|zero| !zero)
}

/// Kills the process that holds semaphore `index`, with SIGKILL. `false`: it is not held, or its holder is
/// just ending.
///
/// For a process that is stopped or stuck: it is alive, and only its end guarantees that it never stores to
/// shared memory again. Returns when the signal has been sent; [`DeathWatch`] waits for its effect.
///
/// The kernel identifies the holder: it records the process that last changed a semaphore, as a process id in
/// the caller's PID namespace. The id is turned into a descriptor, then the semaphore is checked again, so an
/// id that was reused meanwhile does no harm.
///
/// # Errors
/// [`ErrorKind::PermissionDenied`] (EPERM): another user's process. [`ErrorKind::NotFound`]: the holder is in
/// a process namespace that the caller does not see. [`ErrorKind::Unsupported`]: Linux before 5.3. And as of
/// [`SemaphoreSet::last_pid`].
///
/// ```
/// # use ipc_core::{Key, Mode, RemoveOnDrop, liveness, sem::SemaphoreSet};
/// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
/// assert!(!liveness::kill_holder(&set, 0)?); // it is not held
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// semctl(2) GETPID, pidfd_open(2), pidfd_send_signal(2)
#[doc(alias = "pidfd_send_signal")]
pub fn kill_holder(set: &SemaphoreSet, index: u16) -> Result<bool> {
    if !is_alive(set, index)? {
        return Ok(false);
    }
    let arguments = |pid: u32| format!("pid={pid}, holder of semaphore {index}");
    let Some(pid) = set.last_pid(index)? else {
        return Err(Error::refused(
            "pidfd_open",
            arguments(0),
            ErrorKind::NotFound,
            "the holder is in a process namespace that is not seen from here".to_owned(),
        ));
    };
    let process = match sys::pidfd_open(pid) {
        Ok(process) => process,
        Err(errno) if errno.0 == libc::ESRCH => return Ok(false),
        Err(errno) => return Err(Error::os("pidfd_open", arguments(pid), errno, kind(errno))),
    };
    // Still the same holder, so the descriptor refers to it.
    if !is_alive(set, index)? || set.last_pid(index)? != Some(pid) {
        return Ok(false);
    }
    match sys::pidfd_send_signal(&process, libc::SIGKILL) {
        Ok(()) => Ok(true),
        Err(errno) if errno.0 == libc::ESRCH => Ok(false),
        Err(errno) => Err(Error::os("pidfd_send_signal", arguments(pid), errno, kind(errno))),
    }
}

fn kind(errno: Errno) -> ErrorKind {
    match errno.0 {
        libc::EPERM => ErrorKind::PermissionDenied,
        libc::ENOSYS => ErrorKind::Unsupported,
        libc::EMFILE | libc::ENFILE | libc::ENOMEM => ErrorKind::OutOfMemory,
        _ => ErrorKind::Other,
    }
}

/// Waiting for a death.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, liveness::{DeathWatch, ProcessToken}, sem::SemaphoreSet};
/// use std::time::{Duration, Instant};
///
/// let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
/// let token = ProcessToken::claim(&set, 0)?;
/// assert!(!DeathWatch::wait_deadline(&set, 0, Instant::now() + Duration::from_millis(2))?); // we live
/// drop(token);
/// DeathWatch::wait(&set, 0)?;
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DeathWatch;

impl DeathWatch {
    /// Waits until semaphore `index` is not held: until its holder releases it or dies. The kernel wakes us
    /// at once.
    ///
    /// A new process may claim it before we look; the result means that the previous holder is gone.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, liveness::DeathWatch, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// DeathWatch::wait(&set, 0)?; // it is not held
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn wait(set: &SemaphoreSet, index: u16) -> Result<()> {
        set.perform(&[Op::wait_zero(index)])
    }

    /// As [`wait`](Self::wait), until the deadline: `false` when it passed and the holder is alive.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform_deadline`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, liveness::DeathWatch, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(DeathWatch::wait_deadline(&set, 0, std::time::Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn wait_deadline(set: &SemaphoreSet, index: u16, deadline: Instant) -> Result<bool> {
        set.perform_deadline(&[Op::wait_zero(index)], deadline)
    }

    /// As [`wait_deadline`](Self::wait_deadline), but returns [`Interrupted`](crate::ErrorKind::Interrupted)
    /// when a signal handler ran.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform_deadline_interruptible`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, liveness::DeathWatch, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(DeathWatch::wait_deadline_interruptible(&set, 0, std::time::Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn wait_deadline_interruptible(set: &SemaphoreSet, index: u16, deadline: Instant) -> Result<bool> {
        set.perform_deadline_interruptible(&[Op::wait_zero(index)], deadline)
    }
}
