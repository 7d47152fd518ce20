//! What the algorithm requires of the memory that holds its words.

use super::tag::{LAP_BITS, MAX_ATTEMPTS};
use super::words::{ATTACHED, COUNTERS, ENDPOINTS, Seats};
use crate::memory::Slots;
use crate::platform::Platform;

/// The memory of one mpmc ring: its [`Words`](super::Words) and [`Seats`], its [`Slots`], and hints about the
/// processor's cache.
///
/// Seat numbers are always below [`endpoints`](Memory::endpoints).
pub trait Memory: Seats + Slots {
    /// Number of seats, at most [`MAX_ENDPOINTS`](super::MAX_ENDPOINTS), from private memory. Fewer than
    /// usual only in tests that fill the table.
    #[inline(always)]
    fn endpoints(&self) -> u16 {
        ENDPOINTS
    }
    /// How often an element is lent to user code without being released before it becomes a dead letter: 1
    /// to 15.
    #[inline(always)]
    fn max_attempts(&self) -> u32 {
        MAX_ATTEMPTS - 1
    }
    /// Bits of the lap. Fewer than usual only in tests of the wrap; at least 2.
    #[inline(always)]
    fn lap_bits(&self) -> u32 {
        LAP_BITS
    }

    /// A slot's tag. Called anew for each access.
    #[inline(always)]
    fn tag(&self, index: u64) -> &<Self::Platform as Platform>::U64 {
        self.slot_word(index)
    }
    /// How many producers (0) or consumers (1) have ever attached.
    ///
    /// # Panics
    /// For any other number.
    fn attached(&self, side: usize) -> &<Self::Platform as Platform>::U32 {
        assert!(side < 2, "a ring has two sides");
        // SAFETY: one of the two words of `attached`.
        unsafe { self.u32_at(ATTACHED + side * 4) }
    }
    /// How often something was repaired.
    #[inline]
    fn counter(&self, counter: Counter) -> &<Self::Platform as Platform>::U64 {
        // SAFETY: one of the words of `counters`, which has as many as there are variants.
        unsafe { self.u64_at(COUNTERS + counter as usize * 8) }
    }

    /// Prefetches the lines that will be claimed soon. A hint; models do nothing.
    #[inline(always)]
    fn prefetch(&self, _next: u64) {}
    /// Prefetches the payload of a slot whose tag is being polled. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64) {}
    /// Prefetches the lines of a slot that is about to be checked and claimed, or only the line of its tag. A
    /// hint; models do nothing.
    #[inline(always)]
    fn prefetch_claimed(&self, _index: u64) {}
    /// Prefetches the payload of a slot that is about to be taken: the claim delays loads issued after it. A
    /// hint; models do nothing.
    #[inline(always)]
    fn prefetch_taken(&self, _index: u64) {}
    /// Whether it pays that a consumer [acquires the line](super::Consumer::take_line) of the tag it polls.
    #[inline(always)]
    fn polled_line_is_taken(&self) -> bool {
        false
    }
    /// How many elements a consumer that keeps catching up with the producers waits for as a batch; 0 when
    /// that does not pay. A hint.
    #[inline(always)]
    fn batch_len(&self) -> u64 {
        0
    }
    /// How many free slots a producer that finds the ring full waits for; 0 when that does not pay. A hint.
    #[inline(always)]
    fn free_batch_len(&self) -> u64 {
        0
    }
}

/// Statistics of recovery. Events are counted afterwards, so one is missed when a recoverer dies in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Slots whose producer died before its commit.
    Voided = 0,
    /// Elements taken from consumers that died.
    Orphaned = 1,
    /// Elements given up after the last attempt.
    DeadLetters = 2,
    /// Seats of dead processes set free.
    Recovered = 3,
}

impl Counter {
    /// How many there are.
    pub const COUNT: usize = 4;
}
