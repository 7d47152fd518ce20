//! Reclaims blocks and seats from dead members, and blocks from channels that are gone. Lock-free; every step
//! may be repeated, by any process.

use core::sync::atomic::Ordering::Relaxed;

use super::handle::Route;
use super::memory::{Counter, Memory, class_of};
use super::seat;
use super::tag::{State, Tag};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// How often the repair of one block is tried: each failure means that another member changed its tag.
const TRIES: u32 = 10_000;

/// The result of a recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Seats of dead processes that this run set free.
    pub seats: u32,
    /// Blocks that this run took from dead members. A block that others still read counts too.
    pub blocks: u64,
    /// Blocks whose handle was lost with its channel, that this run set free.
    pub lost: u64,
}

/// Sweeps every seat whose identity is dead, and frees it.
///
/// `is_alive` answers for an identity from the table. Its answer "dead" must be final, and must come after
/// every action of the dead process.
pub fn recover<M: Memory>(memory: &M, mut is_alive: impl FnMut(u64) -> bool) -> Report {
    let mut report = Report::default();
    for number in 0..memory.seats() {
        // [P4] Acquire: a hint; `sweep` checks again for each block.
        let identity = memory.identity(number).load(M::Platform::ordering(Edge::PoolSeatCheck));
        if identity == 0 || is_alive(identity) {
            continue;
        }
        let (blocks, freed) = sweep(memory, number, identity);
        report.blocks += blocks;
        report.seats += u32::from(freed);
    }
    report
}

/// Takes all blocks from one dead seat, then frees the seat. Returns the number of blocks, and whether this
/// call freed the seat.
///
/// `dead` is an identity that was read from this seat and then found dead.
pub fn sweep<M: Memory>(memory: &M, number: u16, dead: u64) -> (u64, bool) {
    let mut repaired = 0;
    for block in 0..memory.blocks() {
        let mut tries = 0;
        loop {
            // [P3] Acquire ← the claim: the check below sees that its holder took the seat.
            let tag = Tag::from_raw(memory.tag(block).load(M::Platform::ordering(Edge::PoolReap)));
            if !tag.is_held_by(number) {
                break;
            }
            // [P4] Acquire ← the process that freed the seat. It must come after the tag was read, so that a
            // tag of the seat's next holder is never mistaken for one of the dead holder.
            if memory.identity(number).load(M::Platform::ordering(Edge::PoolSeatCheck)) != dead
                || tries == TRIES
            {
                return (repaired, false);
            }
            if repair(memory, number, block, tag) {
                repaired += 1;
                break;
            }
            // Others who share the block have changed the tag; or a process that violates the protocol has.
            tries += 1;
        }
    }
    M::Platform::crash_point(Site::PoolSwept);
    (repaired, seat::free(memory, number, dead))
}

/// The repair of one block: a CAS from the tag that was read **before** its holder was found dead.
fn repair<M: Memory>(memory: &M, number: u16, block: u32, tag: Tag) -> bool {
    let is_shared = matches!(tag.state(), Some(State::Shared | State::Published));
    let left = if is_shared { tag.bereft(number) } else { tag.freed() };
    // [P5] Release → the next borrower of the block: the dead holder has finished with it. (The recoverer
    // knows that from the oracle.)
    let done = memory
        .tag(block)
        .compare_exchange(tag.as_raw(), left.as_raw(), M::Platform::ordering(Edge::PoolRepair), Relaxed)
        .is_ok();
    if done {
        M::Platform::crash_point(Site::PoolRepaired);
        count(memory, block, Counter::Reclaimed);
    }
    done
}

/// Frees the blocks whose handles were in channels that are gone. Returns their number. A block that still
/// has readers becomes free after its last reader.
///
/// `is_there` says whether a channel's memory still exists. Its answer "no" must be final.
pub fn reclaim<M: Memory>(memory: &M, mut is_there: impl FnMut(Route) -> bool) -> u64 {
    (0..memory.blocks()).map(|block| u64::from(reclaim_one(memory, block, &mut is_there))).sum()
}

fn reclaim_one<M: Memory>(memory: &M, block: u32, is_there: &mut impl FnMut(Route) -> bool) -> bool {
    for _ in 0..TRIES {
        // [P1] Acquire ← the sender: the route was written before.
        let tag = Tag::from_raw(memory.tag(block).load(M::Platform::ordering(Edge::PoolLookSent)));
        let left = match tag.state() {
            Some(State::Sent) => tag.freed(),
            Some(State::Published) => tag.withdrawn(),
            _ => return false,
        };
        // If the route is already that of a later generation, the CAS below fails.
        let [generation, segment] = memory.route_words(block).map(|word| word.load(Relaxed)); // After the tag.
        if is_there(Route { generation, segment }) {
            return false;
        }
        // Relaxed: this side has read and written no byte of the block; as a read-modify-write it continues
        // the [P1] and [P2] releases of others.
        if memory.tag(block).compare_exchange(tag.as_raw(), left.as_raw(), Relaxed, Relaxed).is_ok() {
            M::Platform::crash_point(Site::PoolReclaimed);
            count(memory, block, Counter::Lost);
            return true;
        }
        // Another process has done it, or a reader of a published block has come or gone.
    }
    false
}

fn count<M: Memory>(memory: &M, block: u32, counter: Counter) {
    memory.counter(class_of(memory, block), counter).fetch_add(1, Relaxed); // Statistics.
}
