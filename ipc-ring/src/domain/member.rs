//! A process's membership in a domain, and the tables that it sees under the domain's lock.

use std::fmt;
use std::time::Instant;

use ipc_core::sem::SemaphoreSet;
use ipc_core::{Mode, ProcessMark, Trust, barrier};

use super::lock::Lock;
use super::owner::Owner;
use super::table::Table;
use super::{image, join, making, sizes};
use crate::asked::Asked;
use crate::error::{AttachError, Forked};
use crate::wait::interrupt::Interrupts;

/// A process's resources in a domain.
pub(crate) struct Member {
    pub(super) name: String,
    pub(super) key: ipc_core::Key,
    pub(super) table: Table,
    pub(super) semaphores: SemaphoreSet,
    pub(super) sizes: sizes::Sizes,
    /// The number of operations that the kernel took in one call when this process joined.
    pub(super) together: usize,
    pub(super) segment: ipc_core::shm::SharedMemory,
    pub(super) me: Owner,
    /// The process that joined. A forked child is not a member.
    pub(super) process: ProcessMark,
    pub(super) mode: Mode,
    pub(super) trust: Trust,
    /// Whether this process is registered for membarrier, once a channel has asked.
    pub(super) asymmetric: Asked,
    /// Marks this program as existing. Dropped after all of the above has been given back. `None` for an
    /// outsider.
    pub(super) image: Option<image::Image>,
}

impl Member {
    pub(crate) fn me(&self) -> Owner {
        self.me
    }

    /// The key of the domain's objects.
    pub(crate) fn key(&self) -> ipc_core::Key {
        self.key
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether this process can use membarrier; the first channel that wants it registers the process. A
    /// registered process is interrupted when a member of any domain goes to sleep; one that has only
    /// channels with fences is not.
    pub(crate) fn asymmetric(&self) -> bool {
        self.asymmetric.or_ask(|| u8::from(barrier::register().is_ok())) != 0
    }

    /// Adds this domain's name to an error.
    pub(crate) fn explain(&self, error: impl Into<AttachError>) -> AttachError {
        error.into().in_domain(&self.name)
    }

    /// # Errors
    /// [`Forked`](crate::AttachErrorKind::Forked) in a child that inherited the membership.
    pub(crate) fn check_process(&self) -> Result<(), AttachError> {
        if self.is_ours() { Ok(()) } else { Err(self.explain(Forked)) }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    /// Whether this is the process that joined.
    #[inline]
    pub(crate) fn ours(&self) -> Result<(), Forked> {
        if self.is_ours() { Ok(()) } else { Err(Forked) }
    }

    /// The process that joined.
    pub(crate) fn process(&self) -> ProcessMark {
        self.process
    }

    /// Runs `f` under the domain's lock, which is waited for until a deadline.
    ///
    /// # Errors
    /// As [`locked_by`](Self::locked_by), except for interruptions.
    pub(crate) fn locked<R>(
        &self,
        until: Instant,
        f: impl FnOnce(&Locked<'_>) -> Result<R, AttachError>,
    ) -> Result<R, AttachError> {
        self.locked_by(until, None, f)
    }

    /// As [`locked`](Self::locked), and the wait for the lock can be interrupted.
    ///
    /// # Errors
    /// [`LockTimeout`](crate::AttachErrorKind::LockTimeout) if the lock cannot be taken;
    /// [`System`](crate::AttachErrorKind::System) if the domain was removed.
    pub(crate) fn locked_by<R>(
        &self,
        until: Instant,
        interrupts: Option<&Interrupts>,
        f: impl FnOnce(&Locked<'_>) -> Result<R, AttachError>,
    ) -> Result<R, AttachError> {
        self.check_process()?;
        let lock = Lock::take(self.semaphores, self.image_id(), until, interrupts)
            .map_err(|error| self.explain(error))?;
        let result = f(&self.enter(&lock));
        drop(lock);
        self.settle_departures();
        result.map_err(|error| self.explain(error))
    }

    /// Runs `f` under the domain's lock if it is free now. `None` if it is not, or the domain was removed.
    pub(crate) fn try_locked<R>(&self, f: impl FnOnce(&Locked<'_>) -> R) -> Option<R> {
        self.check_process().ok()?;
        let lock = Lock::try_take(self.semaphores, self.image_id()).ok().flatten()?;
        let result = f(&self.enter(&lock));
        drop(lock);
        self.settle_departures();
        Some(result)
    }

    /// The tables, after doing what others left to the next holder of the lock.
    fn enter<'a>(&'a self, _lock: &'a Lock) -> Locked<'a> {
        making::finish_interrupted(self);
        let locked = Locked { member: self };
        // What cannot be determined now is left to the next time.
        let _ = locked.sweep_departed(locked.departed());
        locked
    }

    pub(super) fn is_under(&self, key: ipc_core::Key) -> bool {
        self.segment.stat().is_ok_and(|stat| stat.permissions().key() == key)
    }
}

/// Proof that the domain's lock is held.
pub(crate) struct Locked<'a> {
    pub(super) member: &'a Member,
}

impl Drop for Member {
    fn drop(&mut self) {
        if self.is_ours() && self.me.is_some() {
            join::leave(self);
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain").field("name", &self.name).field("me", &self.me).finish_non_exhaustive()
    }
}
