//! Domains, and whether they have members.

use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId, Stat};

use super::{Verdict, What};
use crate::domain::image::ImageId;
use crate::domain::layout::{
    C_STATE, CHANNEL_SIZE, CHANNEL_TABLE, CHANNELS, DOMAIN_NAME_BYTES, H_MAGIC, H_NAME, H_NAME_LENGTH,
    H_READY, H_SEMAPHORES, H_VERSION, LIVE, MAGIC, P_IMAGE, P_STATE, PROCESS_SIZE, PROCESS_TABLE, PROCESSES,
    READY, SIZE, VERSION, token,
};
use crate::domain::sizes::Sizes;
use crate::domain::table::Table;

/// The tables of a domain; `None` if the segment is not a domain, or this process may not read it.
pub(super) fn tables(id: ShmId, stat: &Stat) -> Option<Table> {
    if stat.size() < SIZE {
        return None;
    }
    let table = Table::new(SharedMemory::from_id(id).attach_read_only().ok()?);
    let is_domain = table.get(H_MAGIC) == MAGIC
        && table.get_half(H_VERSION) == VERSION
        && table.get_half(H_READY) == READY;
    is_domain.then_some(table)
}

/// The semaphores that the tables name, if they are under the domain's key.
pub(super) fn semaphores(table: &Table, stat: &Stat) -> Option<(SemaphoreSet, Sizes)> {
    let set = SemaphoreSet::from_id(SemId::from_raw(table.get_half(H_SEMAPHORES) as i32));
    let found = set.stat().ok().filter(|set| set.permissions().key() == stat.permissions().key())?;
    Some((set, Sizes::of_set(found.count())?))
}

pub(super) fn name(table: &Table) -> String {
    table.text(H_NAME_LENGTH, H_NAME, DOMAIN_NAME_BYTES)
}

/// The finding about a domain.
pub(super) fn look(id: ShmId, stat: &Stat) -> Option<(What, Verdict, String)> {
    let table = tables(id, stat)?;
    let name = name(&table);
    let members = (0..PROCESSES)
        .filter(|slot| table.get_half(PROCESS_TABLE + slot * PROCESS_SIZE + P_STATE) == LIVE)
        .count();
    let channels = (0..CHANNELS)
        .filter(|index| table.get_half(CHANNEL_TABLE + index * CHANNEL_SIZE + C_STATE) == LIVE)
        .count();
    let tokens = semaphores(&table, stat).and_then(|(set, sizes)| Some((sizes, set.values().ok()?)));
    let (alive, verdict, evidence) = match tokens {
        None => (0, Verdict::Abandoned, "its semaphores are gone, so no process is a member".to_owned()),
        Some((sizes, values)) => {
            let raised = |slot: &usize| {
                let image = table.get(PROCESS_TABLE + slot * PROCESS_SIZE + P_IMAGE);
                let image = ImageId::from_word(image).map(|(image, _)| image);
                // An image that cannot be checked counts as existing.
                let is_there = || image.is_none_or(|image| image.is_there().unwrap_or(true));
                values.get(usize::from(token(*slot))).is_some_and(|value| *value > 0) && is_there()
            };
            let alive = (0..sizes.processes()).filter(raised).count();
            match (alive, stat.attachments()) {
                (0, 0) => (0, Verdict::Abandoned, "no token is raised and no process is attached".to_owned()),
                (0, _) => (0, Verdict::InUse, "no token is raised, but a process is attached".to_owned()),
                (alive, _) => (alive, Verdict::InUse, format!("{alive} tokens are raised")),
            }
        }
    };
    Some((What::Domain { name, alive, dead: members.saturating_sub(alive), channels }, verdict, evidence))
}
