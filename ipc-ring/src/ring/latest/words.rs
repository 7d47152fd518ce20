//! The words of a table of latest values. The table is in `docs/layout.md` too.

use crate::layout::{APART, HEADER_SIZE};
use crate::memory::{Access, words};

words! {
    /// The words in front of the cells of a table of latest values.
    pub trait Words: Access;
    /// The fields of a table of latest values behind its header.
    const FIELDS from HEADER_SIZE;

    /// Bits of [`signal`](crate::wait::signal) about the writer.
    0x100 u32 STATE state: protocol, "the writer, when it comes and goes, Release (C1)";
    /// The number of the newest entry of the journal, or of one before.
    0x180 u64 CHANGES changes: protocol, "the writer, each publication, if there are several keys, Release (L4)";
    /// Which readers sleep until any key changes. The writer looks at it after each publication.
    0x200 u64 ANY_SLEEPERS any_sleepers: protocol, "readers before they sleep until any key changes; the end that wakes them";
    /// Which readers sleep until a key changes: the mask of key modulo [`MASKS`].
    0x208 [MASKS as usize * 8] KEY_SLEEPERS key_sleepers: area, "readers before they sleep until the key changes; the end that wakes them";
    /// The endpoint table.
    0x480 [ENDPOINTS as usize * SEAT_SIZE] SEATS seats: area, "the ends";
    /// Which key changed, in the order of the publications.
    0x8500 [ENTRIES as usize * 8] JOURNAL journal: area, "the writer, each publication, if there are several keys, Release (L3)";
    /// The slots of each key.
    0xa500 rest CELLS_OFFSET cells: area, "the writer";
}

/// The number of masks of readers that wait for a key.
pub(crate) const MASKS: u32 = 64;
/// Bytes of a seat's record.
pub(crate) const SEAT_SIZE: usize = APART;
/// Seats for readers.
pub(crate) const READERS: u16 = 256;
/// Seats; the first is the writer's.
pub(crate) const ENDPOINTS: u16 = READERS + 1;
/// Entries of the journal.
pub(super) const ENTRIES: u64 = 1024;

/// The largest number of keys: a journal's entry has 16 bits for one.
pub const MAX_KEYS: u32 = 1 << 16;

const _: () = assert!(ENTRIES.is_power_of_two());

#[cfg(test)]
#[test]
fn the_specification_has_the_same_words() {
    crate::documented::assert_fields("The table of latest values", FIELDS);
}
