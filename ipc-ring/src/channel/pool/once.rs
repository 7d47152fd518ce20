//! The pools that this process has open, each once.
//!
//! What a process holds of a pool it keeps in its own memory, beside the tags, so that whatever a peer writes it never has a block twice.
//! Two openings that knew nothing of each other would each agree with a tag that was put back, and give two loans of one block. So
//! who opens a pool a second time gets the first opening, as if it had been cloned.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ipc_core::PerProcess;
use ipc_core::shm::ShmId;

use super::member::{Found, Inner};
use crate::layout;

/// What tells a pool from all others, also from one of another namespace or domain that has the same numbers by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    segment: ShmId,
    generation: u64,
    created_ns: Option<u64>,
}

impl Mark {
    fn of(found: &Found) -> Self {
        let created_ns = layout::describe(found.memory.region()).map(|header| header.created_ns);
        Self { segment: found.entry.segment.id(), generation: found.entry.generation, created_ns }
    }
}

type List = Vec<(Mark, Weak<Inner>)>;

static OPEN: PerProcess<Mutex<List>> = PerProcess::new();

/// The opening that this process has of the pool that was found, or the one that `open` makes. The domain's lock is held, so nobody else
/// opens it meanwhile.
pub(super) fn share<E>(found: Found, open: impl FnOnce(Found) -> Result<Inner, E>) -> Result<Arc<Inner>, E> {
    let mark = Mark::of(&found);
    // Only this one is held for a moment: to let go of the last of another would be to leave that pool, under the lock.
    let known =
        locked(|list| list.iter().find(|(other, _)| *other == mark).and_then(|(_, known)| known.upgrade()));
    // One that was evicted has lost its seat, and holds nothing any more.
    if let Some(known) = known.filter(|known| known.has_its_seat()) {
        return Ok(known);
    }
    let opened = Arc::new(open(found)?);
    locked(|list| {
        list.retain(|(other, open)| *other != mark && open.strong_count() > 0);
        list.push((mark, Arc::downgrade(&opened)));
    });
    Ok(opened)
}

fn locked<R>(f: impl FnOnce(&mut List) -> R) -> R {
    f(&mut OPEN.get().lock().unwrap_or_else(PoisonError::into_inner))
}
