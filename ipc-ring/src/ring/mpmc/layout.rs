//! Where the words of an mpmc ring lie. The table stands in `docs/layout.md` too.
//!
//! | offset | word | written by | read by |
//! |---|---|---|---|
//! | 0x000 | header | creator, once | whoever attaches |
//! | 0x100 | state; at 0x108 the mask of sleeping consumers; at 0x110 ends ever attached | whoever closes; consumers that sleep | producers, each push |
//! | 0x180 | `tail` | producers, each push | producers that fell behind |
//! | 0x200 | `head` | consumers, each pop | consumers that fell behind |
//! | 0x280 | mask of sleeping producers; at 0x288 whose turn it is | producers that sleep, or find the ring full | consumers, each pop |
//! | 0x300 | orphan generation, counters of recovery | recoverers | consumers that find nothing |
//! | 0x380 | endpoint table: 256 seats of 128 bytes | the ends | recoverers, notifiers |
//! | 0x8380 | slots: payload, tag | claimers | everybody |

use super::memory::Counter;
use crate::layout::{APART, HEADER_SIZE};

pub(crate) const STATE: usize = HEADER_SIZE;
/// How many producers have ever attached; behind it, how many consumers.
pub(super) const ATTACHED: usize = STATE + 16;
/// Which consumers sleep.
pub(crate) const CONSUMER_SLEEPERS: usize = STATE + 8;
pub(super) const TAIL: usize = STATE + APART;
pub(super) const HEAD: usize = TAIL + APART;
/// Which producers sleep.
pub(crate) const PRODUCER_SLEEPERS: usize = HEAD + APART;
/// Whose turn it is to push.
pub(super) const TURN: usize = PRODUCER_SLEEPERS + 8;
pub(super) const ORPHANS: usize = PRODUCER_SLEEPERS + APART;
pub(super) const COUNTERS: usize = ORPHANS + 8;
/// The endpoint table.
pub(crate) const SEATS: usize = ORPHANS + APART;
/// Bytes of a seat's record: identity (8); wake semaphore (4), process number (4), role (4) and signal word (4), which are the channel's.
pub(crate) const SEAT_SIZE: usize = APART;
/// Seats of a ring.
pub(crate) const ENDPOINTS: u16 = 256;
/// Bytes from the start of the memory to the first slot.
pub(crate) const SLOTS_OFFSET: usize = SEATS + ENDPOINTS as usize * SEAT_SIZE;

const _: () = {
    assert!(STATE == 0x100 && CONSUMER_SLEEPERS == 0x108);
    assert!(TAIL == 0x180);
    assert!(HEAD == 0x200);
    assert!(PRODUCER_SLEEPERS == 0x280 && TURN == 0x288);
    assert!(ORPHANS == 0x300);
    assert!(COUNTERS + Counter::COUNT * 8 <= ORPHANS + APART);
    assert!(SEATS == 0x380);
    assert!(SLOTS_OFFSET == 0x8380);
    assert!(SLOTS_OFFSET.is_multiple_of(APART));
    assert!(ENDPOINTS <= super::tag::MAX_ENDPOINTS);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::assert_table;

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table(
            "The mpmc ring",
            &[
                ("state", STATE),
                ("consumer_sleepers", CONSUMER_SLEEPERS),
                ("attached", ATTACHED),
                ("tail", TAIL),
                ("head", HEAD),
                ("producer_sleepers", PRODUCER_SLEEPERS),
                ("turn", TURN),
                ("orphans", ORPHANS),
                ("counters", COUNTERS),
                ("seats", SEATS),
                ("slots", SLOTS_OFFSET),
            ],
        );
    }
}
