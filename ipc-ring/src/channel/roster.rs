//! Who is attached to a channel, read by somebody who is not.

use std::sync::atomic::Ordering;

use super::pair::Role;
use super::{broadcast, crowd, latest, mpmc};
use crate::domain::Owner;
use crate::layout::Kind;
use crate::region::Region;

/// The side of a channel that an end is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndRole {
    /// Puts messages in: a producer, a publisher, a writer.
    Producer,
    /// Takes messages out: a consumer, a subscriber, a reader.
    Consumer,
}

impl EndRole {
    /// The number in frames and in the records of rings with many ends.
    pub(crate) fn to_raw(self) -> u32 {
        match self {
            EndRole::Producer => 1,
            EndRole::Consumer => 2,
        }
    }

    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        [EndRole::Producer, EndRole::Consumer].into_iter().find(|role| role.to_raw() == raw)
    }
}

/// Who holds an end, by its record; perhaps dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) role: EndRole,
    pub(crate) owner: Owner,
    pub(crate) pid: u32,
}

/// The holders of a ring's ends. Empty for a kind that has no ends, or whose records this version does not know, and for memory
/// that is too small for them.
pub(crate) fn holders(kind: u32, region: &Region) -> Vec<Holder> {
    let is = |other: Kind| kind == other as u32;
    if is(Kind::Spsc) || is(Kind::Bytes) {
        return pair(region);
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
    crowd(table, region)
}

fn pair(region: &Region) -> Vec<Holder> {
    if region.len() < crate::ring::spsc::layout::SLOTS_OFFSET {
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

fn crowd(table: crowd::Table, region: &Region) -> Vec<Holder> {
    (0..table.seats)
        .filter(|_| region.len() >= table.end())
        .filter_map(|number| {
            // [M8] Acquire ← who gave a seat back; a look from outside.
            let owner = Owner::from_raw(table.identity(region, number).load(Ordering::Acquire));
            let role = EndRole::from_raw(table.role(region, number))?;
            owner.is_some().then(|| Holder { role, owner, pid: table.pid(region, number) })
        })
        .collect()
}
