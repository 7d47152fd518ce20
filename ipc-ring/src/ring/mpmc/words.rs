//! The words of an mpmc ring. The tables stand in `docs/layout.md` too.

use crate::layout::{APART, HEADER_SIZE};
use crate::memory::{Access, entries, words};

words! {
    /// The words in front of the slots of an mpmc ring.
    pub trait Words: Access;
    /// The fields of an mpmc ring behind its header.
    const FIELDS from HEADER_SIZE;

    /// Bits about the ring as a whole, changed at most a few times in its life.
    0x100 u32 STATE state: protocol, "the end that closes, or finds an invalid tag";
    /// How many seats, from the first on, were ever taken.
    0x104 u32 USED used: protocol, "ends that take a seat, before that";
    /// Which consumers sleep.
    0x108 u64 CONSUMER_SLEEPERS consumer_sleepers: protocol, "consumers before they sleep; the end that wakes them";
    /// How many producers have ever attached; behind it, how many consumers.
    0x110 [8] ATTACHED attached: area, "the end that attaches";
    /// A position to push at, not too old. A hint.
    0x180 u64 TAIL tail: protocol, "producers, each push, Release (M4)";
    /// A position to pop at, not too old. A hint.
    0x200 u64 HEAD head: protocol, "consumers, each pop, Release (M5)";
    /// Which producers sleep.
    0x280 u64 PRODUCER_SLEEPERS producer_sleepers: protocol, "producers before they sleep; the end that wakes them";
    /// Whose turn it is to push, in a full ring.
    0x288 u64 TURN turn: hint, "producers that find the ring full";
    /// Raised after slots have become orphans.
    0x300 u64 ORPHANS orphans: protocol, "recoverers, Release (M7)";
    /// How often something was repaired.
    0x308 [32] COUNTERS counters: area, "recoverers";
    /// How many slots were made void. Taps rely on it.
    0x328 u64 VOIDS voids: protocol, "the end or recoverer that makes a slot void, before it, Release (T2)";
    /// The endpoint table.
    0x380 [ENDPOINTS as usize * SEAT_SIZE] SEATS seats: area, "the ends";
    /// The slots.
    0x8380 rest SLOTS_OFFSET slots: area, "claimers";
}

/// Bytes of a seat's record: identity (8); wake semaphore (4), process number (4), role (4) and signal word
/// (4), which are the channel's.
pub(crate) const SEAT_SIZE: usize = APART;
/// Seats of a ring.
pub(crate) const ENDPOINTS: u16 = 256;

const _: () = assert!(ENDPOINTS <= super::tag::MAX_ENDPOINTS);

entries! {
    /// The seats of an mpmc ring.
    pub trait Seats: Words;
    /// What the ring has of a seat.
    const SEAT_FIELDS of SEATS, stride SEAT_SIZE, |_memory, number: u16| number < ENDPOINTS;

    /// The identity in a seat; 0 when it is free.
    0x00 u64 IDENTITY identity: protocol, "CAS by the end that takes it; its end or a recoverer frees it, Release (M8)";
}

#[cfg(test)]
#[test]
fn the_specification_has_the_same_words() {
    crate::documented::assert_fields("The mpmc ring", FIELDS);
}
