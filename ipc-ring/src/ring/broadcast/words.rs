//! The words of a broadcast ring, in front of its messages. The tables are in `docs/layout.md` too.

use crate::layout::{APART, HEADER_SIZE};
use crate::memory::{Ring, entries, words};
use crate::platform::Barrier;

words! {
    /// The words in front of the messages of a broadcast ring. Positions count slots or bytes, as the ring
    /// does.
    pub trait Words: Ring;
    /// The fields of a broadcast ring behind its header.
    const FIELDS from HEADER_SIZE;

    /// Whether subscribers hold the publisher up: see [`Mode`](super::Mode).
    0x100 [4] MODE mode: area, "the end that attaches first, under the domain's lock";
    /// How many publishers have ever attached.
    0x104 u32 PUBLISHERS publishers: counter, "publisher, at attach";
    /// Bits of [`signal`](crate::wait::signal) about the stream: closed, detached, poisoned.
    0x108 u32 STATE state: protocol, "the ends, atomically, Release (C1)";
    /// Which subscribers sleep. The publisher looks at it after each publication.
    0x180 u64 SUBSCRIBER_SLEEPERS subscriber_sleepers: protocol, "subscribers before they sleep; publisher";
    /// Whether the publisher sleeps. Subscribers of a gated ring look at it after each quarter of the ring.
    0x200 u64 PUBLISHER_SLEEPERS publisher_sleepers: protocol, "publisher before it sleeps; the end that wakes it";
    /// The publisher's position; never behind by more than the publication under way.
    0x280 u64 TAIL tail: protocol, "publisher, each publication";
    /// How often the publisher found no room.
    0x288 u64 FOUND_FULL found_full: counter, "publisher";
    /// The furthest a subscriber has been seen behind.
    0x290 u64 HIGH_WATER high_water: counter, "publisher";
    /// How many frames were published, in a ring of frames. Stored before the tail that counts the last of
    /// them.
    0x298 u64 FRAMES frames: protocol, "publisher of a ring of frames, each publication, Release (D4)";
    /// Where the last frame begins. A hint.
    0x2a0 u64 LAST last: hint, "publisher of a ring of frames, each publication";
    /// The lowest position that is whole.
    0x300 u64 FLOOR floor: protocol, "publisher, followed by a fence (D2)";
    /// What the floor may become by the look at the cursors that is under way; the floor itself while there
    /// is none.
    0x308 u64 RISING rising: protocol, "publisher of a gated ring, before and after it looks at the cursors";
    /// Seats below this number have been used. Raised only.
    0x380 u32 USED used: protocol, "subscribers that take a seat";
    /// How many subscribers died in their seats.
    0x388 u64 DROPS drops: counter, "the end that finds a subscriber dead";
    /// How many messages subscribers with a seat were told that they missed.
    0x390 u64 MISSED missed: counter, "subscribers that were overrun";
    /// Where the first frame of each sixteenth of a ring of frames begins.
    0x400 [128] LANDMARKS landmarks: area, "publisher of a ring of frames";
    /// The seats.
    0x480 [(SUBSCRIBERS as usize + 1) * SEAT_SIZE] SEATS seats: area, "the ends";
    /// The slots or records.
    0x8500 rest SLOTS_OFFSET slots: area, "publisher, Release (D1)";
}

/// Bytes of a seat's record.
pub(crate) const SEAT_SIZE: usize = APART;
/// Seats for subscribers.
pub(crate) const SUBSCRIBERS: u16 = 256;
/// The publisher's seat, after those of the subscribers.
pub(crate) const PUBLISHER_SEAT: u16 = SUBSCRIBERS;

entries! {
    /// The seats of a broadcast ring's subscribers.
    pub trait Seats: Words;
    /// What the ring has of a seat.
    const SEAT_FIELDS of SEATS, stride SEAT_SIZE, |_memory, number: u16| number < SUBSCRIBERS;

    /// The identity in a seat; 0 when it is free.
    0x00 u64 IDENTITY identity: protocol, "CAS by the end that takes it; its end or a recoverer frees it, Release (M8)";
    /// The identity in a seat that was found dead, and counts no more.
    0x18 u64 DROPPED dropped: protocol, "publisher, or the end that frees the seat: the identity that was found dead";
    /// Where the subscriber in a seat is, on a line of its own.
    0x40 u64 CURSOR cursor: protocol, "its subscriber, each pop, Release (D3)";
}

/// The common part of the two broadcast rings: the words in front of the messages. A seat's number is always
/// below [`seats`](Control::seats).
pub trait Control: Seats {
    /// The barrier between sleepers and notifiers of this ring, and between joining subscribers and the
    /// publisher; from private memory.
    fn barrier(&self) -> Barrier;
    /// Whether subscribers hold the publisher up, from private memory.
    fn gated(&self) -> bool;
    /// Number of seats for subscribers, from private memory.
    fn seats(&self) -> u16 {
        SUBSCRIBERS
    }
}

#[cfg(test)]
#[test]
fn the_specification_has_the_same_words() {
    use crate::documented::assert_fields;
    assert_fields("The broadcast rings", FIELDS);
    // The identity is described with the seats of an mpmc ring.
    assert_fields("Seat of a broadcast ring", &SEAT_FIELDS[1..]);
}
