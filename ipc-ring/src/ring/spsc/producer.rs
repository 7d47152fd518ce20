//! The producing end.

use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::memory::Memory;
use crate::edge::Edge;
use crate::memory::{Item, Of};
use crate::message::Message;
use crate::platform::{Platform, Site, Word};
use crate::ring::limit::Limit;
use crate::wait::fences::Fences;

/// The outcome of an attempt to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Push {
    /// Published. `signal` is the consumer's signal word if it is not zero: the consumer is waiting or gone.
    Done {
        /// Bits of [`signal`](crate::wait::signal).
        signal: u32,
    },
    /// Every slot holds a message that has not been popped.
    Full,
    /// The consumer's words are invalid.
    Corrupt(Corruption),
}

/// The producing end of a ring: its private position and its private copy of the head.
#[derive(Debug)]
pub struct Producer<M: Memory> {
    memory: M,
    /// The next position to write. Exact.
    position: u64,
    /// The position at which the ring is full, to this end's knowledge.
    limit: Limit,
    /// Which of its looks at the other end's signal follow a fence.
    fences: Fences,
}

impl<M: Memory> Producer<M> {
    /// Attaches the producing end of a ring, continuing where its predecessor stopped.
    ///
    /// The position is found from the ring itself: the first slot from `consumed` on that does not hold its
    /// element.
    ///
    /// # Errors
    /// None: whatever the words are, there is such a position. A [`Result`] as for the ring of frames, so
    /// that a channel attaches both alike.
    pub fn attach(memory: M) -> Result<Self, Corruption> {
        // [S3] Acquire: the slots below are no longer read.
        let consumed = memory.consumed().load(M::Platform::ordering(Edge::SpscReclaimExact));
        let mask = memory.capacity() - 1;
        let mut position = consumed;
        while position.wrapping_sub(consumed) < memory.capacity() {
            // Own words: this end's predecessor wrote them.
            let word = memory.slot_word(position & mask).load(Relaxed);
            if word != position.wrapping_add(1) {
                break;
            }
            position = position.wrapping_add(1);
        }
        let limit = Limit::new(consumed, memory.capacity());
        let fences = Fences::attach::<M::Platform>(memory.barrier(), memory.producer_fences());
        Ok(Self { memory, position, limit, fences })
    }

    /// Pushes one element.
    #[inline(always)]
    pub fn try_push(&mut self, item: &Item<M>) -> Push {
        self.push_if(item, Self::refresh)
    }

    /// As [`try_push`](Self::try_push), but the head decides whether the ring is full: up to a quarter of it
    /// may be free then.
    ///
    /// Otherwise a producer running just behind its consumer would reload the exact position for each freed
    /// slot, and each time take its line away from the consumer, which stores it with every pop.
    #[inline(always)]
    pub fn try_push_by_head(&mut self, item: &Item<M>) -> Push {
        self.push_if(item, Self::refresh_by_head)
    }

    /// Pushes one element, calling `refresh` for room when this end knows of none.
    #[inline(always)]
    fn push_if(
        &mut self,
        item: &Item<M>,
        refresh: impl FnOnce(&mut Self) -> Result<u64, Corruption>,
    ) -> Push {
        if let Some(signal) = self.push_known(item) {
            return Push::Done { signal };
        }
        match refresh(self) {
            Ok(0) => Push::Full,
            Ok(_) => self.push_known(item).map_or(Push::Full, |signal| Push::Done { signal }),
            Err(corruption) => Push::Corrupt(corruption),
        }
    }

    /// Pushes one element into a slot that this end knows to be free, and returns the consumer's signal as
    /// [`Push::Done`] does. `None`, and nothing pushed, when it knows of none: the other forms then check for
    /// room. Keeps the fast path short.
    #[inline(always)]
    pub fn push_known(&mut self, item: &Item<M>) -> Option<u32> {
        let position = self.position;
        if self.limit.free(position) == 0 {
            return None;
        }
        self.put(position, item);
        self.position = position.wrapping_add(1);
        Some(self.peek_consumer())
    }

