//! The consuming end.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::memory::Memory;
use super::traffic::PositionTraffic;
use crate::edge::Edge;
use crate::memory::{Of, Place};
use crate::message::Message;
use crate::opaque::opaque;
use crate::platform::{Platform, Site, Word};
use crate::wait::fences::Fences;

mod giving;
mod view;

pub use view::View;

/// The outcome of an attempt to pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pop<T> {
    /// The next element. `signal` is the producer's signal word from before the slot was released, if it was
    /// checked and not zero.
    Item {
        /// The element.
        item: T,
        /// Bits of [`signal`](crate::wait::signal).
        signal: u32,
    },
    /// Nothing to pop. `signal` is the producer's signal word, if the head was published because of that.
    Empty {
        /// Bits of [`signal`](crate::wait::signal).
        signal: u32,
    },
    /// A sequence word is invalid.
    Corrupt(Corruption),
}

/// The consuming end of a ring: its private position.
#[derive(Debug)]
pub struct Consumer<M: Memory> {
    memory: M,
    /// The next position to read. Exact.
    position: u64,
    /// The head as last published.
    published: u64,
    /// Publish the head when this many slots have been read since.
    quarter: u64,
    /// The elements from `position` up to this one (exclusive) are known to be ready from one check.
    until: u64,
    /// The last of them; `position` when there is none. It is popped through [`release`](Self::release),
    /// which does the work that is not needed for each element.
    last: u64,
    traffic: PositionTraffic,
    /// Which of its looks at the other end's signal follow a fence.
    fences: Fences,
}

impl<M: Memory> Consumer<M> {
    /// Attaches the consuming end of a ring, continuing where its predecessor stopped.
    pub fn attach(memory: M) -> Self {
        // [S3] Acquire: everything the predecessor did before it stored its position is visible.
        let position = memory.consumed().load(M::Platform::ordering(Edge::SpscReclaimExact));
        // The predecessor may have died between the two stores; the producer sees the same either way. [S2]
        // Release: the slots below have been read, by the predecessor.
        memory.head().store(position, M::Platform::ordering(Edge::SpscRelease));
        memory.giving().store(position, Relaxed); // Only this side writes; nothing is being released.
        memory.dense().store(0, Relaxed); // A hint; the predecessor's value is out of date.
        let quarter = (memory.capacity() / 4).max(1);
        let traffic = PositionTraffic::new(memory.stream(), position);
        let fences = Fences::attach::<M::Platform>(memory.barrier(), memory.consumer_fences());
        let (published, until, last) = (position, position, position);
        Self { memory, position, published, quarter, until, last, traffic, fences }
    }

    /// Pops one element into a place, which is completely written when the result is [`Pop::Item`] and
    /// untouched otherwise. For large elements, which are then copied once.
    ///
    /// The caller acts on the signal after the pop; [`pop_next`](Self::pop_next) is for callers that must act
    /// before it.
    #[inline(always)]
    pub fn try_pop_into(&mut self, place: &mut Place<M>) -> Pop<()> {
        if self.pop_known(place) {
            return Pop::Item { item: (), signal: 0 };
        }
        let mut found = 0;
        match self.pop_next(place, |signal| found = signal) {
            Ok(()) => Pop::Item { item: (), signal: found },
            Err(word) => match self.nothing(word) {
                Ok(signal) => Pop::Empty { signal },
                Err(corruption) => Pop::Corrupt(corruption),
            },
        }
    }

    /// Pops one element if one is ready. `wake` is called with the producer's signal if that was checked and
    /// is not zero: after the element is copied and **before** its slot is released, so a death in `wake`
    /// loses nothing.
    ///
    /// # Errors
    /// The slot's sequence word if the element is not ready, for [`nothing`](Self::nothing).
    #[inline(always)]
    pub fn pop_next(&mut self, place: &mut Place<M>, wake: impl FnOnce(u32)) -> Result<(), u64> {
        let position = self.position;
        if position == self.until {
            self.look_at(position)?;
        }
        self.copy_out(position, place);
        self.traffic.has_read(&self.memory, position);
        self.give(1, wake);
        Ok(())
    }

