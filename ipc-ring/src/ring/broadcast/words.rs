//! What the two broadcast rings have in common: the words in front of the messages.

use crate::platform::{Barrier, Platform};

/// The words of a broadcast ring beside its messages. Positions count slots or bytes, as the ring does.
///
/// Implemented over a mapped segment by [`Front`](super::Front) and over a model checker's objects by `loom-tests`. A seat's
/// number is always below [`seats`](Words::seats).
pub trait Words {
    /// The machine the words belong to.
    type Platform: Platform;

    /// Slots or bytes of the ring, a power of two, from private memory.
    fn capacity(&self) -> u64;
    /// How sleepers and notifiers of this ring agree, and joining subscribers with the publisher; from private memory.
    fn barrier(&self) -> Barrier;
    /// Whether subscribers hold the publisher up, from private memory.
    fn gated(&self) -> bool;
    /// Number of seats for subscribers, from private memory.
    fn seats(&self) -> u16;

    /// The publisher's position; never behind by more than the publication under way.
    fn tail(&self) -> &<Self::Platform as Platform>::U64;
    /// The lowest position that is whole.
    fn floor(&self) -> &<Self::Platform as Platform>::U64;
    /// What the floor may become by the look at the cursors that is under way; the floor itself while there is none.
    fn rising(&self) -> &<Self::Platform as Platform>::U64;
    /// Bits of [`signal`](crate::wait::signal) about the stream: closed, detached, poisoned.
    fn state(&self) -> &<Self::Platform as Platform>::U32;
    /// The identity in a seat; 0 when it is free.
    fn identity(&self, number: u16) -> &<Self::Platform as Platform>::U64;
    /// Where the subscriber in a seat is.
    fn cursor(&self, number: u16) -> &<Self::Platform as Platform>::U64;
    /// The identity in a seat that was found dead, and counts no more.
    fn dropped(&self, number: u16) -> &<Self::Platform as Platform>::U64;
    /// Seats below this number have been used. Raised only.
    fn used(&self) -> &<Self::Platform as Platform>::U32;

    /// How often the publisher found no room.
    fn found_full(&self) -> &<Self::Platform as Platform>::U64;
    /// The furthest a subscriber has been seen behind.
    fn high_water(&self) -> &<Self::Platform as Platform>::U64;
    /// How many subscribers died in their seats.
    fn drops(&self) -> &<Self::Platform as Platform>::U64;
    /// How many messages subscribers with a seat were told that they missed.
    fn missed(&self) -> &<Self::Platform as Platform>::U64;
}
