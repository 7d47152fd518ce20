//! Taking slots and seats out of dead hands. Lock-free; every step may be done twice, and by anyone.

use core::sync::atomic::Ordering::Relaxed;

use super::Holder;
use super::memory::{Counter, Memory};
use super::tag::{State, Tag};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// What became of a slot that was in somebody's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Its holder is alive: wait for it.
    Alive {
        /// The identity of the holder.
        identity: u64,
    },
    /// It is in these hands no more. Try again.
    Moved,
    /// Its holder was dead; the slot is free of it. Try again. The holder's seat is still taken: sweep it.
    Repaired {
        /// The identity of the holder.
        identity: u64,
    },
}

/// What a run of [`recover`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Seats of dead processes that this run set free.
    pub seats: u32,
    /// Slots that this run took out of dead hands.
    pub slots: u64,
}

/// Frees a met slot from its holder, if that is dead.
///
/// `is_alive` answers for an identity from the endpoint table. Its answer "dead" must be final, and must come after
/// everything that the dead process did.
pub fn repair<M: Memory>(memory: &M, holder: &Holder, is_alive: impl FnOnce(u64) -> bool) -> Repair {
    if holder.endpoint >= memory.endpoints() || holder.index >= memory.capacity() {
        return Repair::Moved; // No tag of a sound ring says so.
    }
    // [M8] Acquire ← whoever freed the seat. After the tag was read: see `repair_slot`.
    let identity = memory.identity(holder.endpoint).load(M::Platform::ordering(Edge::MpmcSeatCheck));
    if identity == 0 {
        return Repair::Moved;
    }
    if is_alive(identity) {
        return Repair::Alive { identity };
    }
    if repair_slot(memory, holder.index, holder.tag) {
        announce_orphans(memory);
        Repair::Repaired { identity }
    } else {
        Repair::Moved
    }
}

/// Sweeps every seat whose identity is dead, and frees it.
pub fn recover<M: Memory>(memory: &M, mut is_alive: impl FnMut(u64) -> bool) -> Report {
    let mut report = Report::default();
    for number in 0..memory.endpoints() {
        // [M8] Acquire: a look only; `sweep` looks again at each slot.
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

/// Takes all slots out of the hands of one dead seat, then frees the seat. Gives the number of slots repaired, and whether
/// this call freed the seat.
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
        // [M8] Acquire ← whoever freed the seat. It must come after the tag was read: a tag of the number's next holder
        // is then never taken for one of the dead.
        if memory.identity(number).load(M::Platform::ordering(Edge::MpmcSeatCheck)) != dead {
            return (slots, false);
        }
        slots += u64::from(repair_slot(memory, index, tag));
    }
    M::Platform::crash_point(Site::MpmcSwept);
    announce_orphans(memory);
    M::Platform::crash_point(Site::MpmcAnnounced);
    // [M8] Release → the next holder, and recoverers behind this one: no tag names the dead any more.
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
        Some(State::Writing) => (tag.void(), Edge::MpmcVoid, Counter::Voided),
        Some(State::Reading) => (tag.orphan(), Edge::MpmcOrphan, Counter::Orphaned),
        Some(State::Lent) => after_lending(memory, tag),
        _ => return false,
    };
    // [M6] Release → whoever claims the slot next: the dead has done with it. (The recoverer knows by the oracle.)
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

/// What becomes of an element that was lent and not popped.
pub(super) fn after_lending<M: Memory>(memory: &M, tag: Tag) -> (Tag, Edge, Counter) {
    if tag.attempt() + 1 >= memory.max_attempts() {
        (tag.void(), Edge::MpmcVoid, Counter::DeadLetters)
    } else {
        (tag.orphan(), Edge::MpmcOrphan, Counter::Orphaned)
    }
}

/// Tells consumers to search, after slots may have become orphans.
pub(super) fn announce_orphans<M: Memory>(memory: &M) {
    // [M7] Release → the consumer's Acquire: the orphans are there.
    memory.orphans().fetch_add(1, M::Platform::ordering(Edge::MpmcOrphansMade));
}

pub(super) fn count<M: Memory>(memory: &M, counter: Counter) {
    memory.counter(counter).fetch_add(1, Relaxed); // Statistics.
}
