//! Where the words of an spsc ring lie. The table stands in `docs/layout.md` too.
//!
//! | offset | word | written by | read by |
//! |---|---|---|---|
//! | 0x000 | header | creator, once | whoever attaches |
//! | 0x100 | producer record: owner, wake semaphore | producer at attach and detach | consumer's slow path |
//! | 0x180 | consumer record | consumer at attach and detach | producer's slow path |
//! | 0x200 | producer's counters, from 0x208 | producer | observers |
//! | 0x280 | `consumed`, consumer's counters | consumer, each pop | a producer that found the ring full, takeover |
//! | 0x300 | `head`, `giving` | consumer, each quarter ring | a producer that found the ring full |
//! | 0x380 | consumer signal, `dense` | consumer when its state changes | producer, each push |
//! | 0x400 | producer signal | producer when its state changes | consumer when it finds nothing or publishes head |
//! | 0x480 | slots: payload, sequence word | producer; consumer, with what is there already | consumer |

use crate::layout::{APART, HEADER_SIZE};

/// The producer's record.
pub(crate) const PRODUCER_RECORD: usize = HEADER_SIZE;
/// The consumer's record.
pub(crate) const CONSUMER_RECORD: usize = PRODUCER_RECORD + APART;
pub(crate) const PRODUCED: usize = CONSUMER_RECORD + APART;
pub(crate) const CONSUMED: usize = PRODUCED + APART;
pub(crate) const HEAD: usize = CONSUMED + APART;
pub(crate) const CONSUMER_SIGNAL: usize = HEAD + APART;
pub(crate) const DENSE: usize = CONSUMER_SIGNAL + 8;
pub(crate) const PRODUCER_SIGNAL: usize = CONSUMER_SIGNAL + APART;
/// Bytes from the start of the memory to the first slot.
pub(crate) const SLOTS_OFFSET: usize = PRODUCER_SIGNAL + APART;

/// The producer's line. Its first word, which a bytes ring has for its position, is not used here: a push would be one store
/// longer, and observers find the position from the sequence words. The producer's counters: how often the ring was found full, how often this side woke the other, the largest
/// number of messages seen waiting.
pub(crate) const FOUND_FULL: usize = PRODUCED + 8;
pub(crate) const PRODUCER_WAKES: usize = PRODUCED + 16;
pub(crate) const HIGH_WATER: usize = PRODUCED + 24;
/// Counters beside `consumed`.
pub(crate) const FOUND_EMPTY: usize = CONSUMED + 8;
pub(crate) const CONSUMER_WAKES: usize = CONSUMED + 16;
/// Where the consumer is about to give slots back, in the line of the head, which it writes then.
pub(crate) const GIVING: usize = HEAD + 8;

const _: () = {
    assert!(PRODUCER_RECORD == 0x100);
    assert!(CONSUMER_RECORD == 0x180);
    assert!(PRODUCED == 0x200);
    assert!(CONSUMED == 0x280);
    assert!(HEAD == 0x300);
    assert!(CONSUMER_SIGNAL == 0x380);
    assert!(PRODUCER_SIGNAL == 0x400);
    assert!(SLOTS_OFFSET == 0x480);
    assert!(SLOTS_OFFSET.is_multiple_of(APART));
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::assert_table;

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table(
            "The spsc ring",
            &[
                ("producer_record", PRODUCER_RECORD),
                ("consumer_record", CONSUMER_RECORD),
                ("found_full", FOUND_FULL),
                ("producer_wakes", PRODUCER_WAKES),
                ("high_water", HIGH_WATER),
                ("consumed", CONSUMED),
                ("found_empty", FOUND_EMPTY),
                ("consumer_wakes", CONSUMER_WAKES),
                ("head", HEAD),
                ("giving", GIVING),
                ("consumer_signal", CONSUMER_SIGNAL),
                ("dense", DENSE),
                ("producer_signal", PRODUCER_SIGNAL),
                ("slots", SLOTS_OFFSET),
            ],
        );
    }
}
