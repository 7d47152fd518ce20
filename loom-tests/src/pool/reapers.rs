//! Recoveries: several at a time, some of which die; and the next holder of a seat that was freed.

use ipc_ring::edge::Edge;
use ipc_ring::platform::{Platform as _, Site, Word as _};
use ipc_ring::ring::pool::{
    Blocks as _, Counter, Member, Memory as _, Seats as _, Sizes as _, State, Tag, recovery,
};
use loom::sync::atomic::Ordering;
use loom::thread;

use super::memory::THERE;
use super::{Heap, is_sound};
use crate::{Loom, Model, crash, mutation, reached};

/// A mistake: the CAS is made from a tag that was read after the check.
pub const REREAD: &str = "pool recovery: the tag is read again after the check";
/// A mistake: no check whether the seat still belongs to the dead holder.
pub const NO_CHECK: &str = "pool recovery: the seat is not checked";
/// A mistake: the seat is checked before the tag is read.
pub const CHECK_FIRST: &str = "pool recovery: the seat is checked before the tag is read";
/// A mistake: the seat is free before the blocks are swept.
pub const FREED_FIRST: &str = "pool recovery: the seat is freed before the sweep";
/// A mistake: a dead holder's bit is cleared but the death is not counted.
pub const NOT_COUNTED: &str = "pool recovery: deaths of those who share are not counted";
/// A mistake: when others change the tag of a shared block, the dead holder's bit is left there.
pub const NOT_AGAIN: &str = "pool recovery: a repair that failed is not tried again";
/// A mistake: blocks that are in channels are taken from their dead senders.
pub const SENT_TOO: &str = "pool recovery: blocks in channels are freed too";

/// The possible mistakes of a recovery.
pub const MISTAKES: [&str; 7] =
    [REREAD, NO_CHECK, CHECK_FIRST, FREED_FIRST, NOT_COUNTED, NOT_AGAIN, SENT_TOO];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("pool_reaper_dies_repaired", 2_200, || reaper_dies(Site::PoolRepaired)).reaches(&["died"]),
    Model::new("pool_reaper_dies_swept", 1_400, || reaper_dies(Site::PoolSwept)).reaches(&["died"]),
    Model::new("pool_two_reapers", 2_900, two_reapers).reaches(&["lent"]),
    Model::new("pool_seat_reused_by_lender", 1_900, || seat_reused(Next::Lends)).reaches(&["reused"]),
    Model::new("pool_seat_reused_by_receiver", 800, || seat_reused(Next::Receives)).reaches(&["reused"]),
    Model::new("pool_seat_reused_by_reader", 2_000, || seat_reused(Next::Joins)).reaches(&["reused"]),
];

impl Heap {
    /// One run of the recovery: production's, or a faulty copy of it.
    pub fn recover(&self) -> recovery::Report {
        recover(self)
    }
}

fn recover(pool: &Heap) -> recovery::Report {
    if !MISTAKES.into_iter().any(mutation::logic) {
        return recovery::recover(pool, |identity| pool.is_alive(identity));
    }
    let mut report = recovery::Report::default();
    for number in 0..pool.seats() {
        let identity = pool.identity(number).load(Ordering::Acquire);
        if identity != 0 && !pool.is_alive(identity) && mistaken_sweep(pool, number, identity) {
            report.seats += 1;
        }
    }
    report
}

fn mistaken_sweep(pool: &Heap, number: u16, dead: u64) -> bool {
    let is = mutation::logic;
    let is_dead = || pool.identity(number).load(Ordering::Acquire) == dead;
    let free =
        || pool.identity(number).compare_exchange(dead, 0, Ordering::Release, Ordering::Relaxed).is_ok();
    let freed = is(FREED_FIRST) && free();
    for block in 0..pool.classes()[0].count {
        loop {
            if is(CHECK_FIRST) && !is_dead() {
                return false;
            }
            let word = pool.tag(block);
            let mut tag = Tag::from_raw(word.load(Ordering::Acquire));
            let sent = is(SENT_TOO) && tag.state() == Some(State::Sent);
            if !tag.is_held_by(number) && !sent {
                break;
            }
            if !is(NO_CHECK) && !is(CHECK_FIRST) && !is(FREED_FIRST) && !is_dead() {
                return false;
            }
            if is(REREAD) {
                tag = Tag::from_raw(word.load(Ordering::Acquire));
                if !tag.is_held_by(number) {
                    break;
                }
            }
            let left = if tag.state() != Some(State::Shared) {
                tag.freed()
            } else if is(NOT_COUNTED) && tag.holders().count_ones() > 1 {
                Tag::from_raw(tag.as_raw() & !(1 << number))
            } else {
                tag.bereft(number)
            };
            let done =
                word.compare_exchange(tag.as_raw(), left.as_raw(), Ordering::Release, Ordering::Relaxed);
            if done.is_ok() {
                Loom::crash_point(Site::PoolRepaired);
                pool.counter(0, Counter::Reclaimed).fetch_add(1, Ordering::Relaxed);
                break;
            }
            if is(NOT_AGAIN) {
                break;
            }
        }
    }
    Loom::crash_point(Site::PoolSwept);
    freed || free()
}

