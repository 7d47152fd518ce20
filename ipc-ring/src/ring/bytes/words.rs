//! The words of a bytes ring. The table stands in `docs/layout.md` too.
//!
//! They are those of the spsc ring, at the same places, and those here.

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
    0x200 u64 PRODUCED produced: protocol, "producer, each push";
    /// How many frames were pushed.
    0x220 u64 FRAMES_PUSHED frames_pushed: counter, "producer, each push";
    /// The length of the longest frame that a producer has made room for. Taps rely on it.
    0x240 u64 LONGEST_FRAME longest_frame: protocol, "producer, at a frame longer than all before";
    /// How many marks have been made: the newest one is the even or the odd one, as this number is.
    0x248 u64 MARKS marks: protocol, "producer, when it takes over room, Release (B5)";
    /// A position of the producer. Taps find the ring's frames from the newest one.
    0x250 u64 EVEN_MARK even_mark: protocol, "as `marks`, before it";
    /// How many frames were pushed before that position.
    0x258 u64 EVEN_MARK_FRAMES even_mark_frames: protocol, "as `marks`, before it";
    /// As `even_mark`.
    0x260 u64 ODD_MARK odd_mark: protocol, "as `marks`, before it";
    /// As `even_mark_frames`.
    0x268 u64 ODD_MARK_FRAMES odd_mark_frames: protocol, "as `marks`, before it";
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
