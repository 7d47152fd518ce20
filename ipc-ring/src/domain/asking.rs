//! Liveness checks.
//!
//! There are three answers: alive, dead, and an error, if the semaphores were removed or this process may no
//! longer read them. An error is neither of the others. A caller that waits for a process whose liveness
//! cannot be determined gets the error. A cleanup takes nothing from such a process, goes on with the others,
//! and returns the error at the end.

use std::cell::Cell;

use ipc_core::sem::SemaphoreSet;
use ipc_core::{Error, liveness};

use super::image::ImageId;
use super::layout::{self, LIVE, P_GENERATION, P_IMAGE, P_STATE, PROCESS_SIZE, PROCESS_TABLE};
use super::sizes::Sizes;
use super::table::Table;
use super::{Member, Owner};

/// Whether the process that `owner` names is alive, by a domain's tables and its semaphores.
///
/// # Errors
/// If the semaphores were removed, or this process may not read them.
pub(super) fn is_alive(
    table: &Table,
    semaphores: &SemaphoreSet,
    sizes: Sizes,
    owner: Owner,
) -> Result<bool, Error> {
    let Some(slot) = owner.slot().filter(|slot| *slot < sizes.processes()) else { return Ok(false) };
    let process = PROCESS_TABLE + slot * PROCESS_SIZE;
    if table.get(process + P_GENERATION) != owner.generation() {
        return Ok(false);
    }
    if !liveness::is_alive(semaphores, layout::token(slot))? {
        return Ok(false);
    }
    match ImageId::from_word(table.get(process + P_IMAGE)) {
        Some((image, generation)) if generation.are_of(owner.generation()) => image.is_there(),
        // The slot is being given to another process; its generation will show that before long.
        _ => Ok(true),
    }
}

impl Member {
    /// Whether the process that `owner` names is alive, and runs the program that joined. Two system calls,
    /// unless it is this process or its slot has passed to another.
    ///
    /// # Errors
    /// If the semaphores were removed, or this process may not read them any more.
    pub(crate) fn is_alive(&self, owner: Owner) -> Result<bool, Error> {
        if owner == self.me && self.is_ours() {
            return Ok(true);
        }
        is_alive(&self.table, &self.semaphores, self.sizes, owner)
    }

    /// Whether deaths can still be detected at all: for an end that polls, and that no removal wakes. One
    /// system call.
    ///
    /// # Errors
    /// As [`is_alive`](Self::is_alive).
    pub(crate) fn check_semaphores(&self) -> Result<(), Error> {
        liveness::is_alive(&self.semaphores, layout::LOCK).map(|_| ())
    }

    /// Each process slot's generation, and whether its process is alive. A system call for each process.
    ///
    /// # Errors
    /// As [`is_alive`](Self::is_alive).
    pub(crate) fn census(&self) -> Result<Vec<(u64, bool)>, Error> {
        let slot = |slot: usize| {
            let process = PROCESS_TABLE + slot * PROCESS_SIZE;
            let generation = self.table.get(process + P_GENERATION);
            let is_alive = self.table.get_half(process + P_STATE) == LIVE
                && self.is_alive(Owner::new(slot, generation))?;
            Ok((generation, is_alive))
        };
        (0..self.sizes.processes()).map(slot).collect()
    }

    /// For liveness checks of many processes.
    pub(crate) fn questions(&self) -> Questions<'_> {
        Questions { member: self, failure: Cell::new(None) }
    }

    /// Runs `f` with a function that checks whether an identity, as seats hold it, is alive. `f` treats an
    /// identity whose liveness cannot be determined as alive, and leaves it alone.
    ///
    /// # Errors
    /// If one of the checks had no answer. What `f` did for the others is done.
    pub(crate) fn asking<R>(&self, f: impl FnOnce(&dyn Fn(u64) -> bool) -> R) -> Result<R, Error> {
        let questions = self.questions();
        let result = f(&|identity| questions.is_alive(identity));
        questions.answered()?;
        Ok(result)
    }
}

/// Liveness checks that keep an error for later.
pub(crate) struct Questions<'a> {
    member: &'a Member,
    failure: Cell<Option<Error>>,
}

impl Questions<'_> {
    /// Whether an identity, as seats hold it, is alive, or may be.
    pub(crate) fn is_alive(&self, identity: u64) -> bool {
        self.member.is_alive(Owner::from_raw(identity)).unwrap_or_else(|error| {
            self.failure.set(Some(error));
            true
        })
    }

    /// # Errors
    /// If one of the checks since the last call of this had no answer.
    pub(crate) fn answered(&self) -> Result<(), Error> {
        self.failure.take().map_or(Ok(()), Err)
    }
}
