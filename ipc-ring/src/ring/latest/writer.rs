//! The writing end.

use core::sync::atomic::Ordering::Relaxed;

use super::journal;
use super::memory::Memory;
use super::word::{self, Says};
use super::{Corruption, Trouble};
use crate::edge::Edge;
use crate::memory::Shape;
use crate::platform::{Platform, Site, Word};

/// The writing end of a table: one holder at a time.
#[derive(Debug)]
pub struct Writer<M: Memory> {
    memory: M,
    /// For each key, the next sequence; 0 until it is known.
    next: Box<[u64]>,
    /// The number of the newest entry of the journal.
    changes: u64,
}

impl<M: Memory> Writer<M> {
    /// Takes the writing end of a table, continuing where its predecessor stopped. Allocates 8 bytes a key.
    pub fn attach(memory: M) -> Self {
        let next = vec![0; memory.keys() as usize].into_boxed_slice();
        let changes = if memory.journal() > 0 { journal::take_over(&memory) } else { 0 };
        Self { memory, next, changes }
    }

    /// Publishes a value of a key with a time of the caller's; returns its sequence.
    ///
    /// # Errors
    /// [`Trouble::NoSuchKey`]; [`Trouble::Corrupt`] if, at this end's first publication of the key, its words
    /// are invalid.
    #[inline(always)]
    pub fn publish(
        &mut self,
        key: u32,
        time_ns: u64,
        value: &<M::Shape as Shape>::Item,
    ) -> Result<u64, Trouble> {
        let sequence = match self.next.get(key as usize) {
            None => return Err(Trouble::NoSuchKey),
            Some(0) => self.settle(key)?,
            Some(next) => *next,
        };
        let slot = sequence & (self.memory.slots() - 1);
        self.memory.word(key, slot).store(word::busy(sequence), Relaxed); // Ordered by the fence.
        // [L2] Release → the reader's fence: a reader that has read any byte written from here on sees the
        // busy word.
        M::Platform::fence(Edge::LatestBusy);
        M::Platform::crash_point(Site::LatestBusy);
        self.memory.write(key, slot, time_ns, value);
        M::Platform::crash_point(Site::LatestWritten);
        // [L1] Release → the reader's Acquire: the value is written before the word says so.
        self.memory.word(key, slot).store(word::ready(sequence), M::Platform::ordering(Edge::LatestPublish));
        M::Platform::crash_point(Site::LatestPublished);
        self.next[key as usize] = sequence + 1;
        if self.memory.journal() > 0 {
            self.changes = self.changes.wrapping_add(1);
            journal::append(&self.memory, self.changes, key);
        }
        M::Platform::crash_point(Site::LatestCounted);
        Ok(sequence)
    }

    /// The sequence of the key's newest value; 0 if it has none.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn sequence(&mut self, key: u32) -> Result<u64, Trouble> {
        match self.next.get(key as usize) {
            None => Err(Trouble::NoSuchKey),
            Some(0) => Ok(self.settle(key)? - 1),
            Some(next) => Ok(next - 1),
        }
    }

    /// Finds out where the writers before have stopped. A slot that one of them left half-written is the next
    /// to be written.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, key: u32) -> Result<u64, Trouble> {
        let mut newest = 0;
        for slot in 0..self.memory.slots() {
            let word = self.memory.word(key, slot).load(Relaxed); // This end's predecessors wrote it.
            match word::read(word, slot, self.memory.slots()) {
                Some(Says::Ready(sequence)) => newest = newest.max(sequence),
                Some(Says::Busy(_)) => {}
                None => {
                    let corruption = Corruption { word: "slot's word", position: slot, found: word };
                    return Err(Trouble::Corrupt(corruption));
                }
            }
        }
        self.next[key as usize] = newest + 1;
        Ok(newest + 1)
    }

    /// The memory of the table.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}
