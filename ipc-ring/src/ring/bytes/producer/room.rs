//! Room for frames: what the consumer has given back.

use core::sync::atomic::Ordering::Relaxed;

use super::{Producer, Refused};
use crate::edge::Edge;
use crate::platform::{Platform, Word};
use crate::ring::bytes::Corruption;
use crate::ring::bytes::memory::Memory;
use crate::ring::bytes::tap::mark_words;

impl<M: Memory> Producer<M> {
    /// How many bytes are free, as far as this end knows.
    #[inline(always)]
    pub(super) fn free(&self) -> u64 {
        self.limit.free(self.position)
    }

    /// Loads the consumer's position. Returns the number of free bytes.
    #[cold]
    #[inline(never)]
    pub(super) fn refresh(&mut self, needed: u64) -> Result<u64, Corruption> {
        // [B2] Acquire ← the consumer's Release: the frames below the head have been read.
        let head = self.memory.head().load(M::Platform::ordering(Edge::BytesReclaim));
        let capacity = self.memory.capacity();
        let is_old = self.limit.is_old_head(head, capacity);
        let mut free = if is_old { self.free() } else { self.take_over("head", head)? };
        if free < needed {
            // [B3] Acquire ← the consumer's Release, for the frames it has read since it published the head.
            let consumed = self.memory.consumed().load(M::Platform::ordering(Edge::BytesReclaimExact));
            free = self.take_over("consumed position", consumed)?;
            if free < needed {
                let found_full = self.memory.found_full();
                found_full.store(found_full.load(Relaxed).wrapping_add(1), Relaxed); // Written here only.
            }
        }
        let high_water = self.memory.high_water();
        let waiting = capacity - free;
        if waiting > high_water.load(Relaxed) {
            high_water.store(waiting, Relaxed); // Only this side writes it.
        }
        Ok(free)
    }

    /// Takes over a position of the consumer; returns the number of free bytes.
    fn take_over(&mut self, word: &'static str, found: u64) -> Result<u64, Corruption> {
        let known = self.free();
        let free = self.limit.take_over(word, found, self.position, self.memory.capacity())?;
        if free != known {
            self.mark();
        }
        Ok(free)
    }

    /// Tells taps this end's position and the number of frames before it. It may have taken over room: until
    /// the next mark it overwrites nothing that was published after this one.
    pub(super) fn mark(&self) {
        // [B5] Release → a tap's Acquire. By the number: the mark, and the word at its position, which is no
        // header of an earlier lap. By the mark's words, to a tap that takes them for those of an older mark:
        // that there was another one since.
        let release = M::Platform::ordering(Edge::BytesMark);
        let memory = &self.memory;
        let marks = memory.marks().load(Relaxed).wrapping_add(1); // Written by producers only.
        let (position, frames) = mark_words(memory, marks);
        position.store(self.position, release);
        frames.store(self.frames, release);
        memory.marks().store(marks, release);
    }

    /// Whether there is room for a frame of `len` bytes now, by the consumer's exact position.
    ///
    /// # Errors
    /// [`Corruption`] when the consumer's words are invalid.
    pub fn has_room(&mut self, len: usize) -> Result<bool, Corruption> {
        match self.reserve(len) {
            Ok(_) => Ok(true),
            Err(Refused::Corrupt(corruption)) => Err(corruption),
            Err(_) => Ok(false),
        }
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

    /// Whether there is room for a frame of `len` bytes by the head, without disturbing a popping consumer.
    #[must_use]
    pub fn has_room_by_head(&self, len: usize) -> bool {
        if len > self.longest() {
            return false;
        }
        let head = self.memory.head().load(Relaxed); // A hint: loaded again before use.
        let (_, needed) = self.place(len as u64);
        self.position.wrapping_sub(head).wrapping_add(needed) <= self.memory.capacity()
    }

    /// Whether the consumer has popped everything pushed so far. True is final; false may be out of date,
    /// unless the consumer's closed bit was [loaded](crate::wait::signal::load_state) before: then it pops no
    /// more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        // [B3] Acquire ← the consumer's Release.
        self.memory.consumed().load(M::Platform::ordering(Edge::BytesReclaimExact)) == self.position
    }
}
