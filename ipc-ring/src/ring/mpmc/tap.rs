//! Passive readers without a seat, as those of the [spsc ring](crate::ring::spsc::Tap).
//!
//! A tap copies an element while its slot's tag says that there is one, and checks *after* the copy that no
//! producer has claimed the slot for the next lap:
//!
//! ```text
//!   producer, position p + N               tap, position p, lap l
//!   -------------------------------------  -----------------------------------------------------------
//!   EMPTY(l+1) -> WRITING(l+1)              tag: FULL, READING, LENT, ORPHAN of lap l     [M1] Acquire
//!   fence                    [T1] Release     or EMPTY(l+1), and no slot became void meanwhile
//!   write the payload                       copy the payload
//!   FULL(l+1)                [M1] Release   fence                                         [T1] Acquire
//!                                           tag: still of lap l, or EMPTY(l+1) ?
//! ```
//!
//! A slot that was returned keeps its element until it is claimed again, but its tag no longer says that it
//! had one: a producer that died or gave up leaves half an element, and the slot is made free by the first
//! end that meets it. Such a producer, or who recovers from it, counts the void slot *before* it marks it
//! (T2). A tap that has loaded this count while its position was not yet claimed, and finds the same count
//! later, knows that all elements since were delivered. Void slots are rare; after one, elements that were
//! popped before the tap read them are reported as missed, until it has caught up with the producers.
//!
//! Positions are claimed in order, so a tap that was overrun finds the first that is not by bisection, and
//! what it missed has an exact number. Void slots that it did not meet are among them.
//!
//! A tap stores nothing, and no end waits for it. On x86-64 neither fence is an instruction. Elsewhere the
//! producers' fence would cost an instruction for each push and is omitted; there a tap copies
//! [ahead](crate::ring::ahead).

use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::memory::Memory;
use super::tag::{Shape, State, Tag};
use super::walk::corrupt;
use crate::edge::Edge;
use crate::memory::Place;
use crate::platform::{Platform, Word};

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Tapped {
    /// The element of the position before the tap's was copied intact.
    Item,
    /// Nothing newer has been published.
    Empty,
    /// This number of slots were overwritten, or may have been, before they could be copied, or may have held
    /// nothing. The next read continues after them.
    Missed {
        /// Their number. Exact.
        count: u64,
    },
    /// A tag is invalid.
    Corrupt(Corruption),
}

/// A reader of a ring that is invisible to its ends.
#[derive(Debug)]
pub struct Tap<M: Memory> {
    memory: M,
    shape: Shape,
    /// The next position to read.
    position: u64,
    /// When this position and all behind it were not yet claimed, this number of slots had become void.
    since: Option<(u64, u64)>,
}

impl<M: Memory> Tap<M> {
    /// A tap that starts at the oldest element that was not returned; `first` is the ring's first position.
    pub fn oldest(memory: M, first: u64) -> Self {
        let mut tap = Self::next(memory);
        let next = tap.position;
        let there = next.wrapping_sub(first).min(tap.memory.capacity());
        tap.position = next.wrapping_sub(there);
        while tap.position != next && tap.ahead(tap.position).0 > 0 {
            tap.position = tap.position.wrapping_add(1);
        }
        tap
    }

    /// A tap that starts at the first element pushed from now on.
    pub fn next(memory: M) -> Self {
        let shape = Shape::new(memory.capacity(), memory.lap_bits());
        let near = memory.head().load(Relaxed); // A look.
        let mut tap = Self { memory, shape, position: near, since: None };
        let voids = tap.voids();
        let next = tap.unclaimed(near);
        tap.position = next;
        tap.since = (!tap.is_claimed(next)).then_some((next, voids));
        tap
    }

    /// How many slots have become void.
    fn voids(&self) -> u64 {
        // [T2] Acquire ← the Release of the end that made one: its position, and those before, were claimed.
        self.memory.voids().load(M::Platform::ordering(Edge::MpmcVoidsSeen))
    }

    /// How many laps a position's tag is ahead of it, and its state.
    fn ahead(&self, position: u64) -> (i64, Option<State>) {
        let tag = Tag::from_raw(self.memory.tag(self.shape.index(position)).load(Relaxed)); // A look.
        (self.shape.ahead(tag, position), tag.state())
    }

    fn is_claimed(&self, position: u64) -> bool {
        match self.ahead(position) {
            (0, state) => !matches!(state, Some(State::Empty | State::Closed)),
            (ahead, _) => ahead > 0,
        }
    }

