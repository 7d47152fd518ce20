//! The table of members.

use crate::error::debug_as_display;
use core::fmt;
use core::num::NonZeroU64;
use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// A place in the table of members.
///
/// A seat that is dropped stays taken until its process is dead and recovery has passed;
/// [`Member::leave`](super::Member::leave) gives it back.
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
        f.write_str("the pool has as many members as it can have")
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
        for number in 0..memory.seats() {
            if memory.identity(number).load(Relaxed) != 0 {
                continue; // A hint; the CAS decides.
            }
            // [P4] Acquire ← the process that freed the seat: the blocks of its last holder are free. As a
            // read-modify-write it continues that release: a recoverer that reads this identity acquires it
            // too.
            let order = M::Platform::ordering(Edge::PoolSeatTake);
            let taken = memory.identity(number).compare_exchange(0, identity.get(), order, Relaxed);
            if taken.is_ok() {
                M::Platform::crash_point(Site::PoolSeated);
                return Ok(Self { number, identity });
            }
        }
        Err(TableFull)
    }

    /// The number: the member's bit in the tags of the blocks that it holds.
    #[inline(always)]
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// The identity of the process.
    #[must_use]
    pub const fn identity(&self) -> NonZeroU64 {
        self.identity
    }
}

/// Frees a seat that no tag names, unless that has been done already. True if this call did it.
pub(super) fn free<M: Memory>(memory: &M, number: u16, identity: u64) -> bool {
    // [P4] Release → the next member, and later recoverers: no tag names the old one any more.
    memory
        .identity(number)
        .compare_exchange(identity, 0, M::Platform::ordering(Edge::PoolSeatFree), Relaxed)
        .is_ok()
}
