//! The memory of a ring made of loom's types: one heap for all models, with a policy for each.
//!
//! The words are those of production's tables. Protocol words are contended, hints and counters are plain,
//! unless the model says otherwise; a model cannot make a protocol word plain.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::memory::{Access, Field, Role, Shape};
use ipc_ring::platform::Word as _;
use loom::cell::UnsafeCell;

use crate::{Loom, Word32, Word64, mutation, platform};

/// Bytes from one entry of an area to the next, in every ring.
const ENTRY: usize = 128;

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
    /// Loom reports concurrent accesses to one of these, and an access that is not synchronised with an
    /// earlier one.
    payloads: BTreeMap<usize, UnsafeCell<Payload>>,
    tables: Vec<&'static [Field]>,
    /// Mistakes: words that a thread does not check where it should.
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
        platform::have_taps(false);
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

    /// With this 64-bit word declared as one that no thread both loads and stores.
    #[must_use]
    pub fn checked(mut self, name: &str) -> Self {
        self.u64s.insert(self.field(name).offset, Word64::checked(0));
        self
    }

    /// With this word declared as one on which nothing depends in this model, if `is` is true.
    #[must_use]
    pub fn still(mut self, name: &str, is: bool) -> Self {
        let Field { offset, size, .. } = *self.field(name);
        match size {
            _ if !is => {}
            8 => drop(self.u64s.insert(offset, Word64::still(0))),
            _ => drop(self.u32s.insert(offset, Word32::still(0))),
        }
        self
    }

    /// With this 64-bit word ignoring stores, if that mistake is to be made.
    #[must_use]
    pub fn deaf(mut self, name: &str, mistake: &'static str) -> Self {
        if mutation::logic(mistake) {
            self.u64s.insert(self.field(name).offset, Word64::Deaf(0));
        }
        self
    }

    /// If that mistake is to be made: a thread reads 0 instead of this 64-bit word where it is `blind`, as if
    /// it did not check.
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

    /// With this number of words in an area, each created by `word`.
    #[must_use]
    pub fn words(mut self, area: &str, count: usize, word: impl Fn() -> Word64) -> Self {
        let Field { offset, size, .. } = *self.field(area);
        assert!(8 * count <= size, "the words fit the area");
        self.u64s.extend((0..count).map(|number| (offset + 8 * number, word())));
        self
    }

    /// With this number of plain words of 32 bits in an area of counters or hints.
    #[must_use]
    pub fn plain_halves(mut self, area: &str, count: usize) -> Self {
        let Field { offset, size, .. } = *self.field(area);
        assert!(4 * count <= size, "the words fit the area");
        self.u32s.extend((0..count).map(|number| (offset + 4 * number, Word32::plain(0))));
        self
    }

    /// With this number of plain words in an area of counters or hints.
    #[must_use]
    pub fn plain_words(self, area: &str, count: usize) -> Self {
        self.words(area, count, || Word64::plain(0))
    }

    /// Where a field lies.
    #[must_use]
    pub fn offset(&self, name: &str) -> usize {
        self.field(name).offset
    }

    /// With the words of this number of entries in an area; `word` creates the one of a field.
    #[must_use]
    pub fn entries(
        mut self,
        area: &str,
        fields: &[Field],
        count: usize,
        word: impl Fn(&Field) -> Word64,
    ) -> Self {
        let first = self.offset(area);
        for entry in (0..count).map(|number| first + number * ENTRY) {
            let words = fields.iter().filter(|field| field.is_word());
            self.u64s.extend(words.map(|field| (entry + field.offset, word(field))));
        }
        self
    }

    /// With a payload at an offset.
    #[must_use]
    pub fn payload(mut self, offset: usize) -> Self {
        self.payloads.insert(offset, UnsafeCell::new(Payload::default()));
        self
    }

    /// With this number of slots from an offset on: a payload, and a contended word `word` bytes after its
    /// start.
    #[must_use]
    pub fn slots(self, offset: usize, stride: usize, word: usize, count: usize) -> Self {
        (0..count)
            .map(|index| offset + index * stride)
            .fold(self, |objects, slot| objects.payload(slot).word(slot + word, Word64::contended(0)))
    }

    /// A ring made of them, in a model with a tap.
    #[must_use]
    pub fn tapped<R>(self, ring: R) -> Heap<R> {
        platform::have_taps(true);
        self.ring(ring)
    }

    /// A ring made of them.
    #[must_use]
    pub fn ring<R>(self, ring: R) -> Heap<R> {
        Heap { objects: Rc::new(self), ring }
    }
}

