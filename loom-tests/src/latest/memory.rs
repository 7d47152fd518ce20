//! A table of latest values made of loom's types.

use ipc_ring::memory::Of;
use ipc_ring::ring::latest::{FIELDS, Memory, Words};

use crate::memory::{self, Objects};
use crate::{Word64, mutation, participants};

/// A mistake: the journal is not kept.
pub const NO_JOURNAL: &str = "the journal's entries are never stored";

/// Two words, so that one may be torn.
pub type Item = [u64; 2];
/// Bytes of a slot: a word, a time, and a value.
const SLOT: usize = 32;
/// Bytes of a seat's record, which begins with the identity of its process.
const SEAT: usize = 128;
/// Masks of readers that wait for a key.
const MASKS: usize = 64;
/// Seats: the writer's, and those of three readers.
const SEATS: u16 = 4;

/// A mistake: a reader sleeps without checking the table again.
pub const NO_SECOND_LOOK: &str = "a reader of latest values sleeps without a second look";

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
        Self::with_keys(&(0..keys).collect::<Vec<_>>(), slots, journal)
    }

    /// An empty table of which only these keys are used.
    #[must_use]
    pub fn with_keys(used: &[u32], slots: u64, journal: u64) -> Self {
        let keys = used.iter().max().expect("a key") + 1;
        assert!(slots.is_power_of_two() && (journal == 0 || journal.is_power_of_two()));
        let entry = || if mutation::logic(NO_JOURNAL) { Word64::Deaf(0) } else { Word64::contended(0) };
        let objects = Objects::of(&[FIELDS])
            .words("journal", journal as usize, entry)
            // No reader waits for a key that is not used.
            .words("key_sleepers", MASKS, || Word64::still(0))
            .blind_to_slots(NO_SECOND_LOOK, participants::is_about_to_sleep)
            .blind("changes", NO_SECOND_LOOK, participants::is_about_to_sleep);
        let (masks, seats) = (objects.offset("key_sleepers"), objects.offset("seats"));
        let objects = used
            .iter()
            .fold(objects, |all, key| all.word(masks + *key as usize % MASKS * 8, Word64::contended(0)));
        let objects = (0..usize::from(SEATS))
            .fold(objects, |all, number| all.word(seats + number * SEAT, Word64::checked(0)));
        // The word, the time, and the value. The writer and readers race on the value, so it is made of
        // atomics.
        let slot = |objects: Objects, slot: usize| {
            let payload = (8..SLOT).step_by(8);
            payload.fold(objects.word(slot, Word64::contended(0)), |all, at| {
                all.word(slot + at, Word64::checked(0))
            })
        };
        let cells_of = |key: u32| (0..slots as usize).map(move |slot| key as usize * slots as usize + slot);
        let cells =
            used.iter().copied().flat_map(cells_of).map(|number| objects.offset("cells") + number * SLOT);
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

impl participants::Ring for Heap {
    fn seats(&self) -> u16 {
        SEATS
    }

    fn identity(&self, number: u16) -> &Word64 {
        self.word_at(self.offset("seats") + usize::from(number) * SEAT)
    }

    fn mask(&self, offset: usize) -> &Word64 {
        self.word_at(offset)
    }
}
