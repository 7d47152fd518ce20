//! The memory of a ring made of loom's objects: one heap for all models, with a policy for each.
//!
//! The words are those of the tables that production has. A word of the protocol is contended, hints and counters are plain, unless the
//! model says otherwise; and it cannot say that a word of the protocol is plain.

use std::collections::BTreeMap;
use std::rc::Rc;

use ipc_ring::memory::{Access, Field, Role};
use loom::cell::UnsafeCell;

use crate::{Loom, Word32, Word64, mutation};

/// A payload: more bytes than any model's has.
type Payload = [u64; 8];

/// A ring on the heap; clones share it. `R` is what one side knows of it from private memory.
#[derive(Debug)]
pub struct Heap<R> {
    objects: Rc<Objects>,
    pub(crate) ring: R,
}

impl<R: Clone> Clone for Heap<R> {
    fn clone(&self) -> Self {
        Self { objects: Rc::clone(&self.objects), ring: self.ring.clone() }
    }
}

/// The words and payloads by their offsets.
#[derive(Debug)]
pub struct Objects {
    u64s: BTreeMap<usize, Word64>,
    u32s: BTreeMap<usize, Word32>,
    /// Loom reports two threads at one of these at a time, and one that comes without having synchronised with the other.
    payloads: BTreeMap<usize, UnsafeCell<Payload>>,
    tables: Vec<&'static [Field]>,
    /// Mistakes: words that a thread does not look at where it should.
    blind: Vec<(Unseen, fn() -> bool)>,
    unseen: Word64,
}

#[derive(Debug)]
enum Unseen {
    Word(usize),
    /// All words that no table names.
    Slots,
}

impl Objects {
    /// The words of these tables.
    #[must_use]
    pub fn of(tables: &[&'static [Field]]) -> Self {
        let mut objects = Self {
            u64s: BTreeMap::new(),
            u32s: BTreeMap::new(),
            payloads: BTreeMap::new(),
            tables: tables.to_vec(),
            blind: Vec::new(),
            unseen: Word64::Deaf(0),
        };
        for field in tables.iter().copied().flatten().filter(|field| field.is_word()) {
            let is_plain = field.role != Role::protocol;
            if field.size == 8 {
                let word = if is_plain { Word64::plain(0) } else { Word64::contended(0) };
                objects.u64s.insert(field.offset, word);
            } else {
                let word = if is_plain { Word32::plain(0) } else { Word32::contended(0) };
                objects.u32s.insert(field.offset, word);
            }
        }
        objects
    }

    fn field(&self, name: &str) -> &'static Field {
        let mut fields = self.tables.iter().copied().flatten();
        fields.find(|field| field.name == name).unwrap_or_else(|| panic!("no table names a word `{name}`"))
    }

    /// With this 64-bit word as one that no thread both loads and stores.
    #[must_use]
    pub fn checked(mut self, name: &str) -> Self {
        self.u64s.insert(self.field(name).offset, Word64::checked(0));
        self
    }

    /// With this 64-bit word deaf to stores, if that mistake is to be made.
    #[must_use]
    pub fn deaf(mut self, name: &str, mistake: &'static str) -> Self {
        if mutation::logic(mistake) {
            self.u64s.insert(self.field(name).offset, Word64::Deaf(0));
        }
        self
    }

    /// If that mistake is to be made: a thread sees 0 in place of this 64-bit word, where it is `blind`. As if it did not look.
    #[must_use]
    pub fn blind(mut self, name: &str, mistake: &'static str, blind: fn() -> bool) -> Self {
        if mutation::logic(mistake) {
            self.blind.push((Unseen::Word(self.field(name).offset), blind));
        }
        self
    }

    /// As [`blind`](Self::blind), for all 64-bit words of slots.
    #[must_use]
    pub fn blind_to_slots(mut self, mistake: &'static str, blind: fn() -> bool) -> Self {
        if mutation::logic(mistake) {
            self.blind.push((Unseen::Slots, blind));
        }
        self
    }

    fn is_unseen(&self, offset: usize) -> bool {
        self.blind.iter().any(|(what, blind)| {
            let is_it = match what {
                Unseen::Word(word) => *word == offset,
                Unseen::Slots => !self
                    .tables
                    .iter()
                    .copied()
                    .flatten()
                    .any(|field| field.offset == offset && field.is_word()),
            };
            is_it && blind()
        })
    }

    /// With a 64-bit word at an offset that no table names: in a slot, or in an entry of an area.
    #[must_use]
    pub fn word(mut self, offset: usize, word: Word64) -> Self {
        self.u64s.insert(offset, word);
        self
    }

    /// With a payload at an offset.
    #[must_use]
    pub fn payload(mut self, offset: usize) -> Self {
        self.payloads.insert(offset, UnsafeCell::new(Payload::default()));
        self
    }

    /// With so many slots from an offset on: a payload, and a contended word `word` bytes behind its start.
    #[must_use]
    pub fn slots(self, offset: usize, stride: usize, word: usize, count: usize) -> Self {
        (0..count)
            .map(|index| offset + index * stride)
            .fold(self, |objects, slot| objects.payload(slot).word(slot + word, Word64::contended(0)))
    }

    /// A ring made of them.
    #[must_use]
    pub fn ring<R>(self, ring: R) -> Heap<R> {
        Heap { objects: Rc::new(self), ring }
    }
}

// SAFETY: an offset's object stays where it is as long as the last clone, and each is one by itself; all are aligned to 8.
unsafe impl<R> Access for Heap<R> {
    type Platform = Loom;

    unsafe fn u64_at(&self, offset: usize) -> &Word64 {
        if self.objects.is_unseen(offset) { &self.objects.unseen } else { &self.objects.u64s[&offset] }
    }

    unsafe fn u32_at(&self, offset: usize) -> &Word32 {
        &self.objects.u32s[&offset]
    }

    unsafe fn with_mut<T>(&self, offset: usize, f: impl FnOnce(*mut u8) -> T) -> T {
        self.objects.payloads[&offset].with_mut(|payload| f(payload.cast()))
    }

    unsafe fn with<T>(&self, offset: usize, f: impl FnOnce(*const u8) -> T) -> T {
        self.objects.payloads[&offset].with(|payload| f(payload.cast()))
    }
}