// SAFETY: an offset's object stays where it is as long as the last clone, and each is one by itself; all are
// aligned to 8.
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

    unsafe fn store_item<S: Shape>(&self, offset: usize, shape: S, item: &S::Item) {
        if let Some(payload) = self.objects.payloads.get(&offset) {
            // SAFETY: loom's cell has checked that no other thread is here, and has room for any model's
            // element.
            return payload.with_mut(|payload| unsafe { shape.copy_in::<Loom>(payload.cast(), item) });
        }
        let mut payload = Payload::default();
        // SAFETY: private memory with room for any model's element.
        unsafe { shape.copy_in::<Loom>(payload.as_mut_ptr().cast(), item) };
        for (at, word) in self.offsets(offset, shape.size()).zip(payload) {
            self.objects.u64s[&at].store(word, Relaxed);
        }
    }

    unsafe fn load_item<S: Shape>(&self, offset: usize, shape: S, place: &mut S::Place) {
        if let Some(payload) = self.objects.payloads.get(&offset) {
            // SAFETY: loom's cell has checked that no thread writes here.
            return payload.with(|payload| unsafe { shape.copy_out::<Loom>(payload.cast(), place) });
        }
        let mut payload = Payload::default();
        for (at, word) in self.offsets(offset, shape.size()).zip(&mut payload) {
            *word = self.objects.u64s[&at].load(Relaxed);
        }
        // SAFETY: private memory that holds an element.
        unsafe { shape.copy_out::<Loom>(payload.as_ptr().cast(), place) };
    }

    unsafe fn store_bytes(&self, offset: usize, bytes: &[u8]) {
        for (at, word) in self.offsets(offset, bytes.len()).zip(bytes.chunks(8)) {
            let word = u64::from_ne_bytes(word.try_into().expect("eight bytes"));
            self.guarded_mut(at, |place| place.store(word, Relaxed));
        }
    }

    unsafe fn load_bytes(&self, offset: usize, out: &mut [MaybeUninit<u8>]) {
        for (at, bytes) in self.offsets(offset, out.len()).zip(out.chunks_mut(8)) {
            let word = match self.objects.payloads.get(&at) {
                Some(guard) => guard.with(|_| self.objects.u64s[&at].load(Relaxed)),
                None => self.objects.u64s[&at].load(Relaxed),
            };
            for (place, byte) in bytes.iter_mut().zip(word.to_ne_bytes()) {
                place.write(byte);
            }
        }
    }
}

impl<R> Heap<R> {
    /// The offsets of the words of this number of bytes.
    fn offsets(&self, offset: usize, len: usize) -> impl Iterator<Item = usize> + use<R> {
        assert_eq!((offset % 8, len % 8), (0, 0), "models move whole words");
        (offset..offset + len).step_by(8)
    }

    /// Passes the word of a payload to `f`, which stores to it, while loom checks that no other thread is
    /// there.
    fn guarded_mut(&self, offset: usize, f: impl FnOnce(&Word64)) {
        match self.objects.payloads.get(&offset) {
            Some(guard) => guard.with_mut(|_| f(&self.objects.u64s[&offset])),
            None => f(&self.objects.u64s[&offset]),
        }
    }

    /// Where a field lies.
    #[must_use]
    pub fn offset(&self, name: &str) -> usize {
        self.objects.offset(name)
    }

    /// The 64-bit word at an offset.
    pub(crate) fn word_at(&self, offset: usize) -> &Word64 {
        &self.objects.u64s[&offset]
    }

    /// The 64-bit word of this name, for accessors that do more than return it.
    pub(crate) fn named(&self, name: &str) -> &Word64 {
        &self.objects.u64s[&self.offset(name)]
    }

    /// Stores to the word at an offset the value it already holds.
    pub(crate) fn rewrite(&self, offset: usize) {
        self.guarded_mut(offset, |word| word.store(word.load(Relaxed), Relaxed));
    }
}
