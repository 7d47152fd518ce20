//! `semop` and `semtimedop`: the only way to change semaphores, with interruptions by signals handled.

use std::time::Instant;

use nix::libc;

use super::{Op, SemaphoreSet, failure};
use crate::error::Result;
use crate::sys;
use crate::time::left;

/// Up to this number of operations, `try_perform` marks a copy on the stack; above, on the heap.
const ON_STACK: usize = 16;

impl SemaphoreSet {
    /// `int semop(int semid, struct sembuf *sops, size_t nsops)`—does all operations together, in order,
    /// waiting until all can be done.
    ///
    /// One system call, no allocation.
    ///
    /// # Errors
    /// - [`Removed`](crate::ErrorKind::Removed) (EINVAL, EIDRM): also while waiting.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) (EACCES): waiting for zero needs read, the
    ///   others alter.
    /// - [`NoSuchSemaphore`](crate::ErrorKind::NoSuchSemaphore) (EFBIG): an index beyond the set.
    /// - [`OutOfRange`](crate::ErrorKind::OutOfRange) (ERANGE): a value, or a sum to undo, above 32767.
    /// - [`TooManyOperations`](crate::ErrorKind::TooManyOperations) (E2BIG): more than SEMOPM, 500 by
    ///   default.
    /// - [`WouldBlock`](crate::ErrorKind::WouldBlock) (EAGAIN): an operation marked [`Op::no_wait`] cannot be
    ///   done now.
    /// - [`Invalid`](crate::ErrorKind::Invalid): no operations.
    /// - [`OutOfMemory`](crate::ErrorKind::OutOfMemory) (ENOMEM): for the undo record.
    ///
    /// # Blocking
    /// Without limit. An interruption by a signal (EINTR) is retried; nothing was changed then.
    ///
    /// ```
    /// use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    ///
    /// let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// set.perform(&[Op::wait_zero(0), Op::add(0, 1), Op::add(1, 7)])?;
    /// assert_eq!(set.values()?, [1, 7]);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// semop(2)
    #[inline]
    #[doc(alias = "semop")]
    pub fn perform(self, operations: &[Op]) -> Result<()> {
        loop {
            match sys::semop(self.id().as_raw(), operations) {
                Ok(()) => return Ok(()),
                Err(errno) if errno.0 == libc::EINTR => {}
                Err(errno) => return Err(failure::perform("semop", self.id(), operations, errno)),
            }
        }
    }

