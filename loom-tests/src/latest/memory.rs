//! A table of latest values made of loom's types.

use ipc_ring::memory::Of;
use ipc_ring::ring::latest::{FIELDS, Memory, Words};

use crate::memory::{self, Objects};
use crate::{Word64, mutation};

/// A mistake: the journal is not kept.
pub const NO_JOURNAL: &str = "the journal's entries are never stored";

/// Two words, so that one may be torn.
pub type Item = [u64; 2];
/// Bytes of a slot: a word, a time, and a value.
const SLOT: usize = 32;

/// A table on the heap; clones share it.
pub type Heap = memory::Heap<Private>;

/// What each side knows of the table.
#[derive(Clone, Copy, Debug)]
pub struct Private {
    keys: u32,
    slots: u64,
    journal: u64,
}

impl Heap {
    /// An empty table.
    #[must_use]
    pub fn new(keys: u32, slots: u64, journal: u64) -> Self {
        assert!(slots.is_power_of_two() && (journal == 0 || journal.is_power_of_two()));
        let entry = || if mutation::logic(NO_JOURNAL) { Word64::Deaf(0) } else { Word64::contended(0) };
        let objects = Objects::of(&[FIELDS]).words("journal", journal as usize, entry);
        // The word, the time, and the value. The writer and readers race on the value, so it is made of
        // atomics.
        let slot = |objects: Objects, slot: usize| {
            let payload = (8..SLOT).step_by(8);
            payload.fold(objects.word(slot, Word64::contended(0)), |all, at| {
                all.word(slot + at, Word64::checked(0))
            })
        };
        let cells = (0..keys as usize * slots as usize).map(|number| objects.offset("cells") + number * SLOT);
        cells.collect::<Vec<_>>().into_iter().fold(objects, slot).ring(Private { keys, slots, journal })
    }
}

// SAFETY: `new` makes the words of the table.
unsafe impl Words for Heap {}

// SAFETY: the numbers never change, and `new` has made that number of slots and entries.
unsafe impl Memory for Heap {
    type Shape = Of<Item>;

    fn shape(&self) -> Of<Item> {
        Of::new()
    }

    fn keys(&self) -> u32 {
        self.ring.keys
    }

    fn slots(&self) -> u64 {
        self.ring.slots
    }

    fn journal(&self) -> u64 {
        self.ring.journal
    }
}
