//! Passive readers without a seat.
//!
//! A tap follows the slots' words, which say what was published, and copies payloads that the producer may
//! overwrite at any time. A copy is valid if the producer cannot have begun to overwrite it. Two checks
//! *after* the copy can establish that:
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
//! - The slot of position *r* is next written for *r + capacity*, after the position before that has been
//!   published. If the word of that position is not there after the copy, the overwrite has not begun. This
//!   check reads a line that the tap reads next anyway.
//! - Otherwise, if the consumer's position is not above *r*, the slot has not been released.
//!
//! So a tap sees everything that waits to be popped, and everything popped that is still in the ring except
//! the oldest slot. It stores nothing; it counts what it was too slow to read. On x86-64 neither fence is an
//! instruction: they keep the compiler from moving the copies. Elsewhere the producer's fence would cost an
//! instruction for each push and is omitted; there a tap copies [ahead](crate::ring::ahead).

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::edge::Edge;
use crate::memory::Place;
use crate::platform::{Platform, Word};

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Tapped {
    /// The element of the tap's position was copied intact.
    Item,
    /// Nothing newer has been published.
    Empty,
    /// This number of elements were overwritten, or may have been, before they could be copied. The next read
    /// continues after them.
    Missed {
        /// Their number. Exact.
        count: u64,
    },
}

/// A reader of a ring that is invisible to both ends.
#[derive(Debug)]
pub struct Tap<M: Memory> {
    memory: M,
    /// The next position to read.
    position: u64,
}

impl<M: Memory> Tap<M> {
    /// A tap that starts at the element of this position. Elements from there on that are gone are reported
    /// as missed.
    pub fn at(memory: M, position: u64) -> Self {
        Self { memory, position }
    }

    /// A tap that starts at the oldest element that may still be intact; `first` is the ring's first
    /// position.
    pub fn oldest(memory: M, first: u64) -> Self {
        let next = Self::next_published(&memory);
        let there = next.wrapping_sub(first).min(memory.capacity());
        // The oldest element of a full lap may be being overwritten by the producer, unless it waits to be
        // popped.
        let is_waiting = memory.consumed().load(Relaxed) == next.wrapping_sub(there); // A look.
        let is_whole = there < memory.capacity() || is_waiting;
        Self::at(memory, next.wrapping_sub(there).wrapping_add(u64::from(!is_whole)))
    }

    /// A tap that starts at the first element published from now on.
    pub fn next(memory: M) -> Self {
        let next = Self::next_published(&memory);
        Self::at(memory, next)
    }

    /// The position to be published next, searched from the consumer's position on.
    fn next_published(memory: &M) -> u64 {
        let from = memory.consumed().load(Relaxed); // Racy: everything below was published.
        Self::behind(memory, from)
    }

    /// The first position from `from` on, which is at most one lap away, whose element is not published.
    fn behind(memory: &M, from: u64) -> u64 {
        let mask = memory.capacity() - 1;
        let is_published = |position: u64| {
            let word = memory.slot_word(position & mask).load(Relaxed); // Racy; it is checked again.
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

    /// Copies the next element into `place`, which is written in any case; its contents are valid only when
    /// the result is [`Tapped::Item`]. Where [fences](crate::platform::TapOrder::Fences) keep the order.
    pub fn try_read(&mut self, place: &mut Place<M>) -> Tapped {
        let position = self.position;
        let tapped = self.copy_next(place);
        if tapped == Tapped::Item {
            // [S4] Acquire ← the producer's fence: a tap that read newer data sees what was published before
            // it, and the consumer's position then.
            M::Platform::fence(Edge::SpscValidate);
            if !self.is_intact(position) {
                return self.skip(position);
            }
        }
        tapped
    }

    /// As [`try_read`](Self::try_read), but the element may have been overwritten while it was copied:
    /// [`is_intact`](Self::is_intact) says so, after a fence or barrier.
    pub fn copy_next(&mut self, place: &mut Place<M>) -> Tapped {
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
        self.position = position.wrapping_add(1);
        Tapped::Item
    }

    /// Whether the element of a position, which was copied, was not overwritten.
    pub fn is_intact(&self, position: u64) -> bool {
        let mask = self.memory.capacity() - 1;
        // Behind the fence.
        let before = self.memory.slot_word(position.wrapping_sub(1) & mask).load(Relaxed);
        let is_next = before.wrapping_sub(position.wrapping_add(self.memory.capacity())).cast_signed() >= 0;
        // Behind the fence, too.
        !is_next || position.wrapping_sub(self.memory.consumed().load(Relaxed)).cast_signed() >= 0
    }

    /// The element of this position was overwritten: continues at the oldest that may be intact.
    pub fn skip(&mut self, position: u64) -> Tapped {
        self.position = position;
        self.overrun()
    }

    /// Continues at the oldest element that may be intact.
    #[cold]
    fn overrun(&mut self) -> Tapped {
        let position = self.position;
        let mask = self.memory.capacity() - 1;
        // The newest element in this slot is of a later lap or of this one; all before it were published.
        let newest = self.memory.slot_word(position & mask).load(Relaxed).wrapping_sub(1); // A look.
        let from = if newest.wrapping_sub(position).cast_signed() > 0 { newest } else { position };
        let next = Self::behind(&self.memory, from);
        let oldest = next.wrapping_sub(self.memory.capacity());
        let consumed = self.memory.consumed().load(Relaxed); // A look.
        let is_waiting = consumed.wrapping_sub(oldest).cast_signed() <= 0;
        let target = oldest.wrapping_add(u64::from(!is_waiting));
        // At least one, because this one could not be read.
        let count = target.wrapping_sub(position).cast_signed().max(1).cast_unsigned();
        self.position = position.wrapping_add(count);
        Tapped::Missed { count }
    }

    /// The position of the next element: the number pushed before it since the ring was made, plus the ring's
    /// first position.
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
