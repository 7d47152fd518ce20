//! Reading along without a seat.
//!
//! A tap follows the slots' words, which say what was published, and copies payloads that the producer may
//! write anew at any time. A copy counts when nobody can have begun to do so. That is known in two ways,
//! looked at *after* the copy:
//!
//! ```text
//!   producer, position w                              tap, position r
//!   ------------------------------------------------  ------------------------------------------------
//!   slot(w - 1).sequence = w                           slot(r).sequence == r + 1 ?      [S1] Acquire
//!   fence                               [S4] Release   copy slot(r).payload
//!   write slot(w).payload                              fence                            [S4] Acquire
//!   slot(w).sequence = w + 1                           slot(r - 1).sequence == r + capacity ?
//! ```
//!
//! - The slot of position *r* is written again for *r + capacity* only, behind the publication of the
//!   position before that. If that one's word is not there after the copy, nobody has begun. This looks at
//!   a line that the tap reads next anyway.
//! - Otherwise, if the consumer's position is not above *r*, the slot has not been given back.
//!
//! So a tap sees all that waits to be popped, and of what was popped all but the oldest slot. It stores
//! nothing; what it is too slow for it counts. On x86-64 both fences are no instruction: they keep the
//! compiler from moving the copies. Elsewhere the producer's would cost one for each push and is left out
//! ([`Platform::taps`](crate::platform::Platform::taps)), so there is no tap there.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::edge::Edge;
use crate::memory::Place;
use crate::platform::{Platform, Word};

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Tapped {
    /// The element of the tap's position was copied whole.
    Item,
    /// Nothing newer has been published.
    Empty,
    /// So many elements were overwritten, or may have been, before they could be copied. The next look goes
    /// on behind them.
    Missed {
        /// Their number. Exact.
        count: u64,
    },
}

/// A reader of a ring that neither end knows of.
#[derive(Debug)]
pub struct Tap<M: Memory> {
    memory: M,
    /// The next position to read.
    position: u64,
}

impl<M: Memory> Tap<M> {
    /// A tap that begins with the element of this position. Those of them that are gone are reported as
    /// missed.
    pub fn at(memory: M, position: u64) -> Self {
        Self { memory, position }
    }

    /// A tap that begins with the oldest element that may still be whole; `first` is the ring's first
    /// position.
    pub fn oldest(memory: M, first: u64) -> Self {
        let next = Self::next_published(&memory);
        let there = next.wrapping_sub(first).min(memory.capacity());
        // The oldest of a whole ring may be in the producer's hands, unless it waits to be popped.
        let is_waiting = memory.consumed().load(Relaxed) == next.wrapping_sub(there); // A look.
        let is_whole = there < memory.capacity() || is_waiting;
        Self::at(memory, next.wrapping_sub(there).wrapping_add(u64::from(!is_whole)))
    }

    /// A tap that begins with the first element that is published from now on.
    pub fn next(memory: M) -> Self {
        let next = Self::next_published(&memory);
        Self::at(memory, next)
    }

    /// The position to be published next, by a look from the consumer's position on.
    fn next_published(memory: &M) -> u64 {
        let from = memory.consumed().load(Relaxed); // A look: all below it was published.
        Self::behind(memory, from)
    }

    /// The first position from `from` on, which is at most one lap away, whose element is not published.
    fn behind(memory: &M, from: u64) -> u64 {
        let mask = memory.capacity() - 1;
        let is_published = |position: u64| {
            let word = memory.slot_word(position & mask).load(Relaxed); // A look; it is looked at again.
            word.wrapping_sub(position.wrapping_add(1)).cast_signed() >= 0
        };
        // All below `low` are published, `high` is not: at most a lap between them.
        let (mut low, mut high) = (0, memory.capacity());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_published(from.wrapping_add(middle)) { low = middle + 1 } else { high = middle }
        }
        from.wrapping_add(low)
    }

    /// Copies the next element into `place`, which is written in any case; what it holds means something only
    /// when the answer is [`Tapped::Item`].
    pub fn try_read(&mut self, place: &mut Place<M>) -> Tapped {
        let position = self.position;
        let mask = self.memory.capacity() - 1;
        // [S1] Acquire ← the producer's Release: the payload was written before.
        let word = self.memory.slot_word(position & mask).load(M::Platform::ordering(Edge::SpscObserve));
        match word.wrapping_sub(position.wrapping_add(1)).cast_signed() {
            0 => {}
            1.. => return self.overrun(),
            _ => return Tapped::Empty,
        }
        self.memory.read(position & mask, place);
        // [S4] Acquire ← the producer's fence: who read something newer sees what was published before it,
        // and how far the consumer was.
        M::Platform::fence(Edge::SpscValidate);
        // Behind the fence.
        let before = self.memory.slot_word(position.wrapping_sub(1) & mask).load(Relaxed);
        let is_next = before.wrapping_sub(position.wrapping_add(self.memory.capacity())).cast_signed() >= 0;
        // Behind the fence, too.
        if is_next && position.wrapping_sub(self.memory.consumed().load(Relaxed)).cast_signed() < 0 {
            return self.overrun();
        }
        self.position = position.wrapping_add(1);
        Tapped::Item
    }

    /// Goes on at the oldest element that may be whole.
    #[cold]
    fn overrun(&mut self) -> Tapped {
        let position = self.position;
        let mask = self.memory.capacity() - 1;
        // The newest in this slot is of a later lap, or of this one; all before it were published.
        let newest = self.memory.slot_word(position & mask).load(Relaxed).wrapping_sub(1); // A look.
        let from = if newest.wrapping_sub(position).cast_signed() > 0 { newest } else { position };
        let next = Self::behind(&self.memory, from);
        let oldest = next.wrapping_sub(self.memory.capacity());
        let consumed = self.memory.consumed().load(Relaxed); // A look.
        let is_waiting = consumed.wrapping_sub(oldest).cast_signed() <= 0;
        let target = oldest.wrapping_add(u64::from(!is_waiting));
        // One at least, as this one could not be read.
        let count = target.wrapping_sub(position).cast_signed().max(1).cast_unsigned();
        self.position = position.wrapping_add(count);
        Tapped::Missed { count }
    }

    /// The position of the next element: how many were pushed before it since the ring was made, plus the
    /// ring's first position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}