/// A pool whose blocks are all held by process 4, which is dead.
fn all_in_dead_hands(blocks: u32) -> Heap {
    let pool = Heap::new(blocks, 2);
    let dead = pool.member(4);
    for _ in 0..blocks {
        let loan = dead.try_loan(0).unwrap();
        pool.write(loan.block(), 9);
        let _lost = loan;
    }
    pool.dies(4);
    pool
}

/// One recovery dies; a process that runs another one finds every block free afterwards.
fn reaper_dies(site: Site) {
    let pool = all_in_dead_hands(2);
    let shared = pool.clone();
    let one = thread::spawn(move || {
        if crash::kill_at(site, 0, || recover(&shared)).is_none() {
            reached("died");
        }
    });
    lend_all(&pool, 2);
    one.join().unwrap();
    is_sound(&pool, 2, 2);
    assert!(pool.count(Counter::Reclaimed) <= 2, "a live block was taken");
}

/// As before, but both live.
fn two_reapers() {
    let pool = all_in_dead_hands(2);
    let shared = pool.clone();
    let one = thread::spawn(move || {
        recover(&shared);
    });
    lend_all(&pool, 2);
    reached("lent");
    one.join().unwrap();
    is_sound(&pool, 2, 2);
    assert_eq!(pool.count(Counter::Reclaimed), 2, "a live block was taken");
}

fn lend_all(pool: &Heap, blocks: u32) {
    let member = pool.member(2);
    recover(pool);
    let loans: Vec<_> =
        (0..blocks).map(|_| member.try_loan(0).expect("after a recovery nothing is in dead hands")).collect();
    for loan in loans {
        pool.write(loan.block(), 10);
        assert_eq!(pool.read(loan.block()), 10);
        member.abandon(loan);
    }
    assert!(member.leave());
}

/// The actions of the next holder of a seat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Lends,
    Receives,
    Joins,
}

/// Two recoveries for a dead member; as soon as its seat is free another process takes it and holds a block,
/// mostly the same one and in the same way. A late recovery must not touch that block.
fn seat_reused(next: Next) {
    let pool = Heap::new(1, 2);
    let dead = pool.member(4);
    let other = pool.member(3);
    let loan = other.try_loan(0).unwrap();
    let (mut kept, mut known) = (None, None);
    match next {
        Next::Joins => {
            let (reading, handle) = other.share(loan, 8);
            let _lost = dead.accept(&handle).unwrap();
            (kept, known) = (Some(reading), Some(handle));
        }
        Next::Receives => {
            let (offered, handle) = other.offer(loan, 8, THERE);
            other.sent(&offered);
            known = Some(handle);
        }
        Next::Lends => {
            other.abandon(loan);
            let _lost = dead.try_loan(0).unwrap();
        }
    }
    pool.dies(4);
    let others = [(); 2].map(|()| {
        let shared = pool.clone();
        thread::spawn(move || {
            recover(&shared);
        })
    });
    for _ in 0..2 {
        let Some(member) = pool.try_member(1) else { continue };
        assert_eq!(member.seat().number(), 0);
        reached("reused");
        match next {
            Next::Lends => {
                let loan = member.try_loan(0).expect("the sweep is over");
                pool.write(loan.block(), 10);
                assert_eq!(pool.read(loan.block()), 10);
                holds(&pool, &member, State::Loaned);
                member.abandon(loan);
            }
            Next::Receives => {
                let reading = member.accept(&known.unwrap()).expect("it was sent");
                known = None;
                holds(&pool, &member, State::Taken);
                member.release(reading);
            }
            Next::Joins => {
                let reading = member.accept(&known.unwrap()).expect("it is shared");
                holds(&pool, &member, State::Shared);
                member.release(reading);
            }
        }
        assert!(member.leave());
        break;
    }
    others.into_iter().for_each(|other| other.join().unwrap());
    if let Some(reading) = kept {
        other.release(reading);
    } else if let Some(handle) = known {
        other.release(other.accept(&handle).expect("it is still there"));
    }
    recover(&pool);
    let held = u64::from(next != Next::Receives);
    assert_eq!(pool.count(Counter::Reclaimed), held, "a live block was taken");
    assert!(other.leave());
    is_sound(&pool, 1, 2);
}

/// The blocks that a member holds are its own.
fn holds(pool: &Heap, member: &Member<Heap>, state: State) {
    loom::thread::yield_now();
    let tag = Tag::from_raw(pool.tag(0).load(Ordering::Acquire));
    assert!(tag.is_held_by(member.seat().number()) && tag.state() == Some(state), "taken away: {tag:?}");
}

/// The ends of edges of the pool.
#[must_use]
pub fn edges() -> Vec<Edge> {
    Edge::ALL.into_iter().filter(|edge| edge.label().starts_with('P')).collect()
}
