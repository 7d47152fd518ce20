//! The endpoint table: which process holds which seat.

use crate::error::debug_as_display;
use core::fmt;
use core::num::NonZeroU64;
use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// A place in the endpoint table, taken by one end.
///
/// It is released by [`Producer::detach`](super::Producer::detach) and
/// [`Consumer::detach`](super::Consumer::detach); a seat that is dropped stays taken until its process is
/// dead and recovery has run.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Seat {
    number: u16,
    identity: NonZeroU64,
}

/// Every seat is taken. Recovery may free some.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TableFull;

impl fmt::Display for TableFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every endpoint of the ring is taken")
    }
}

impl core::error::Error for TableFull {}

debug_as_display!(TableFull);

impl Seat {
    /// Takes a free seat for a process of this identity. A process may take several.
    ///
    /// # Errors
    /// [`TableFull`].
    pub fn take<M: Memory>(memory: &M, identity: NonZeroU64) -> Result<Self, TableFull> {
        for number in 0..memory.endpoints() {
            if memory.identity(number).load(Relaxed) != 0 {
                continue; // A check only; the CAS decides.
            }
            raise_used(memory.used(), u32::from(number) + 1);
            // Relaxed: a read-modify-write, so a recoverer that reads this identity still acquires the store
            // that freed the seat [M8]. The new holder itself does not need that: the tags order what it does
            // to slots.
            let taken = memory.identity(number).compare_exchange(0, identity.get(), Relaxed, Relaxed);
            if taken.is_ok() {
                M::Platform::crash_point(Site::MpmcSeated);
                return Ok(Self { number, identity });
            }
        }
        Err(TableFull)
    }

    /// The seat number, which is in the tags of the slots that the end holds.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// The identity of the process.
    #[must_use]
    pub const fn identity(&self) -> NonZeroU64 {
        self.identity
    }

    /// Releases the seat. Its end holds no slot.
    pub(super) fn give_back<M: Memory>(&self, memory: &M) {
        // [M8] Release → the Acquire of the next holder: this end's last tag is written.
        memory.identity(self.number).store(0, M::Platform::ordering(Edge::MpmcSeatFree));
    }
}

/// Raises the count of seats that were ever taken, before one is taken. An end that reads an older count
/// takes the seat to be free, which it was when it looked.
fn raise_used<W: Word<u32>>(used: &W, wanted: u32) {
    let mut found = used.load(Relaxed); // See above.
    while found < wanted {
        match used.compare_exchange(found, wanted, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(newer) => found = newer,
        }
    }
}
