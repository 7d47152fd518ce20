//! A builder for several operations done atomically.

use std::time::Instant;

use super::{Op, SemaphoreSet};
use crate::error::Result;

/// Several operations on one set, done all together or not at all. Built once, performed any number of times.
///
/// For one or two operations known in advance, a constant array of [`Op`] with [`SemaphoreSet::perform`] is
/// as good and never allocates. Calls with several operations take a lock on the whole set, so keep them off
/// hot paths.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Operations, SemaphoreSet}};
///
/// let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
/// set.post(0)?;
/// let move_one = Operations::new().take(0, 1).add(1, 1);
/// assert!(move_one.try_perform(*set)?);
/// assert!(!move_one.try_perform(*set)?);
/// assert_eq!(set.values()?, [0, 1]);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Operations {
    operations: Vec<Op>,
}

impl Operations {
    /// No operations yet.
    ///
    /// ```
    /// # use ipc_core::sem::Operations;
    /// assert!(Operations::new().as_slice().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Operations {
        Operations { operations: Vec::new() }
    }

    /// Then this operation.
    ///
    /// ```
    /// # use ipc_core::sem::{Op, Operations};
    /// let operations = Operations::new().then(Op::add(0, 1).undo());
    /// assert_eq!(format!("{:?}", operations.as_slice()), "[add(0, 1).undo()]");
    /// ```
    #[must_use]
    pub fn then(mut self, operation: Op) -> Operations {
        self.operations.push(operation);
        self
    }

    /// Then adds `n` to semaphore `index`.
    ///
    /// # Panics
    /// As [`Op::add`].
    ///
    /// ```
    /// # use ipc_core::sem::Operations;
    /// assert_eq!(format!("{:?}", Operations::new().add(0, 1).as_slice()), "[add(0, 1)]");
    /// ```
    #[must_use]
    pub fn add(self, index: u16, n: u16) -> Operations {
        self.then(Op::add(index, n))
    }

    /// Then takes `n` from semaphore `index`.
    ///
    /// # Panics
    /// As [`Op::take`].
    ///
    /// ```
    /// # use ipc_core::sem::Operations;
    /// assert_eq!(format!("{:?}", Operations::new().take(0, 1).as_slice()), "[take(0, 1)]");
    /// ```
    #[must_use]
    pub fn take(self, index: u16, n: u16) -> Operations {
        self.then(Op::take(index, n))
    }

    /// Then waits until semaphore `index` is zero.
    ///
    /// ```
    /// # use ipc_core::sem::Operations;
    /// assert_eq!(format!("{:?}", Operations::new().wait_zero(0).as_slice()), "[wait_zero(0)]");
    /// ```
    #[must_use]
    pub fn wait_zero(self, index: u16) -> Operations {
        self.then(Op::wait_zero(index))
    }

    /// Has the kernel revert the last operation when the process ends: [`Op::undo`].
    ///
    /// ```
    /// # use ipc_core::sem::Operations;
    /// let operations = Operations::new().wait_zero(0).add(0, 1).undo();
    /// assert_eq!(format!("{:?}", operations.as_slice()), "[wait_zero(0), add(0, 1).undo()]");
    /// ```
    #[must_use]
    pub fn undo(mut self) -> Operations {
        if let Some(last) = self.operations.last_mut() {
            *last = last.undo();
        }
        self
    }

    /// Makes the call fail instead of waiting for the last operation: [`Op::no_wait`].
    ///
    /// ```
    /// # use ipc_core::sem::Operations;
    /// let operations = Operations::new().wait_zero(0).no_wait().add(0, 1);
    /// assert_eq!(format!("{:?}", operations.as_slice()), "[wait_zero(0).no_wait(), add(0, 1)]");
    /// ```
    #[must_use]
    pub fn no_wait(mut self) -> Operations {
        if let Some(last) = self.operations.last_mut() {
            *last = last.no_wait();
        }
        self
    }

    /// The operations, in order.
    ///
    /// ```
    /// # use ipc_core::sem::Operations;
    /// assert_eq!(Operations::new().add(0, 1).take(1, 1).as_slice().len(), 2);
    /// ```
    #[must_use]
    pub fn as_slice(&self) -> &[Op] {
        &self.operations
    }

    /// [`SemaphoreSet::perform`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Operations, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// Operations::new().wait_zero(0).add(0, 2).perform(*set)?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn perform(&self, set: SemaphoreSet) -> Result<()> {
        set.perform(&self.operations)
    }

    /// [`SemaphoreSet::try_perform`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Operations, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(!Operations::new().take(0, 2).try_perform(*set)?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn try_perform(&self, set: SemaphoreSet) -> Result<bool> {
        set.try_perform(&self.operations)
    }

    /// [`SemaphoreSet::perform_deadline`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Operations, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(!Operations::new().take(0, 2).perform_deadline(*set, std::time::Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn perform_deadline(&self, set: SemaphoreSet, deadline: Instant) -> Result<bool> {
        set.perform_deadline(&self.operations, deadline)
    }
}

impl FromIterator<Op> for Operations {
    fn from_iter<I: IntoIterator<Item = Op>>(operations: I) -> Operations {
        Operations { operations: operations.into_iter().collect() }
    }
}
