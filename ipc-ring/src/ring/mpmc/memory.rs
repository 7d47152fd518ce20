//! What the algorithm requires of the memory that holds its words.

use super::tag::{LAP_BITS, MAX_ATTEMPTS};
use super::words::{ATTACHED, COUNTERS, ENDPOINTS, Seats};
use crate::memory::Slots;
use crate::platform::Platform;

/// The memory of one mpmc ring: its [`Words`](super::Words) and [`Seats`], its [`Slots`], and hints about the
/// processor's cache.
///
/// A number of a seat is always below [`endpoints`](Memory::endpoints).
pub trait Memory: Seats + Slots {
    /// Number of seats, at most [`MAX_ENDPOINTS`](super::MAX_ENDPOINTS), from private memory. Fewer than
    /// usual only where a test wants to see the table full.
    #[inline(always)]
    fn endpoints(&self) -> u16 {
        ENDPOINTS
    }
    /// How often an element is lent to user code that does not give it back before it becomes a dead letter:
    /// 1 to 15.
    #[inline(always)]
    fn max_attempts(&self) -> u32 {
        MAX_ATTEMPTS - 1
    }
    /// Bits of the lap. Fewer than usual only where a test wants to see a wrap; at least 2.
    #[inline(always)]
    fn lap_bits(&self) -> u32 {
        LAP_BITS
    }

    /// A slot's tag. Asked for anew at each access.
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

    /// Asks for the lines that will be claimed soon. A hint; models do nothing.
    #[inline(always)]
    fn prefetch(&self, _next: u64) {}
    /// Asks for the payload of a slot whose tag is being polled. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64) {}
    /// Asks for the lines of a slot that is about to be looked at and claimed, or that of its tag. A hint;
    /// models do nothing.
    #[inline(always)]
    fn prefetch_claimed(&self, _index: u64) {}
    /// Asks for the payload of a slot that is about to be taken: the claim holds up what is asked for after
    /// it. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_taken(&self, _index: u64) {}
    /// Whether it brings anything that a consumer [takes the line](super::Consumer::take_line) of the tag it
    /// polls.
    #[inline(always)]
    fn polled_line_is_taken(&self) -> bool {
        false
    }
    /// How many elements a consumer that keeps catching up with the producers lets gather; 0 when it does not
    /// pay. A hint.
    #[inline(always)]
    fn run(&self) -> u64 {
        0
    }
    /// How many slots a producer that finds the ring full lets come free; 0 when it does not pay. A hint.
    #[inline(always)]
    fn free_run(&self) -> u64 {
        0
    }
}

/// Statistics of recovery. They are counted after the fact, so one is missing when a recoverer dies in
/// between.
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
