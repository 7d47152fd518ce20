//! Recovery of slots and seats held by dead processes. Lock-free; every step may be repeated, by any process.

use core::sync::atomic::Ordering::Relaxed;

use super::Holder;
use super::memory::{Counter, Memory};
use super::tag::{State, Tag};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// The outcome of repairing a slot that was held by an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The holder is alive: wait for it.
    Alive {
        /// The identity of the holder.
        identity: u64,
    },
    /// The endpoint no longer holds it. Try again.
    Moved,
    /// The holder was dead and no longer holds the slot. Try again. The holder's seat is still taken: sweep
    /// it.
    Repaired {
        /// The identity of the holder.
        identity: u64,
    },
}

/// The result of a run of [`recover`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Seats of dead processes that this run set free.
    pub seats: u32,
    /// Slots that this run recovered from dead holders.
    pub slots: u64,
}

/// Takes a slot that was found held from its holder, if that is dead.
///
/// `is_alive` reports on an identity from the endpoint table. Its result "dead" must be final, and must be
/// ordered after everything that the dead process did.
pub fn repair<M: Memory>(memory: &M, holder: &Holder, is_alive: impl FnOnce(u64) -> bool) -> Repair {
    if holder.endpoint >= memory.endpoints() || holder.index >= memory.capacity() {
        return Repair::Moved; // No tag of a valid ring has this value.
    }
    // [M8] Acquire ← the process that freed the seat. After the tag was read: see `repair_slot`.
    let identity = memory.identity(holder.endpoint).load(M::Platform::ordering(Edge::MpmcSeatCheck));
    if identity == 0 {
        return Repair::Moved;
    }
    if is_alive(identity) {
        return Repair::Alive { identity };
    }
    if repair_slot(memory, holder.index, holder.tag) {
        publish_orphans(memory);
        Repair::Repaired { identity }
    } else {
        Repair::Moved
    }
}

/// Sweeps every seat whose identity is dead, and frees it.
pub fn recover<M: Memory>(memory: &M, mut is_alive: impl FnMut(u64) -> bool) -> Report {
    let mut report = Report::default();
    for number in 0..memory.endpoints() {
        // [M8] Acquire: a check only; `sweep` checks again at each slot.
        let identity = memory.identity(number).load(M::Platform::ordering(Edge::MpmcSeatCheck));
        if identity == 0 || is_alive(identity) {
            continue;
        }
        let (slots, freed) = sweep(memory, number, identity);
        report.slots += slots;
        report.seats += u32::from(freed);
    }
    report
}

/// Recovers all slots held by one dead seat, then frees the seat. Returns the number of slots repaired, and
/// whether this call freed the seat.
///
/// `dead` is an identity that was read from this seat and then found dead.
pub fn sweep<M: Memory>(memory: &M, number: u16, dead: u64) -> (u64, bool) {
    let mut slots = 0;
    for index in 0..memory.capacity() {
        // [M3] Acquire ← the claim: what its owner did to the table before is seen by the check below.
        let tag = Tag::from_raw(memory.tag(index).load(M::Platform::ordering(Edge::MpmcReap)));
        if !tag.is_held() || tag.owner() != number {
            continue;
        }
        // [M8] Acquire ← the process that freed the seat. It must come after the tag was read: a tag of the
        // number's next holder is then never mistaken for one of the dead holder.
        if memory.identity(number).load(M::Platform::ordering(Edge::MpmcSeatCheck)) != dead {
            return (slots, false);
        }
        slots += u64::from(repair_slot(memory, index, tag));
    }
    M::Platform::crash_point(Site::MpmcSwept);
    publish_orphans(memory);
    M::Platform::crash_point(Site::MpmcOrphansPublished);
    // [M8] Release → the next holder, and later recoverers: no tag names the dead holder any more.
    let freed = memory
        .identity(number)
        .compare_exchange(dead, 0, M::Platform::ordering(Edge::MpmcSeatFree), Relaxed)
        .is_ok();
    if freed {
        count(memory, Counter::Recovered);
    }
    (slots, freed)
}

/// The repair of one slot: a CAS from the tag that was read **before** its owner was found dead.
fn repair_slot<M: Memory>(memory: &M, index: u64, tag: Tag) -> bool {
    let (repaired, edge, counter) = match tag.state() {
        Some(State::Writing) => {
            count_void(memory);
            (tag.void(), Edge::MpmcVoid, Counter::Voided)
        }
        Some(State::Reading) => (tag.orphan(), Edge::MpmcOrphan, Counter::Orphaned),
        Some(State::Lent) => after_lending(memory, tag),
        _ => return false,
    };
    // [M6] Release → the next owner of the slot: the dead holder no longer uses it. (The recoverer knows this
    // from `is_alive`.)
    let done = memory
        .tag(index)
        .compare_exchange(tag.as_raw(), repaired.as_raw(), M::Platform::ordering(edge), Relaxed)
        .is_ok();
    if done {
        M::Platform::crash_point(Site::MpmcRepaired);
        count(memory, counter);
    }
    done
}

/// The fate of an element that was lent and not popped.
pub(super) fn after_lending<M: Memory>(memory: &M, tag: Tag) -> (Tag, Edge, Counter) {
    if tag.attempt() + 1 >= memory.max_attempts() {
        (tag.void(), Edge::MpmcVoid, Counter::DeadLetters)
    } else {
        (tag.orphan(), Edge::MpmcOrphan, Counter::Orphaned)
    }
}

/// Tells taps that a slot is about to become void whose element was never pushed.
pub(super) fn count_void<M: Memory>(memory: &M) {
    // [T2] Release → a tap's Acquire: this position, and those before, are claimed.
    memory.voids().fetch_add(1, M::Platform::ordering(Edge::MpmcVoidMade));
}

/// Makes consumers search, after slots may have become orphans.
pub(super) fn publish_orphans<M: Memory>(memory: &M) {
    // [M7] Release → the consumer's Acquire: the orphans exist.
    memory.orphans().fetch_add(1, M::Platform::ordering(Edge::MpmcOrphansMade));
}

pub(super) fn count<M: Memory>(memory: &M, counter: Counter) {
    memory.counter(counter).fetch_add(1, Relaxed); // Statistics.
}
