//! Where the words of a bytes ring lie. The table stands in `docs/layout.md` too.
//!
//! The words in front of the records are those of the spsc ring, at the same places, with two counters more: frames
//! pushed and frames popped.

pub(crate) use crate::ring::spsc::words::{
    CONSUMED, CONSUMER_SIGNAL, DENSE, FOUND_EMPTY, FOUND_FULL, GIVING, HEAD, HIGH_WATER, PRODUCER_SIGNAL,
    SLOTS_OFFSET,
};

/// The producer's position.
pub(super) const PRODUCED: usize = 0x200;
/// Number of frames pushed, beside `produced`.
pub(super) const FRAMES_PUSHED: usize = PRODUCED + 32;
/// Number of frames popped, beside `consumed`.
pub(super) const FRAMES_POPPED: usize = CONSUMED + 24;

const _: () = {
    assert!(FRAMES_PUSHED == 0x220);
    assert!(FRAMES_POPPED == 0x298);
    assert!(SLOTS_OFFSET == 0x480);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::assert_table;
    use crate::ring::spsc::{CONSUMER_RECORD, CONSUMER_WAKES, PRODUCER_RECORD, PRODUCER_WAKES};

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table(
            "The bytes ring",
            &[
                ("producer_record", PRODUCER_RECORD),
                ("consumer_record", CONSUMER_RECORD),
                ("produced", PRODUCED),
                ("found_full", FOUND_FULL),
                ("producer_wakes", PRODUCER_WAKES),
                ("high_water", HIGH_WATER),
                ("frames_pushed", FRAMES_PUSHED),
                ("consumed", CONSUMED),
                ("found_empty", FOUND_EMPTY),
                ("consumer_wakes", CONSUMER_WAKES),
                ("frames_popped", FRAMES_POPPED),
                ("head", HEAD),
                ("giving", GIVING),
                ("consumer_signal", CONSUMER_SIGNAL),
                ("dense", DENSE),
                ("producer_signal", PRODUCER_SIGNAL),
                ("records", SLOTS_OFFSET),
            ],
        );
    }
}
