//! The ends attached to a channel, read from outside.

use std::sync::atomic::Ordering;

use super::pair::Role;
use super::role::EndRole;
use super::seats::Table;
use super::{broadcast, latest, mpmc};
use crate::domain::Owner;
use crate::layout::Kind;
use crate::region::Region;
use crate::ring::{call, pool, spsc};

/// The holder of an end, by its record; it may be dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) role: EndRole,
    pub(crate) owner: Owner,
    pub(crate) pid: u32,
}

/// The holders of a ring's ends. Empty for a kind that has no ends, or whose records this version does not
/// know, and for memory that is too small for them.
pub(crate) fn holders(kind: u32, region: &Region) -> Vec<Holder> {
    let is = |other: Kind| kind == other as u32;
    if is(Kind::Spsc) || is(Kind::Bytes) || is(Kind::Call) {
        return pair(region);
    }
    if is(Kind::Pool) {
        return members(region);
    }
    let table = if is(Kind::Mpmc) {
        mpmc::TABLE
    } else if is(Kind::Broadcast) || is(Kind::BroadcastBytes) {
        broadcast::TABLE
    } else if is(Kind::Latest) {
        latest::TABLE
    } else {
        return Vec::new();
    };
    seated(table, region)
}

fn pair(region: &Region) -> Vec<Holder> {
    // Calls have their two records where the rings do.
    const { assert!(call::CALLER_RECORD == spsc::PRODUCER_RECORD) };
    const { assert!(call::RESPONDER_RECORD == spsc::CONSUMER_RECORD) };
    if region.len() < call::LINE_OFFSET.min(spsc::SLOTS_OFFSET) {
        return Vec::new();
    }
    [(Role::Producer, EndRole::Producer), (Role::Consumer, EndRole::Consumer)]
        .into_iter()
        .filter_map(|(seat, role)| {
            let (owner, pid) = seat.seats().own.holder(region);
            owner.is_some().then_some(Holder { role, owner, pid })
        })
        .collect()
}

/// The members of a pool. One that has it open several times appears that often.
fn members(region: &Region) -> Vec<Holder> {
    let end = pool::SEATS + usize::from(pool::MAX_MEMBERS) * pool::SEAT_SIZE;
    (0..usize::from(pool::MAX_MEMBERS))
        .filter(|_| region.len() >= end)
        .filter_map(|number| {
            let seat = pool::SEATS + number * pool::SEAT_SIZE;
            let owner = Owner::from_raw(region.word(seat).load(Ordering::Relaxed)); // A read from outside.
            let pid = region.half(seat + pool::S_PID).load(Ordering::Relaxed); // For display.
            owner.is_some().then_some(Holder { role: EndRole::Member, owner, pid })
        })
        .collect()
}

fn seated(table: Table, region: &Region) -> Vec<Holder> {
    (0..table.seats)
        .filter(|_| region.len() >= table.end())
        .filter_map(|number| {
            // [M8] Acquire ← the end that gave a seat back; a read from outside.
            let owner = Owner::from_raw(table.identity(region, number).load(Ordering::Acquire));
            let role = EndRole::from_raw(table.role(region, number))?;
            owner.is_some().then(|| Holder { role, owner, pid: table.pid(region, number) })
        })
        .collect()
}
