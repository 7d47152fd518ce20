//! Where the words of a table of latest values lie. The table stands in `docs/layout.md` too.
//!
//! | offset | word | written by | read by |
//! |---|---|---|---|
//! | 0x000 | header | creator, once | whoever attaches |
//! | 0x100 | state | the writer, when it comes and goes | readers that wait |
//! | 0x180 | `changes` | the writer, each publication, if there are several keys | readers that join or fell behind |
//! | 0x200 | who sleeps until any key changes; behind it, who until a key changes: 64 masks | readers that sleep; who wakes them | the writer, each publication |
//! | 0x480 | seats: the writer's, and 256 of readers, 128 bytes each | the ends | who wakes them |
//! | 0x8500 | journal: which key changed, 1024 entries of 8 bytes | the writer, if there are several keys | readers that wait for any |
//! | 0xa500 | cells: the slots of each key | the writer | readers |

use crate::layout::{APART, HEADER_SIZE};

/// Bits of [`signal`](crate::wait::signal) about the writer.
pub(crate) const STATE: usize = HEADER_SIZE;
pub(super) const CHANGES: usize = STATE + APART;
/// Who sleeps until any key changes.
pub(crate) const ANY_SLEEPERS: usize = CHANGES + APART;
/// Who sleeps until a key changes: the mask of key modulo [`MASKS`].
pub(crate) const KEY_SLEEPERS: usize = ANY_SLEEPERS + 8;
/// Masks of those who wait for a key.
pub(crate) const MASKS: u32 = 64;
/// The endpoint table.
pub(crate) const SEATS: usize = ANY_SLEEPERS + 5 * APART;
/// Bytes of a seat's record.
pub(crate) const SEAT_SIZE: usize = APART;
/// Seats for readers.
pub(crate) const READERS: u16 = 256;
/// Seats; the first is the writer's.
pub(crate) const ENDPOINTS: u16 = READERS + 1;
pub(super) const JOURNAL: usize = SEATS + ENDPOINTS as usize * SEAT_SIZE;
/// Entries of the journal.
pub(super) const ENTRIES: u64 = 1024;
/// Bytes from the start of the memory to the first cell.
pub(crate) const CELLS_OFFSET: usize = JOURNAL + ENTRIES as usize * 8;

/// The largest number of keys: a journal's entry has 16 bits for one.
pub const MAX_KEYS: u32 = 1 << 16;

/// Bytes from the start of a slot to its time.
pub(super) const TIME: usize = 8;

const _: () = {
    assert!(STATE == 0x100);
    assert!(CHANGES == 0x180);
    assert!(ANY_SLEEPERS == 0x200 && KEY_SLEEPERS == 0x208);
    assert!(KEY_SLEEPERS + MASKS as usize * 8 <= SEATS);
    assert!(SEATS == 0x480);
    assert!(JOURNAL == 0x8500);
    assert!(CELLS_OFFSET == 0xa500);
    assert!(CELLS_OFFSET.is_multiple_of(APART));
    assert!(ENTRIES.is_power_of_two());
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::assert_table;

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table(
            "The table of latest values",
            &[
                ("state", STATE),
                ("changes", CHANGES),
                ("any_sleepers", ANY_SLEEPERS),
                ("key_sleepers", KEY_SLEEPERS),
                ("seats", SEATS),
                ("journal", JOURNAL),
                ("cells", CELLS_OFFSET),
            ],
        );
    }
}