    /// As [`perform`](Self::perform), but returns [`Interrupted`](crate::ErrorKind::Interrupted) when a
    /// signal handler ran.
    ///
    /// # Errors
    /// As of [`perform`](Self::perform), and `Interrupted` (EINTR).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// set.perform_interruptible(&[Op::add(0, 1)])?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn perform_interruptible(self, operations: &[Op]) -> Result<()> {
        sys::semop(self.id().as_raw(), operations)
            .map_err(|errno| failure::perform("semop", self.id(), operations, errno))
    }

    /// Does all operations together, now or not at all: `false` means that one would have had to wait.
    ///
    /// One system call; allocates only for more than 16 operations that are not all marked [`Op::no_wait`].
    ///
    /// # Errors
    /// As of [`perform`](Self::perform), but never `WouldBlock`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(!set.try_perform(&[Op::take(0, 1)])?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// semop(2), IPC_NOWAIT
    #[inline]
    pub fn try_perform(self, operations: &[Op]) -> Result<bool> {
        if operations.iter().all(|operation| operation.is_no_wait()) {
            return self.outcome(operations);
        }
        if operations.len() <= ON_STACK {
            let mut marked = [Op::wait_zero(0); ON_STACK];
            for (to, from) in marked.iter_mut().zip(operations) {
                *to = from.no_wait();
            }
            return self.outcome(&marked[..operations.len()]);
        }
        let marked: Vec<Op> = operations.iter().map(|operation| operation.no_wait()).collect();
        self.outcome(&marked)
    }

    /// One `semop` that does not wait.
    #[inline]
    fn outcome(self, operations: &[Op]) -> Result<bool> {
        match sys::semop(self.id().as_raw(), operations) {
            Ok(()) => Ok(true),
            Err(errno) if errno.0 == libc::EAGAIN => Ok(false),
            Err(errno) => Err(failure::perform("semop", self.id(), operations, errno)),
        }
    }

    /// `semtimedop`—does all operations together, waiting until the deadline: `false` means that it passed,
    /// and nothing was changed.
    ///
    /// A deadline in the past means one attempt. An operation marked [`Op::no_wait`] that cannot be done
    /// yields `false` at once. No allocation.
    ///
    /// # Errors
    /// As of [`perform`](Self::perform), but never `WouldBlock`.
    ///
    /// # Blocking
    /// Until the deadline. An interruption by a signal is retried with the same deadline.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    /// use std::time::{Duration, Instant};
    ///
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// let deadline = Instant::now() + Duration::from_millis(5);
    /// assert!(!set.perform_deadline(&[Op::take(0, 1)], deadline)?);
    /// assert!(Instant::now() >= deadline);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// semop(2)
    #[inline]
    #[doc(alias = "semtimedop")]
    pub fn perform_deadline(self, operations: &[Op], deadline: Instant) -> Result<bool> {
        loop {
            match sys::semop_timeout(self.id().as_raw(), operations, left(deadline)) {
                Ok(()) => return Ok(true),
                Err(errno) if errno.0 == libc::EAGAIN => return Ok(false),
                Err(errno) if errno.0 == libc::EINTR => {}
                Err(errno) => return Err(failure::perform("semtimedop", self.id(), operations, errno)),
            }
        }
    }

    /// As [`perform_deadline`](Self::perform_deadline), but returns
    /// [`Interrupted`](crate::ErrorKind::Interrupted) when a signal handler ran.
    ///
    /// # Errors
    /// As of [`perform_deadline`](Self::perform_deadline), and `Interrupted` (EINTR).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    /// # use std::time::Instant;
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(set.perform_deadline_interruptible(&[Op::add(0, 1)], Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn perform_deadline_interruptible(self, operations: &[Op], deadline: Instant) -> Result<bool> {
        match sys::semop_timeout(self.id().as_raw(), operations, left(deadline)) {
            Ok(()) => Ok(true),
            Err(errno) if errno.0 == libc::EAGAIN => Ok(false),
            Err(errno) => Err(failure::perform("semtimedop", self.id(), operations, errno)),
        }
    }

    /// Adds one to semaphore `index`. Never waits.
    ///
    /// # Errors
    /// As of [`perform`](Self::perform).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// set.post(0)?;
    /// assert_eq!(set.value(0)?, 1);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn post(self, index: u16) -> Result<()> {
        self.perform(&[Op::add(index, 1)])
    }

    /// Waits until semaphore `index` is above zero, and subtracts one.
    ///
    /// # Errors
    /// As of [`perform`](Self::perform).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// set.post(0)?;
    /// set.wait(0)?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn wait(self, index: u16) -> Result<()> {
        self.perform(&[Op::take(index, 1)])
    }

    /// Subtracts one from semaphore `index` if it is above zero.
    ///
    /// # Errors
    /// As of [`try_perform`](Self::try_perform).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(!set.try_wait(0)?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn try_wait(self, index: u16) -> Result<bool> {
        self.outcome(&[Op::take(index, 1).no_wait()])
    }

    /// Subtracts one from semaphore `index`, waiting until the deadline.
    ///
    /// # Errors
    /// As of [`perform_deadline`](Self::perform_deadline).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
    /// # use std::time::Instant;
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(!set.wait_deadline(0, Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn wait_deadline(self, index: u16, deadline: Instant) -> Result<bool> {
        self.perform_deadline(&[Op::take(index, 1)], deadline)
    }
}
