//! What this very process held in a domain before it called `exec`.
//!
//! To the kernel the new program is the same process: it has the old one's adjustments, so the old one's tokens stay raised, and the lock stays
//! taken if another thread had it at that moment. No thread of the old program can give them back. So the new program does, when it comes
//! to the domain: a semaphore that is raised and that this process was the last to change, though this program has never touched it, is the old
//! program's.
//!
//! Which process changed a semaphore last, the kernel says, in the caller's own numbering: no number is kept, or compared with another namespace's. That
//! *this program* has not touched it, a list says that a new program finds empty, as a child made by `fork` does.

use std::sync::{Mutex, PoisonError};

use ipc_core::sem::{Op, SemId, SemaphoreSet};
use ipc_core::{Error, PerProcess, ProcessMark};

use super::layout::{FREE, LOCK, P_GENERATION, P_STATE, PROCESS_SIZE, PROCESS_TABLE, token};
use super::owner::Owner;
use super::sizes::Sizes;
use super::table::Table;

/// A set that some thread of this program uses.
struct Used {
    set: SemId,
    /// How many joins and memberships.
    users: usize,
    /// What the old program held of tokens was given back.
    settled: bool,
}

static USED: PerProcess<Mutex<Vec<Used>>> = PerProcess::new();

fn used<R>(f: impl FnOnce(&mut Vec<Used>) -> R) -> R {
    f(&mut USED.get().lock().unwrap_or_else(PoisonError::into_inner))
}

/// That this program uses a domain's semaphores: from before it first takes the lock until it has given everything back.
#[derive(Debug)]
pub(super) struct InUse {
    set: SemaphoreSet,
    /// A child made by `fork` has a copy, and a list of its own.
    process: ProcessMark,
}

impl InUse {
    /// Begins. If this program does not use the set yet, a lock that the old one had is given back.
    ///
    /// # Errors
    /// When the set was removed.
    pub(super) fn begin(set: SemaphoreSet) -> Result<Self, Error> {
        // Under the list's lock, so that no other thread of this program takes the domain's meanwhile. No call in it waits.
        used(|list| {
            if let Some(used) = list.iter_mut().find(|used| used.set == set.id()) {
                used.users += 1;
            } else {
                if is_ours(set, LOCK)? {
                    set.try_perform(&[Op::take(LOCK, 1).undo()])?;
                }
                list.push(Used { set: set.id(), users: 1, settled: false });
            }
            Ok(Self { set, process: ProcessMark::current() })
        })
    }

    /// Gives back the slots of the process table that the old program held, unless this program has one already. Gives their owners, which are
    /// dead now. The domain's lock is held.
    ///
    /// # Errors
    /// When the set was removed.
    pub(super) fn settle(&self, table: &Table, sizes: Sizes) -> Result<Vec<Owner>, Error> {
        // No thread of this program claims a slot meanwhile: it would hold the domain's lock.
        if used(|list| list.iter().any(|used| used.set == self.set.id() && used.settled)) {
            return Ok(Vec::new());
        }
        let mut former = Vec::new();
        let values = self.set.values()?;
        for slot in 0..sizes.processes() {
            if values[usize::from(token(slot))] == 0 || !is_ours(self.set, token(slot))? {
                continue;
            }
            let process = PROCESS_TABLE + slot * PROCESS_SIZE;
            let owner = Owner::new(slot, table.get(process + P_GENERATION));
            // First, so that whoever waits for the token finds another generation.
            table.set(process + P_GENERATION, owner.next().generation());
            table.set_half(process + P_STATE, FREE);
            // The counterpart of the claim, whose adjustment came along.
            self.set.try_perform(&[Op::take(token(slot), 1).undo()])?;
            former.push(owner);
        }
        used(|list| {
            list.iter_mut().filter(|used| used.set == self.set.id()).for_each(|used| used.settled = true);
        });
        Ok(former)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if !self.process.is_current() {
            return;
        }
        used(|list| {
            let Some(index) = list.iter().position(|used| used.set == self.set.id()) else { return };
            list[index].users -= 1;
            if list[index].users == 0 {
                list.swap_remove(index);
            }
        });
    }
}

/// Whether a semaphore is raised and was last changed by this process.
///
/// In this order: what is raised at the first look, and was last changed by this process at the second, was raised by it, as long as no thread of it
/// changes the semaphore in between.
fn is_ours(set: SemaphoreSet, index: u16) -> Result<bool, Error> {
    Ok(set.value(index)? > 0 && set.last_pid(index)? == Some(std::process::id()))
}
