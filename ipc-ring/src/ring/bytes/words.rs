//! The words of a bytes ring. The table stands in `docs/layout.md` too.
//!
//! They are those of the spsc ring, at the same places, and the three here.

use crate::layout::HEADER_SIZE;
use crate::memory::words;
use crate::ring::spsc;
pub(crate) use crate::ring::spsc::SLOTS_OFFSET;

words! {
    /// The words in front of the records of a bytes ring.
    pub trait Words: spsc::Words;
    /// The fields of a bytes ring besides those of an spsc ring.
    const FIELDS from HEADER_SIZE;

    /// The producer's position; never behind by more than the push under way.
    0x200 u64 PRODUCED produced: hint, "producer, each push";
    /// How many frames were pushed.
    0x220 u64 FRAMES_PUSHED frames_pushed: counter, "producer, each push";
    /// How many frames were popped.
    0x298 u64 FRAMES_POPPED frames_popped: counter, "consumer, each pop";
}

#[cfg(test)]
#[test]
fn the_specification_has_the_same_words() {
    // The words of the spsc ring but for its slots, in whose place records lie.
    let (_, shared) = spsc::FIELDS.split_last().expect("a table");
    let records = [crate::memory::Field { name: "records", ..*spsc::FIELDS.last().expect("a table") }];
    crate::documented::assert_words("The bytes ring", FIELDS, &[shared, &records]);
}
