//! Taking blocks and seats out of dead hands, and out of channels that are gone. Lock-free; every step may be done twice, and
//! by anyone.

use core::sync::atomic::Ordering::Relaxed;

use super::handle::Route;
use super::memory::{Counter, Memory, class_of};
use super::seat;
use super::tag::{State, Tag};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// How often the repair of one block is tried: each failure is somebody else's change of its tag.
const TRIES: u32 = 10_000;

/// What a recovery found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Seats of dead processes that this run set free.
    pub seats: u32,
    /// Blocks that this run took out of dead hands. One that others still read counts too.
    pub blocks: u64,
    /// Blocks whose handle was lost with its channel, that this run set free.
    pub lost: u64,
}

/// Sweeps every seat whose identity is dead, and frees it.
///
/// `is_alive` answers for an identity from the table. Its answer "dead" must be final, and must come after everything that
/// the dead process did.
pub fn recover<M: Memory>(memory: &M, mut is_alive: impl FnMut(u64) -> bool) -> Report {
    let mut report = Report::default();
    for number in 0..memory.seats() {
        // [P4] Acquire: a look only; `sweep` looks again at each block.
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

/// Takes all blocks out of the hands of one dead seat, then frees the seat. Gives the number of blocks, and whether this call
/// freed the seat.
///
/// `dead` is an identity that was read from this seat and then found dead.
pub fn sweep<M: Memory>(memory: &M, number: u16, dead: u64) -> (u64, bool) {
    let mut repaired = 0;
    for block in 0..memory.blocks() {
        let mut tries = 0;
        loop {
            // [P3] Acquire ← the claim: that its holder took the seat is seen by the check below.
            let tag = Tag::from_raw(memory.tag(block).load(M::Platform::ordering(Edge::PoolReap)));
            if !tag.is_held_by(number) {
                break;
            }
            // [P4] Acquire ← whoever freed the seat. It must come after the tag was read: a tag of the seat's next holder
            // is then never taken for one of the dead.
            if memory.identity(number).load(M::Platform::ordering(Edge::PoolSeatCheck)) != dead
                || tries == TRIES
            {
                return (repaired, false);
            }
            if repair(memory, number, block, tag) {
                repaired += 1;
                break;
            }
            // Others who share the block have changed the tag; or nobody that keeps to the protocol.
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
    // [P5] Release → whoever is lent the block next: the dead has done with it. (The recoverer knows by the oracle.)
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

/// Frees the blocks whose handles were in channels that are gone. Gives their number. Those that somebody still reads are free
/// after their last reader.
///
/// `is_there` says whether a channel's memory still exists. Its answer "no" must be final.
pub fn reclaim<M: Memory>(memory: &M, mut is_there: impl FnMut(Route) -> bool) -> u64 {
    (0..memory.blocks()).map(|block| u64::from(reclaim_one(memory, block, &mut is_there))).sum()
}

fn reclaim_one<M: Memory>(memory: &M, block: u32, is_there: &mut impl FnMut(Route) -> bool) -> bool {
    for _ in 0..TRIES {
        // [P1] Acquire ← who sent it: the route was written before.
        let tag = Tag::from_raw(memory.tag(block).load(M::Platform::ordering(Edge::PoolLookSent)));
        let left = match tag.state() {
            Some(State::Sent) => tag.freed(),
            Some(State::Published) => tag.withdrawn(),
            _ => return false,
        };
        // If it is the route of a later generation already, the CAS below fails.
        let [generation, segment] = memory.route_words(block).map(|word| word.load(Relaxed)); // After the tag.
        if is_there(Route { generation, segment }) {
            return false;
        }
        // Relaxed: this side has read and written nothing of the block; as a read-modify-write it continues the releases of
        // those who have [P1], [P2].
        if memory.tag(block).compare_exchange(tag.as_raw(), left.as_raw(), Relaxed, Relaxed).is_ok() {
            M::Platform::crash_point(Site::PoolReclaimed);
            count(memory, block, Counter::Lost);
            return true;
        }
        // Somebody else has done it, or a reader of a published block has come or gone.
    }
    false
}

fn count<M: Memory>(memory: &M, block: u32, counter: Counter) {
    memory.counter(class_of(memory, block), counter).fetch_add(1, Relaxed); // Statistics.
}
