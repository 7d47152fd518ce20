//! Permits: a counted resource whose holder may die.

use core::mem::ManuallyDrop;
use std::time::Instant;

use super::{Op, SemaphoreSet, held};
use crate::error::Result;
use crate::process::ProcessMark;

/// `n` taken from a semaphore: released on drop, and by the kernel when the process dies.
///
/// Both halves are done with undo, so that the semaphore is right in every case: the one rule that makes
/// SEM_UNDO safe. It holds only if all processes use permits on this semaphore, and none resets it with
/// [`SemaphoreSet::set_value`] while a permit is held.
///
/// The permit belongs to the process, not to the thread: a thread that ends does not release it. A child made
/// by `fork` does not hold its parent's permits, and dropping one there does nothing.
///
/// A permit can be lost while its guard lives: on `unshare` of CLONE_SYSVSEM or CLONE_NEWIPC the kernel
/// releases it at once, and a reset discards it. A lost permit is not released again:
/// [`release`](Self::release) returns an error, and drop does nothing. The check takes eleven operations in
/// one call.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Permit, SemaphoreSet}};
///
/// let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
/// set.set_value(0, 3)?; // three places
/// let permit = Permit::acquire(*set, 0, 2)?;
/// assert!(Permit::try_acquire(*set, 0, 2)?.is_none());
/// drop(permit);
/// assert_eq!(set.value(0)?, 3);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping the permit gives it back"]
pub struct Permit {
    set: SemaphoreSet,
    index: u16,
    n: u16,
    process: ProcessMark,
}

impl Permit {
    fn held(set: SemaphoreSet, index: u16, n: u16) -> Permit {
        Permit { set, index, n, process: ProcessMark::current() }
    }

    /// Takes `n` from semaphore `index`, waiting without limit.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform`].
    ///
    /// # Panics
    /// As [`Op::take`], unless `n` is 1 to 32767.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Permit, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// # set.set_value(0, 3)?;
    /// let permit = Permit::acquire(*set, 0, 1)?;
    /// assert_eq!(set.value(0)?, 2);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn acquire(set: SemaphoreSet, index: u16, n: u16) -> Result<Permit> {
        set.perform(&[Op::take(index, n).undo()])?;
        Ok(Permit::held(set, index, n))
    }

    /// As [`acquire`](Self::acquire), but returns [`Interrupted`](crate::ErrorKind::Interrupted) when a
    /// signal handler ran.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform_interruptible`].
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Permit, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// # set.set_value(0, 3)?;
    /// let permit = Permit::acquire_interruptible(*set, 0, 1)?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn acquire_interruptible(set: SemaphoreSet, index: u16, n: u16) -> Result<Permit> {
        set.perform_interruptible(&[Op::take(index, n).undo()])?;
        Ok(Permit::held(set, index, n))
    }

    /// Takes `n` from semaphore `index` if they are there now.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::try_perform`].
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Permit, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(Permit::try_acquire(*set, 0, 1)?.is_none());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn try_acquire(set: SemaphoreSet, index: u16, n: u16) -> Result<Option<Permit>> {
        Ok(set.try_perform(&[Op::take(index, n).undo()])?.then(|| Permit::held(set, index, n)))
    }

    /// Takes `n` from semaphore `index`, waiting until the deadline; `None` when it passed.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform_deadline`].
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Permit, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(Permit::acquire_deadline(*set, 0, 1, std::time::Instant::now())?.is_none());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn acquire_deadline(
        set: SemaphoreSet,
        index: u16,
        n: u16,
        deadline: Instant,
    ) -> Result<Option<Permit>> {
        Ok(set.perform_deadline(&[Op::take(index, n).undo()], deadline)?.then(|| Permit::held(set, index, n)))
    }

    /// Releases it now, and reports an error, which drop cannot.
    ///
    /// # Errors
    /// [`NotHeld`](crate::ErrorKind::NotHeld) when the kernel has no record that this process holds it, or in
    /// a child made by `fork`: nothing is changed then. [`OutOfRange`](crate::ErrorKind::OutOfRange) if a
    /// process added to the semaphore without taking. Otherwise as of [`SemaphoreSet::perform`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Permit, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// # set.set_value(0, 3)?;
    /// Permit::acquire(*set, 0, 1)?.release()?;
    /// assert_eq!(set.value(0)?, 3);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn release(self) -> Result<()> {
        ManuallyDrop::new(self).give_back()
    }

    fn give_back(&self) -> Result<()> {
        held::give_back(self.set, self.index, self.n, self.process)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // The set may be gone, or the permit lost; then there is nothing to release.
        let _ = self.give_back();
    }
}
