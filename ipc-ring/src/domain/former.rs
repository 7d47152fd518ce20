//! Members whose program is gone while their process lives: it has become another program by `exec`.
//!
//! Such a member's [image](super::image) is gone, so all others take it for dead. Its token is still raised,
//! and would stay so for as long as the process lives. The next process that joins, or that sweeps, lowers
//! it, so that the slot can be used again; the reset (`SETVAL`) also discards the adjustment that the kernel
//! would undo at the process's end, when the slot belongs to another process.
//!
//! The old program's arrangements for its death at the wake semaphores of others remain, since they cannot be
//! told from those of other processes: at the end of the process each of these semaphores gets a surplus
//! token, which costs its sleeper one needless check. The tokens for the bells are reverted when the process
//! itself finds its former membership.

use ipc_core::Error;
use ipc_core::sem::SemaphoreSet;

use super::image::ImageId;
use super::layout::{FREE, P_GENERATION, P_IMAGE, P_STATE, PROCESS_SIZE, PROCESS_TABLE, token};
use super::owner::Owner;
use super::sizes::Sizes;
use super::table::Table;
use super::{Locked, Member};

/// A member found in this state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Former {
    owner: Owner,
    /// Whether it is of the calling process.
    is_ours: bool,
}

/// Frees the slots of such members, and collects them for [`clear_up_after`](Member::clear_up_after), even if
/// it fails half-way. The lock is held.
///
/// # Errors
/// If the set was removed, or it cannot be determined whether a program exists.
pub(super) fn retire(
    table: &Table,
    semaphores: SemaphoreSet,
    sizes: Sizes,
    former: &mut Vec<Former>,
) -> Result<(), Error> {
    let values = semaphores.values()?;
    for slot in 0..sizes.processes() {
        let process = PROCESS_TABLE + slot * PROCESS_SIZE;
        // Whatever generation it belongs to: a process may have become another program while it joined.
        let image = ImageId::from_word(table.get(process + P_IMAGE));
        if values.get(usize::from(token(slot))).is_none_or(|value| *value == 0)
            || image.map_or(Ok(true), |(image, _)| image.is_there())?
            // A member that leaves lowers its token first.
            || semaphores.value(token(slot))? == 0
        {
            continue;
        }
        let owner = Owner::new(slot, table.get(process + P_GENERATION));
        let is_ours = semaphores.last_pid(token(slot))? == Some(std::process::id());
        // First, so that a sleeper that waits for the token finds another generation.
        table.set(process + P_GENERATION, owner.next().generation());
        table.set_half(process + P_STATE, FREE);
        // If the process is ending at this moment, its token is lowered already, or has nothing to be undone.
        semaphores.set_value(token(slot), 0)?;
        former.push(Former { owner, is_ours });
    }
    Ok(())
}

impl Member {
    /// Gives back what such members held, and wakes those that watch for deaths.
    pub(super) fn clear_up_after(&self, former: &[Former]) {
        for Former { owner, is_ours } in former {
            self.give_back_wakes(*owner);
            if *is_ours {
                self.no_bells_at_my_death();
            }
        }
        if !former.is_empty() {
            self.ring_bells();
        }
    }
}

impl Locked<'_> {
    /// Retires such members, then cleans up after them.
    ///
    /// # Errors
    /// As [`retire`].
    pub(super) fn sweep_former(&self) -> Result<(), Error> {
        let Member { table, semaphores, sizes, .. } = self.member;
        let mut former = Vec::new();
        let retired = retire(table, *semaphores, *sizes, &mut former);
        self.member.clear_up_after(&former);
        retired
    }
}
