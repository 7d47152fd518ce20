//! The pools that this process has open, each of them once.
//!
//! What a process holds of a pool is kept in its own memory as well as in the tags, so that it never gets a
//! block twice, whatever a peer writes. Two independent openings would each accept a tag that was put back,
//! and make two loans of one block. Opening a pool a second time therefore returns the first opening, as if
//! it had been cloned.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ipc_core::PerProcess;
use ipc_core::shm::ShmId;

use super::inner::{Found, Inner};
use crate::layout;

/// What distinguishes a pool from all others, including one of another namespace or domain that happens to
/// have the same numbers.
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

/// This process's opening of the pool that was found, or the one that `open` makes. The domain's lock is
/// held, so no other thread opens it meanwhile.
pub(super) fn share<E>(found: Found, open: impl FnOnce(Found) -> Result<Inner, E>) -> Result<Arc<Inner>, E> {
    let mark = Mark::of(&found);
    // Hold only this one for a moment: dropping the last reference to another would leave that pool, under
    // the lock.
    let known =
        locked(|list| list.iter().find(|(other, _)| *other == mark).and_then(|(_, known)| known.upgrade()));
    // An evicted opening has lost its seat, and holds nothing any more.
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