    /// Reserves the next slot, to be written in place. `Ok(None)` when the ring is full.
    ///
    /// # Errors
    /// [`Corruption`] as for [`try_push`](Self::try_push).
    pub fn try_claim(&mut self) -> Result<Option<Claim<'_, M>>, Corruption> {
        if self.free() == 0 && self.refresh()? == 0 {
            return Ok(None);
        }
        Self::before_writing();
        Ok(Some(Claim { producer: self }))
    }

    /// Writes and publishes the slot of this position, which must be the next one, and free.
    #[inline(always)]
    fn put(&self, position: u64, item: &Item<M>) {
        let index = position & (self.memory.capacity() - 1);
        // head <= position < limit = head + capacity, so the consumer is done with this slot ([S2] or [S3])
        // and reads it again only after the sequence word below is stored.
        Self::before_writing();
        self.memory.write(index, item);
        self.publish(position, index);
    }

    /// Orders what follows after what was published.
    #[inline(always)]
    fn before_writing() {
        // [S4] Release → a tap's Acquire: a reader of anything written from now on also sees what was
        // published before, and the position of the consumer that released the slot.
        M::Platform::fence_for_taps(Edge::SpscOverwrite);
    }

    /// Makes the slot of this position, which is the next one, visible.
    #[inline(always)]
    fn publish(&self, position: u64, index: u64) {
        M::Platform::crash_point(Site::SpscPayloadWritten);
        let next = position.wrapping_add(1);
        // [S1] Release → the consumer's Acquire: the payload is written before the word.
        self.memory.slot_word(index).store(next, M::Platform::ordering(Edge::SpscPublish));
        M::Platform::crash_point(Site::SpscPublished);
        self.memory.hint_published(index, next);
    }

    /// Checks whether the consumer has to be notified of what was published. Returns its signal.
    ///
    /// If it is zero, no one waits for this end, so it prepares for the next message.
    #[inline(always)]
    fn peek_consumer(&mut self) -> u32 {
        let Self { memory, fences, .. } = self;
        let signal = fences.peek_signal::<M::Platform>(memory.producer_fences(), memory.consumer_signal());
        if signal == 0 {
            // No one has to be woken first.
            self.memory.acquire_next(self.index(), || self.free() > 0);
        }
        signal
    }

    /// How many slots are free, as far as this end knows.
    #[inline(always)]
    fn free(&self) -> u64 {
        self.limit.free(self.position)
    }

    #[inline(always)]
    fn index(&self) -> u64 {
        self.position & (self.memory.capacity() - 1)
    }

    /// Loads the consumer's position. Returns the number of free slots.
    #[cold]
    #[inline(never)]
    fn refresh(&mut self) -> Result<u64, Corruption> {
        let mut free = self.look_at_head()?;
        if free == 0 {
            // [S3] Acquire ← the consumer's Release, for the slots it has read since it published the head.
            let consumed = self.memory.consumed().load(M::Platform::ordering(Edge::SpscReclaimExact));
            free = self.take_over("consumed position", consumed)?;
            if free == 0 {
                let found_full = self.memory.found_full();
                found_full.store(found_full.load(Relaxed).wrapping_add(1), Relaxed); // Written here only.
            }
        }
        self.note_waiting(free);
        Ok(free)
    }

    /// As [`refresh`](Self::refresh), by the head alone.
    #[cold]
    #[inline(never)]
    fn refresh_by_head(&mut self) -> Result<u64, Corruption> {
        let free = self.look_at_head()?;
        if free > 0 {
            self.note_waiting(free); // Full by the head does not mean full.
        }
        Ok(free)
    }

    /// Adopts the head if it is newer. Returns the number of free slots.
    fn look_at_head(&mut self) -> Result<u64, Corruption> {
        // [S2] Acquire ← the consumer's Release: the slots below the head have been read.
        let head = self.memory.head().load(M::Platform::ordering(Edge::SpscReclaim));
        if self.limit.is_old_head(head, self.memory.capacity()) {
            Ok(0)
        } else {
            self.take_over("head", head)
        }
    }

    /// All but this number of slots hold waiting messages.
    fn note_waiting(&self, free: u64) {
        let (high_water, waiting) = (self.memory.high_water(), self.memory.capacity() - free);
        if waiting > high_water.load(Relaxed) {
            high_water.store(waiting, Relaxed); // Only this side writes it.
        }
    }

    /// Takes over a position of the consumer; returns the number of free slots.
    fn take_over(&mut self, word: &'static str, found: u64) -> Result<u64, Corruption> {
        self.limit.take_over(word, found, self.position, self.memory.capacity())
    }

    /// Whether a slot is free now, by the consumer's exact position.
    ///
    /// # Errors
    /// [`Corruption`] as for [`try_push`](Self::try_push).
    pub fn has_room(&mut self) -> Result<bool, Corruption> {
        Ok(self.free() > 0 || self.refresh()? > 0)
    }

    /// Whether the consumer is about to release what this end, which has [found no room](Self::has_room),
    /// waits for: then the consumer may already have checked this end's waiting bit, so this end checks again
    /// [soon](crate::wait::soon) instead of sleeping.
    #[must_use]
    pub fn room_is_coming(&self) -> bool {
        // The barrier of the check for waiters orders this after the load of `consumed`, which is stored
        // later.
        self.limit.is_about_to_grow(self.memory.giving().load(Relaxed), self.memory.capacity())
    }

    /// Whether a slot is free by the head: a check that does not disturb a popping consumer.
    #[must_use]
    pub fn has_room_by_head(&self) -> bool {
        let head = self.memory.head().load(Relaxed); // A hint: loaded again before use.
        self.position.wrapping_sub(head) < self.memory.capacity()
    }

    /// Whether the consumer has popped everything pushed so far. True is final; false may be out of date,
    /// unless the consumer's closed bit was [loaded](crate::wait::signal::load_state) before: then it pops no
    /// more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        // [S3] Acquire ← the consumer's Release.
        self.memory.consumed().load(M::Platform::ordering(Edge::SpscReclaimExact)) == self.position
    }

    /// The next position to be written: the number of elements pushed since the ring was made, plus its
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