    /// As [`pop_next`](Self::pop_next), for an element that `f` reads in place: after `wake`, right before
    /// the slot is released. When `f` panics, the element stays.
    ///
    /// # Errors
    /// As [`pop_next`](Self::pop_next).
    #[inline(always)]
    pub fn pop_next_with<R>(
        &mut self,
        f: impl FnOnce(&View<'_, M>) -> R,
        wake: impl FnOnce(u32),
    ) -> Result<R, u64> {
        let position = self.position;
        if position == self.until {
            self.look_at(position)?;
        }
        let is_due = self.is_due(1);
        if is_due {
            self.before_giving(position.wrapping_add(1), wake);
        }
        let result = f(&View::of(self));
        self.traffic.has_read(&self.memory, position);
        self.release(1, is_due);
        Ok(result)
    }

    /// Pops one element of a stream if it is known to be ready and is not the last such element. False when
    /// [`pop_next`](Self::pop_next) is needed; trying this first shortens the path for most of a stream.
    #[inline(always)]
    pub fn pop_known(&mut self, place: &mut Place<M>) -> bool {
        let position = self.position;
        if position == self.last {
            return false;
        }
        self.copy_out(position, place);
        M::Platform::crash_point(Site::SpscPayloadRead);
        self.position = position.wrapping_add(1);
        // [S3] As in `release`.
        self.memory.consumed().store(position.wrapping_add(1), M::Platform::ordering(Edge::SpscConsume));
        M::Platform::crash_point(Site::SpscConsumed);
        self.memory.prefetch_for_reading(position.wrapping_add(1));
        true
    }

    /// Whether the next element is ready. If true, the next pop takes it without another check, so that pop
    /// succeeds, whatever the peer writes in between.
    #[inline(always)]
    pub fn knows_next(&mut self) -> bool {
        let position = self.position;
        if position != self.until {
            return true;
        }
        if self.look_at(position).is_err() {
            return false;
        }
        self.until = position.wrapping_add(1);
        debug_assert_eq!(self.last, position, "without known elements it is here");
        true
    }

    /// Copies out the element of this position, which is this end's position or a later one; the element is
    /// ready.
    #[inline(always)]
    fn copy_out(&self, position: u64, place: &mut Place<M>) {
        let index = position & (self.memory.capacity() - 1);
        // A sequence word said that this slot holds the element of this position; the producer writes it
        // again only after `consumed` or `head` passed it.
        self.memory.read(index, place);
    }

    /// The next element, in place. `Ok(None)` when there is none; the signal as for [`Pop::Empty`].
    ///
    /// # Errors
    /// [`Corruption`] as for [`try_pop`](Self::try_pop).
    pub fn try_view(&mut self) -> Result<Result<View<'_, M>, u32>, Corruption> {
        // [S1] Acquire ← the producer's Release.
        let word = self.memory.slot_word(self.index()).load(M::Platform::ordering(Edge::SpscObserve));
        if word == self.position.wrapping_add(1) {
            return Ok(Ok(View::of(self)));
        }
        self.nothing(word).map(Err)
    }

    /// Whether an element is ready now.
    #[must_use]
    pub fn has_item(&self) -> bool {
        let index = self.index();
        // [S1] Acquire ← the producer's Release.
        let word = self.memory.slot_word(index).load(M::Platform::ordering(Edge::SpscObserve));
        if word == self.position.wrapping_add(1) {
            return true;
        }
        self.memory.prefetch_polled(index);
        false
    }

    /// Whether this number of elements is ready, from the next one on. A hint.
    #[must_use]
    pub fn is_ready_ahead(&self, count: u64) -> bool {
        let end = self.position.wrapping_add(count);
        let last = end.wrapping_sub(1) & (self.memory.capacity() - 1);
        self.memory.slot_word(last).load(Relaxed) == end // Each is checked again when it is popped.
    }

    /// How many elements from this position on are ready, as far as one check can cover several, up to
    /// `limit`; 0 when it cannot. Where the consumer takes ownership of lines, these are all elements that
    /// end in one line; where lines are prefetched ahead, those of several lines.
    #[inline(always)]
    fn look_further(&mut self, position: u64, limit: u64) -> u64 {
        let mask = self.memory.capacity() - 1;
        let count = if self.traffic.acquires_read() {
            self.memory.end_together(position & mask)
        } else if self.memory.asks_ahead() && self.traffic.is_near() {
            self.memory.look_ahead()
        } else {
            return 0;
        };
        let count = count.min(limit);
        let end = position.wrapping_add(count);
        let word = self.memory.slot_word(end.wrapping_sub(1) & mask);
        // [S1] Acquire ← the producer's Release of the last one: those before it were published before.
        if count > 1 && word.load(M::Platform::ordering(Edge::SpscObserve)) == end {
            return count;
        }
        self.traffic.is_not_near();
        0
    }