    /// The first position that no producer has claimed, near this one.
    fn unclaimed(&self, near: u64) -> u64 {
        let (mask, index) = (self.memory.capacity() - 1, self.shape.index(near));
        let tag = Tag::from_raw(self.memory.tag(index).load(Relaxed)); // A look.
        let found = self.shape.position(tag, index, near);
        // All before `from` are claimed, and one of the next lap is not.
        let (from, mut high) = match tag.state() {
            Some(State::Empty | State::Closed) => (found.wrapping_sub(mask), mask),
            _ => (found.wrapping_add(1), mask),
        };
        let mut low = 0;
        while low < high {
            let middle = low + (high - low) / 2;
            if self.is_claimed(from.wrapping_add(middle)) { low = middle + 1 } else { high = middle }
        }
        from.wrapping_add(low)
    }

    /// Copies the next element into `place`, which may be written in any case; its contents are valid only
    /// when the result is [`Tapped::Item`]. Where [fences](crate::platform::TapOrder::Fences) keep the order.
    pub fn try_read(&mut self, place: &mut Place<M>) -> Tapped {
        let tapped = self.copy_next(place);
        if tapped == Tapped::Item {
            let position = self.position.wrapping_sub(1);
            // [T1] Acquire ← the producer's fence: a tap that read newer data sees the claim before it.
            M::Platform::fence(Edge::MpmcValidate);
            let is_there = self.is_intact(position);
            if !is_there {
                return self.skip(position);
            }
        }
        tapped
    }

    /// As [`try_read`](Self::try_read), but the element may have been overwritten while it was copied:
    /// [`is_intact`](Self::is_intact) says so, after a fence or barrier. Its position is the one before the
    /// tap's.
    pub fn copy_next(&mut self, place: &mut Place<M>) -> Tapped {
        use State::{Closed, Empty, Full, Lent, Orphan, Reading, Void, Writing};
        // Void slots are passed over, at most a lap of them.
        for _ in 0..self.memory.capacity() {
            let position = self.position;
            let index = self.shape.index(position);
            let voids = self.voids();
            // [M1] Acquire ← the producer's Release: the payload was written before; [M2] the consumer's;
            // [M6] that of the end that made the slot void, and counted it before.
            let tag = Tag::from_raw(self.memory.tag(index).load(M::Platform::ordering(Edge::MpmcObserve)));
            let Some(state) = tag.state() else { return Tapped::Corrupt(corrupt(tag, position)) };
            match (self.shape.ahead(tag, position), state) {
                (0, Empty | Closed) | (..0, _) => {
                    self.since = Some((position, voids));
                    return Tapped::Empty;
                }
                (0, Writing) => return Tapped::Empty,
                (0, Full | Reading | Lent | Orphan) => return self.copy(position, place),
                (0, Void) => self.position = position.wrapping_add(1),
                (1, Empty | Closed) if self.was_delivered(position) => return self.copy(position, place),
                (1, Empty | Closed) => return self.doubtful(),
                _ => return self.overrun(),
            }
        }
        Tapped::Empty
    }

    /// Copies the element of a position that was there.
    fn copy(&mut self, position: u64, place: &mut Place<M>) -> Tapped {
        self.memory.read(self.shape.index(position), place);
        self.position = position.wrapping_add(1);
        Tapped::Item
    }

    /// Whether the element of a position, which was copied, was not overwritten.
    pub fn is_intact(&self, position: u64) -> bool {
        use State::{Closed, Empty, Writing};
        match self.ahead(position) {
            (0, Some(state)) => !matches!(state, Empty | Closed | Writing),
            (1, Some(Empty | Closed)) => true,
            _ => false,
        }
    }

    /// The element of this position was overwritten: continues at the oldest that was not.
    pub fn skip(&mut self, position: u64) -> Tapped {
        self.position = position;
        self.overrun()
    }

    /// Whether the slot of a position, which was returned, held an element.
    fn was_delivered(&self, position: u64) -> bool {
        // Behind the load of the tag, which acquires what was counted before the slot was made free.
        let voids = self.memory.voids().load(Relaxed);
        self.since
            .is_some_and(|(since, then)| position.wrapping_sub(since).cast_signed() >= 0 && voids == then)
    }

    /// Passes over slots that were returned and may have held nothing.
    fn doubtful(&mut self) -> Tapped {
        let is_doubtful = |position: u64| {
            matches!(self.ahead(position), (1, Some(State::Empty))) && !self.was_delivered(position)
        };
        let capacity = self.memory.capacity();
        let count = (1..capacity).find(|next| !is_doubtful(self.position.wrapping_add(*next)));
        let count = count.unwrap_or(capacity);
        self.position = self.position.wrapping_add(count);
        Tapped::Missed { count }
    }

    /// Continues at the oldest element that was not overwritten.
    #[cold]
    fn overrun(&mut self) -> Tapped {
        let oldest = self.unclaimed(self.position).wrapping_sub(self.memory.capacity());
        // At least one, because this one could not be read.
        let count = oldest.wrapping_sub(self.position).cast_signed().max(1).cast_unsigned();
        self.position = self.position.wrapping_add(count);
        Tapped::Missed { count }
    }

    /// The position of the next element: the number of slots claimed before it since the ring was made, plus
    /// the ring's first position.
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
