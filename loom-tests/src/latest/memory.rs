//! A table of latest values made of loom's objects.

use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::platform::{Platform, Word as _};
use ipc_ring::ring::latest::Memory;

use crate::{Loom, Word64, mutation};

/// A mistake: the journal is not kept.
pub const NO_JOURNAL: &str = "the journal's entries are never stored";

/// Two words, so that one may be torn.
pub type Item = [u64; 2];

/// A table on the heap; clones share it.
#[derive(Clone, Debug)]
pub struct Heap(Rc<Words>);

#[derive(Debug)]
struct Words {
    keys: u32,
    slots: u64,
    cells: Vec<Slot>,
    journal: Vec<Word64>,
    changes: Word64,
}

/// Writers and readers race for the value, so it is made of atomics.
#[derive(Debug)]
struct Slot {
    word: Word64,
    time: Word64,
    value: [Word64; 2],
}

impl Heap {
    /// An empty table.
    #[must_use]
    pub fn new(keys: u32, slots: u64, journal: u64) -> Self {
        assert!(slots.is_power_of_two() && (journal == 0 || journal.is_power_of_two()));
        let slot = || Slot {
            word: Word64::contended(0),
            time: Word64::checked(0),
            value: [Word64::checked(0), Word64::checked(0)],
        };
        let entry = || if mutation::logic(NO_JOURNAL) { Word64::Deaf(0) } else { Word64::contended(0) };
        Self(Rc::new(Words {
            keys,
            slots,
            cells: (0..u64::from(keys) * slots).map(|_| slot()).collect(),
            journal: (0..journal).map(|_| entry()).collect(),
            changes: Word64::contended(0),
        }))
    }

    fn slot(&self, key: u32, slot: u64) -> &Slot {
        assert!(key < self.0.keys && slot < self.0.slots);
        &self.0.cells[usize::try_from(u64::from(key) * self.0.slots + slot).expect("a small number")]
    }
}

// SAFETY: the numbers are lengths of vectors that never change; `read` writes the whole value.
unsafe impl Memory for Heap {
    type Platform = Loom;
    type Item = Item;

    fn keys(&self) -> u32 {
        self.0.keys
    }

    fn slots(&self) -> u64 {
        self.0.slots
    }

    fn journal(&self) -> u64 {
        self.0.journal.len() as u64
    }

    fn word(&self, key: u32, slot: u64) -> &<Loom as Platform>::U64 {
        &self.slot(key, slot).word
    }

    fn write(&self, key: u32, slot: u64, time_ns: u64, value: &Item) {
        let slot = self.slot(key, slot);
        slot.time.store(time_ns, Relaxed);
        for (word, part) in slot.value.iter().zip(value) {
            word.store(*part, Relaxed);
        }
    }

    fn read(&self, key: u32, slot: u64, value: &mut MaybeUninit<Item>) -> u64 {
        let slot = self.slot(key, slot);
        value.write(slot.value.each_ref().map(|word| word.load(Relaxed)));
        slot.time.load(Relaxed)
    }

    fn entry(&self, index: u64) -> &Word64 {
        &self.0.journal[usize::try_from(index).expect("an index inside the journal")]
    }

    fn changes(&self) -> &Word64 {
        &self.0.changes
    }
}