    /// How many elements from this position on are ready, up to `limit`, by one check of several or of the
    /// first; at least 1. `Err` with the first one's sequence word when that one is not ready.
    #[inline(always)]
    fn look(&mut self, position: u64, limit: u64) -> Result<u64, u64> {
        let known = self.until.wrapping_sub(position);
        if known != 0 && position == self.position {
            return Ok(known.min(limit));
        }
        let count = self.look_further(position, limit);
        if count > 0 {
            return Ok(count);
        }
        self.look_at(position)?;
        self.traffic.took_one();
        Ok(1)
    }

    /// Whether the element of this position is ready. `Err` with its sequence word when it is not.
    #[inline(always)]
    fn look_at(&self, position: u64) -> Result<(), u64> {
        let index = position & (self.memory.capacity() - 1);
        // [S1] Acquire ← the producer's Release: the payload was written before.
        let word = self.memory.slot_word(index).load(M::Platform::ordering(Edge::SpscObserve));
        if word == opaque(position.wrapping_add(1)) { Ok(()) } else { Err(word) }
    }

    /// The slot at this position does not hold its element. Returns the producer's signal as [`Pop::Empty`]
    /// does.
    ///
    /// # Errors
    /// [`Corruption`] when the word found there is invalid.
    #[cold]
    #[inline(never)]
    pub fn nothing(&mut self, word: u64) -> Result<u32, Corruption> {
        let last_lap = self.position.wrapping_add(1).wrapping_sub(self.memory.capacity());
        if word != 0 && word != last_lap {
            return Err(Corruption { word: "sequence word", position: self.position, found: word });
        }
        if self.traffic.found_nothing(&self.memory, self.position) {
            let found_empty = self.memory.found_empty();
            found_empty.store(found_empty.load(Relaxed).wrapping_add(1), Relaxed); // Written here only.
        }
        Ok(if self.published == self.position { 0 } else { self.publish_head() })
    }

    #[inline(always)]
    fn index(&self) -> u64 {
        self.position & (self.memory.capacity() - 1)
    }

    /// The next position to be read: the number of elements popped since the ring was made, plus its first
    /// position.
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

impl<T: Message, M: Memory<Shape = Of<T>>> Consumer<M> {
    /// Pops one element.
    #[inline(always)]
    pub fn try_pop(&mut self) -> Pop<T> {
        let mut item = MaybeUninit::<T>::uninit();
        match self.try_pop_into(&mut item) {
            // SAFETY: popped, so every byte of the item was written.
            Pop::Item { item: (), signal } => Pop::Item { item: unsafe { item.assume_init() }, signal },
            Pop::Empty { signal } => Pop::Empty { signal },
            Pop::Corrupt(corruption) => Pop::Corrupt(corruption),
        }
    }

    /// Pops as many elements as are ready and fit, in order; returns their number and the producer's signal.
    ///
    /// # Errors
    /// [`Corruption`] when the first word checked is invalid.
    #[inline]
    pub fn try_pop_slice(&mut self, out: &mut [MaybeUninit<T>]) -> Result<(usize, u32), Corruption> {
        let mut found = 0;
        let done = self.pop_slice(out, |signal| found = signal)?;
        Ok((done, found))
    }

    /// Pops as many elements as are ready and fit, in order; returns their number. `wake` as for
    /// [`pop_next`](Self::pop_next), once for all of them; also when there are none, if the head was
    /// published because of that.
    ///
    /// # Errors
    /// As [`try_pop_slice`](Self::try_pop_slice).
    #[inline]
    pub fn pop_slice(
        &mut self,
        out: &mut [MaybeUninit<T>],
        wake: impl FnOnce(u32),
    ) -> Result<usize, Corruption> {
        let mut done = 0;
        while done < out.len() {
            let position = self.position.wrapping_add(done as u64);
            let count = match self.look(position, (out.len() - done) as u64) {
                Ok(count) => count as usize,
                Err(_) if done > 0 => break,
                Err(word) => {
                    wake(self.nothing(word)?);
                    return Ok(0);
                }
            };
            for (ahead, place) in out[done..done + count].iter_mut().enumerate() {
                let position = position.wrapping_add(ahead as u64);
                self.copy_out(position, place);
                self.memory.prefetch_for_reading(position.wrapping_add(1));
            }
            // Where the consumer takes ownership of lines, they begin in one line.
            self.traffic.has_read(&self.memory, position.wrapping_add(count as u64 - 1));
            done += count;
        }
        if done > 0 {
            self.give(done as u64, wake);
        }
        Ok(done)
    }
}
