//! The reading end: it writes nothing visible to others, so there may be any number.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::journal::{self, Entry};
use super::memory::Memory;
use super::word::{self, Says};
use super::{Corruption, Trouble};
use crate::edge::Edge;
use crate::memory::{Of, Shape};
use crate::message::Message;
use crate::platform::{Platform, Word};

/// Private room for a value.
type Place<M> = <<M as Memory>::Shape as Shape>::Place;

/// How often copying a value is retried when it was overwritten meanwhile.
const ATTEMPTS: u32 = 1000;

/// How often a reader that was overtaken checks all keys before it gives up for now.
const MOST_SWEEPS: u32 = 16;

/// A value with its sequence and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<T> {
    /// The value.
    pub value: T,
    /// The number of values of the key published up to this one.
    pub sequence: u64,
    /// When it was published, in nanoseconds of the machine's monotonic clock, unless the writer passed a
    /// time of its own.
    pub time_ns: u64,
}

/// A reading end of a table: what it has seen so far.
#[derive(Debug)]
pub struct Reader<M: Memory> {
    memory: M,
    /// For each key, the sequence that was read last; 0 for none.
    seen: Box<[u64]>,
    /// The number of the journal's entry that was read last.
    cursor: u64,
    /// The next key to be checked, when this end joined or was overtaken.
    sweep: Option<u32>,
}

/// What the slot of a sequence holds.
enum Look {
    /// It holds an older value, or is being written.
    NotYet,
    /// It holds the value.
    There,
    /// It holds a newer one.
    Overtaken,
}

impl<M: Memory> Reader<M> {
    /// A reading end that has seen nothing yet. Allocates 8 bytes a key.
    pub fn attach(memory: M) -> Self {
        let seen = vec![0; memory.keys() as usize].into_boxed_slice();
        let cursor = if memory.journal() > 0 { journal::joined(&memory) } else { 0 };
        let sweep = (memory.journal() > 0).then_some(0);
        Self { memory, seen, cursor, sweep }
    }

    /// As [`newest_value`](Self::newest_value), into a place, which is completely written if there is a
    /// value. For large ones.
    ///
    /// # Errors
    /// [`Trouble`].
    #[inline(always)]
    pub fn read(&mut self, key: u32, place: &mut Place<M>) -> Result<Option<Value<()>>, Trouble> {
        match self.newest(key)? {
            0 => Ok(None),
            sequence => self.copy_newest(key, sequence, place).map(Some),
        }
    }

    /// As [`newer_value`](Self::newer_value), into a place.
    ///
    /// # Errors
    /// [`Trouble`].
    #[inline(always)]
    pub fn read_newer(&mut self, key: u32, place: &mut Place<M>) -> Result<Option<Value<()>>, Trouble> {
        let seen = self.seen(key)?;
        match self.newest(key)? {
            sequence if sequence == seen => Ok(None),
            sequence => self.copy_newest(key, sequence, place).map(Some),
        }
    }

    /// The sequence of the newest value of a key, without reading the value; 0 if there is none yet.
    ///
    /// It is enough to check the slot after the value that was read last, whose line stays in this end's
    /// cache until the writer writes there.
    ///
    /// # Errors
    /// [`Trouble`].
    #[inline(always)]
    pub fn newest(&self, key: u32) -> Result<u64, Trouble> {
        let seen = self.seen(key)?;
        let mut newest = seen;
        for _ in 0..self.memory.slots() {
            match self.look(key, newest + 1)? {
                Look::NotYet => return Ok(newest),
                Look::There => newest += 1,
                Look::Overtaken => break,
            }
        }
        self.search(key, seen)
    }

    /// Whether there is a newer value of a key than the one read last. True also if the words are invalid, so
    /// that no reader sleeps then.
    #[must_use]
    pub fn has_newer(&self, key: u32) -> bool {
        self.seen(key).is_ok_and(|seen| !matches!(self.look(key, seen + 1), Ok(Look::NotYet)))
    }

