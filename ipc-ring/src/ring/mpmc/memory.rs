//! What the algorithm needs of the memory that holds its words.

use super::tag::{LAP_BITS, MAX_ATTEMPTS};
use crate::message::Message;
use crate::platform::Platform;

/// The words, slots and seats of one mpmc ring.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped) and over a model checker's objects by `loom-tests`.
/// An index is always below the capacity, a number always below [`endpoints`](Memory::endpoints).
///
/// # Safety
/// The capacity is a power of two and, like the number of endpoints, never changes. For every index below it, `with_slot`
/// and `with_slot_mut` give a pointer to the same `size_of::<Item>()` bytes of that slot, mapped as long as `self`,
/// aligned to 8 and to the element, and overlapping nothing else.
pub unsafe trait Memory {
    /// The machine the words belong to.
    type Platform: Platform;
    /// The element.
    type Item: Message;

    /// Number of slots, a power of two, from private memory.
    fn capacity(&self) -> u64;
    /// Number of seats, at most [`MAX_ENDPOINTS`](super::MAX_ENDPOINTS), from private memory.
    fn endpoints(&self) -> u16;
    /// How often an element is lent to user code that does not give it back before it becomes a dead letter: 1 to 15.
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
    fn tag(&self, index: u64) -> &<Self::Platform as Platform>::U64;
    /// Gives the slot's payload to `f`, for writing.
    fn with_slot_mut<R>(&self, index: u64, f: impl FnOnce(*mut Self::Item) -> R) -> R;
    /// Gives the slot's payload to `f`, for reading.
    fn with_slot<R>(&self, index: u64, f: impl FnOnce(*const Self::Item) -> R) -> R;

    /// A position to push at, not too old. A hint.
    fn tail(&self) -> &<Self::Platform as Platform>::U64;
    /// A position to pop at, not too old. A hint.
    fn head(&self) -> &<Self::Platform as Platform>::U64;
    /// Bits about the ring as a whole, changed at most a few times in its life.
    fn state(&self) -> &<Self::Platform as Platform>::U32;
    /// Raised after slots have become orphans.
    fn orphans(&self) -> &<Self::Platform as Platform>::U64;
    /// The identity in a seat; 0 when it is free.
    fn seat(&self, number: u16) -> &<Self::Platform as Platform>::U64;
    /// How often something was repaired.
    fn counter(&self, counter: Counter) -> &<Self::Platform as Platform>::U64;

    /// Asks for the lines that will be claimed soon. A hint; models do nothing.
    #[inline(always)]
    fn prefetch(&self, _next: u64) {}
    /// Asks for the payload of a slot whose tag is being polled. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64) {}
    /// Asks for the tag of a slot that is about to be looked at and claimed. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_claimed(&self, _index: u64) {}
    /// Asks for the payload of a slot that is about to be taken: the claim holds up what is asked for after it. A hint;
    /// models do nothing.
    #[inline(always)]
    fn prefetch_taken(&self, _index: u64) {}
    /// Whether it brings anything that a consumer [takes the line](super::Consumer::take_line) of the tag it polls.
    #[inline(always)]
    fn polled_line_is_taken(&self) -> bool {
        false
    }
    /// How many elements a consumer that keeps catching up with the producers lets gather; 0 when it does not pay. A hint.
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

/// Statistics of recovery. They are counted after the fact, so one is missing when a recoverer dies in between.
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