impl<T: Message, M: Memory<Shape = Of<T>>> Producer<M> {
    /// Pushes as many elements as there is room for, in order; returns their number and the consumer's
    /// signal.
    #[inline]
    pub fn try_push_slice(&mut self, items: &[T]) -> Result<(usize, u32), Corruption> {
        self.push_slice_if(items, Self::refresh)
    }

    /// As [`try_push_slice`](Self::try_push_slice), with the room given by the head: see
    /// [`try_push_by_head`](Self::try_push_by_head).
    #[inline]
    pub fn try_push_slice_by_head(&mut self, items: &[T]) -> Result<(usize, u32), Corruption> {
        self.push_slice_if(items, Self::refresh_by_head)
    }

    #[inline(always)]
    fn push_slice_if(
        &mut self,
        items: &[T],
        refresh: impl Fn(&mut Self) -> Result<u64, Corruption>,
    ) -> Result<(usize, u32), Corruption> {
        let mut done = 0;
        let mut position = self.position;
        while done < items.len() {
            let room = match self.limit.free(position) {
                0 => refresh(self)?,
                room => room,
            };
            if room == 0 {
                break;
            }
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(items.len() - done);
            for item in &items[done..done + count] {
                self.put(position, item);
                position = position.wrapping_add(1);
            }
            self.position = position;
            done += count;
        }
        if done == 0 {
            return Ok((0, 0));
        }
        Ok((done, self.peek_consumer()))
    }
}

/// A slot reserved by [`Producer::try_claim`]: write it, then [`commit`](Claim::commit). Dropping it aborts
/// the claim: the slot stays free and nothing is published.
#[derive(Debug)]
pub struct Claim<'a, M: Memory> {
    producer: &'a mut Producer<M>,
}

impl<M: Memory> Claim<'_, M> {
    /// Copies an element into the slot.
    pub fn write(&mut self, item: &Item<M>) {
        self.producer.memory.write(self.producer.index(), item); // As in `put`.
    }

    /// Publishes the slot. Returns the consumer's signal as [`Push::Done`] does.
    pub fn commit(self) -> u32 {
        self.publish().0
    }
}

impl<'a, M: Memory> Claim<'a, M> {
    /// As [`commit`](Claim::commit), and returns the producer.
    pub fn publish(self) -> (u32, &'a Producer<M>) {
        let position = self.producer.position;
        self.producer.publish(position, self.producer.index());
        self.producer.position = position.wrapping_add(1);
        (self.producer.peek_consumer(), self.producer)
    }
}

impl<T: Message, M: Memory<Shape = Of<T>>> Claim<'_, M> {
    /// Passes the slot's bytes to `f`. They hold whatever an earlier lap left there.
    pub fn with<R>(&mut self, f: impl FnOnce(*mut T) -> R) -> R {
        self.producer.memory.with_slot_mut(self.producer.index(), |slot| f(slot.cast()))
    }
}