    /// The next key that has a value this end has not read; `None` if there is none. Each change is returned
    /// until it is read, but not in any order, and several changes of a key may be returned once.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn next_change(&mut self) -> Result<Option<u32>, Trouble> {
        if self.memory.journal() == 0 {
            return Ok(self.is_unread(0)?.then_some(0));
        }
        let mut overtaken = 0;
        for _ in 0..4 * self.memory.journal() {
            if let Some(key) = self.sweep_on()? {
                return Ok(Some(key));
            }
            let number = self.cursor.wrapping_add(1);
            match journal::look(&self.memory, number) {
                Entry::NotYet => return Ok(None),
                Entry::Of(key) => {
                    // Remains the next one until it has been read.
                    if key < self.memory.keys() && self.is_unread(key)? {
                        return Ok(Some(key));
                    }
                    self.check_key(key)?;
                    self.cursor = number;
                }
                Entry::Ahead(_) if overtaken == MOST_SWEEPS => break,
                Entry::Ahead(by) => {
                    overtaken += 1;
                    let newest = journal::joined(&self.memory);
                    let seen = number.wrapping_add(by);
                    self.cursor =
                        if newest.wrapping_sub(seen) < self.memory.journal() { newest } else { seen };
                    self.sweep = Some(0);
                }
            }
        }
        Err(Trouble::Contended)
    }

    /// Continues checking all keys, if that is in progress.
    fn sweep_on(&mut self) -> Result<Option<u32>, Trouble> {
        while let Some(key) = self.sweep {
            if self.is_unread(key)? {
                return Ok(Some(key));
            }
            self.sweep = (key + 1 < self.memory.keys()).then_some(key + 1);
        }
        Ok(None)
    }

    /// Whether [`next_change`](Self::next_change) may return a key. A check that changes nothing.
    #[must_use]
    pub fn has_change(&self) -> bool {
        if self.memory.journal() == 0 {
            return self.has_newer(0);
        }
        self.sweep.is_some() || journal::look(&self.memory, self.cursor.wrapping_add(1)) != Entry::NotYet
    }

    fn is_unread(&self, key: u32) -> Result<bool, Trouble> {
        let seen = self.seen(key)?;
        Ok(!matches!(self.look(key, seen + 1)?, Look::NotYet))
    }

    fn check_key(&self, key: u32) -> Result<(), Trouble> {
        if key < self.memory.keys() {
            return Ok(());
        }
        let corruption = Corruption { word: "journal's entry", position: self.cursor, found: u64::from(key) };
        Err(Trouble::Corrupt(corruption))
    }

    /// The sequence of a key that was read last.
    ///
    /// # Errors
    /// [`Trouble::NoSuchKey`].
    #[inline(always)]
    pub fn seen(&self, key: u32) -> Result<u64, Trouble> {
        self.seen.get(key as usize).copied().ok_or(Trouble::NoSuchKey)
    }

    /// Checks the slot where a sequence will be. The one before was found ready.
    #[inline(always)]
    fn look(&self, key: u32, sequence: u64) -> Result<Look, Trouble> {
        let slots = self.memory.slots();
        let slot = sequence & (slots - 1);
        // [L1] Acquire ← the writer's Release: the value was written before.
        let word = self.memory.word(key, slot).load(M::Platform::ordering(Edge::LatestObserve));
        if word == word::ready(sequence) {
            return Ok(Look::There);
        }
        if word == word::ready(sequence.saturating_sub(slots)) || word == word::busy(sequence) {
            return Ok(Look::NotYet);
        }
        match word::read(word, slot, slots) {
            Some(Says::Ready(found) | Says::Busy(found)) if found > sequence => Ok(Look::Overtaken),
            _ => Err(corrupt(slot, word)),
        }
    }

    /// The newest sequence, by reading all slots, for an end that is new or was overtaken.
    #[cold]
    #[inline(never)]
    fn search(&self, key: u32, seen: u64) -> Result<u64, Trouble> {
        let slots = self.memory.slots();
        for _ in 0..ATTEMPTS {
            let (mut newest, mut before) = (0, 0);
            for slot in 0..slots {
                // [L1] Acquire ← the writer's Release.
                let word = self.memory.word(key, slot).load(M::Platform::ordering(Edge::LatestObserve));
                match word::read(word, slot, slots) {
                    Some(Says::Ready(sequence)) => newest = newest.max(sequence),
                    // The one before it is intact.
                    Some(Says::Busy(sequence)) => before = before.max(sequence - 1),
                    None => return Err(corrupt(slot, word)),
                }
            }
            // Otherwise the writer has advanced meanwhile, and a newer value than the one found was intact
            // before.
            if newest >= before {
                return if newest < seen { Err(corrupt(newest, seen)) } else { Ok(newest) };
            }
            M::Platform::relax();
        }
        Err(Trouble::Contended)
    }

    /// Copies the value of a sequence that was found ready, or of a newer one.
    #[inline(always)]
    fn copy_newest(&mut self, key: u32, sequence: u64, place: &mut Place<M>) -> Result<Value<()>, Trouble> {
        if let Some(value) = self.copy(key, sequence, place) {
            return Ok(value);
        }
        self.copy_again(key, place)
    }

    #[cold]
    #[inline(never)]
    fn copy_again(&mut self, key: u32, place: &mut Place<M>) -> Result<Value<()>, Trouble> {
        let seen = self.seen(key)?;
        for _ in 0..ATTEMPTS {
            let newest = self.search(key, seen)?;
            if newest > 0
                && let Some(value) = self.copy(key, newest, place)
            {
                return Ok(value);
            }
            M::Platform::relax();
        }
        Err(Trouble::Contended)
    }

    /// Copies the value of a sequence that was found ready. `None` if the writer has returned to its slot
    /// meanwhile.
    #[inline(always)]
    fn copy(&mut self, key: u32, sequence: u64, place: &mut Place<M>) -> Option<Value<()>> {
        let slot = sequence & (self.memory.slots() - 1);
        let time_ns = self.memory.read(key, slot, place);
        // [L2] Acquire ← the writer's fence: if any byte came from a later publication, the word is a later
        // one too.
        M::Platform::fence(Edge::LatestRecheck);
        if self.memory.word(key, slot).load(Relaxed) != word::ready(sequence) {
            return None; // Ordered by the fence.
        }
        self.seen[key as usize] = sequence;
        Some(Value { value: (), sequence, time_ns })
    }

    /// The memory of the table.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

