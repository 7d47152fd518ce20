//! The domain's lock: a semaphore that the kernel releases when its holder dies.

use std::time::{Duration, Instant};

use ipc_core::sem::{Op, SemaphoreSet};

use super::layout::LOCK;
use crate::error::{AttachError, AttachErrorKind};

/// How long a call waits for the lock when its caller gave no deadline.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The lock, held. Released on drop, or by the kernel when this process dies.
pub(super) struct Lock {
    semaphores: SemaphoreSet,
}

impl Lock {
    /// Takes the lock, waiting for it until a point in time. One that has passed: only if it is free.
    ///
    /// # Errors
    /// [`LockTimeout`](crate::AttachErrorKind::LockTimeout) with the process that holds it;
    /// [`System`](crate::AttachErrorKind::System) when the set was removed.
    pub(super) fn take(semaphores: SemaphoreSet, until: Instant) -> Result<Self, AttachError> {
        let began = Instant::now();
        if semaphores.perform_deadline(&operations(), until)? {
            return Ok(Self { semaphores });
        }
        Err(AttachErrorKind::LockTimeout {
            waited: began.elapsed(),
            // The last process that took it, or somebody who has it since.
            holder: semaphores.last_pid(LOCK).ok().flatten(),
        }
        .into())
    }

    /// Takes the lock if it is free.
    pub(super) fn try_take(semaphores: SemaphoreSet) -> Result<Option<Self>, ipc_core::Error> {
        // Lazily: a value that is dropped gives the lock back, whoever has it.
        Ok(semaphores.try_perform(&operations())?.then(|| Self { semaphores }))
    }
}

fn operations() -> [Op; 2] {
    [Op::wait_zero(LOCK), Op::add(LOCK, 1).undo()]
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The set may be gone: the last member removes it while holding the lock.
        let _ = self.semaphores.try_perform(&[Op::take(LOCK, 1).undo()]);
    }
}