impl<T: Message, M: Memory<Shape = Of<T>>> Reader<M> {
    /// The newest value of a key; `None` if there is none yet.
    ///
    /// # Errors
    /// [`Trouble`].
    #[inline(always)]
    pub fn newest_value(&mut self, key: u32) -> Result<Option<Value<T>>, Trouble> {
        self.value(|reader, place| reader.read(key, place))
    }

    /// The newest value of a key if this end has not read it yet.
    ///
    /// # Errors
    /// [`Trouble`].
    #[inline(always)]
    pub fn newer_value(&mut self, key: u32) -> Result<Option<Value<T>>, Trouble> {
        self.value(|reader, place| reader.read_newer(key, place))
    }

    #[inline(always)]
    fn value(
        &mut self,
        read: impl FnOnce(&mut Self, &mut MaybeUninit<T>) -> Result<Option<Value<()>>, Trouble>,
    ) -> Result<Option<Value<T>>, Trouble> {
        let mut place = MaybeUninit::uninit();
        Ok(read(self, &mut place)?.map(|Value { value: (), sequence, time_ns }| {
            // SAFETY: read, so every byte of it was written.
            Value { value: unsafe { place.assume_init() }, sequence, time_ns }
        }))
    }
}

#[cold]
fn corrupt(position: u64, found: u64) -> Trouble {
    Trouble::Corrupt(Corruption { word: "slot's word", position, found })
}
