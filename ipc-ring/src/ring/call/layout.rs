//! Where the words of a call ring lie. The table stands in `docs/layout.md` too.
//!
//! | offset | word | written by | read by |
//! |---|---|---|---|
//! | 0x000 | header | creator, once | whoever attaches |
//! | 0x100 | caller's record | caller, at attach and detach | responder's slow path |
//! | 0x180 | responder's record | responder, at attach and detach | caller's slow path |
//! | 0x200 | `kept`: the caller's copy of its request, caller's counter | caller, each call | a responder whose predecessor died |
//! | 0x280 | `taken`, responder's counter | responder, each call | a responder whose predecessor died |
//! | 0x300 | caller's signal | caller when its state changes | responder, each reply |
//! | 0x380 | responder's signal | responder when its state changes | caller, each request |
//! | 0x400 | the line: word, request or reply | both in turn | both |

use crate::layout::{APART, HEADER_SIZE};

pub(crate) const CALLER_RECORD: usize = HEADER_SIZE;
pub(crate) const RESPONDER_RECORD: usize = CALLER_RECORD + APART;
pub(super) const KEPT: usize = RESPONDER_RECORD + APART;
pub(crate) const CALLER_WAKES: usize = KEPT + 64;
pub(super) const TAKEN: usize = KEPT + APART;
pub(crate) const RESPONDER_WAKES: usize = TAKEN + 8;
pub(crate) const CALLER_SIGNAL: usize = TAKEN + APART;
pub(crate) const RESPONDER_SIGNAL: usize = CALLER_SIGNAL + APART;
/// Bytes from the start of the memory to the line.
pub(crate) const LINE_OFFSET: usize = RESPONDER_SIGNAL + APART;
/// Bytes from the start of the line to the request or the reply.
pub(super) const PAYLOAD: usize = 8;

/// The largest request and the largest reply, in bytes: a line less its word.
pub const MAX_CALL_SIZE: usize = 56;
/// Bytes of the whole ring.
pub(super) const TOTAL: usize = LINE_OFFSET + APART;

const _: () = {
    assert!(CALLER_RECORD == 0x100);
    assert!(RESPONDER_RECORD == 0x180);
    assert!(KEPT == 0x200 && MAX_CALL_SIZE <= 64);
    assert!(TAKEN == 0x280);
    assert!(CALLER_SIGNAL == 0x300);
    assert!(RESPONDER_SIGNAL == 0x380);
    assert!(LINE_OFFSET == 0x400);
    assert!(PAYLOAD + MAX_CALL_SIZE == crate::layout::LINE);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::assert_table;

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table(
            "The call ring",
            &[
                ("caller_record", CALLER_RECORD),
                ("responder_record", RESPONDER_RECORD),
                ("kept", KEPT),
                ("caller_wakes", CALLER_WAKES),
                ("taken", TAKEN),
                ("responder_wakes", RESPONDER_WAKES),
                ("caller_signal", CALLER_SIGNAL),
                ("responder_signal", RESPONDER_SIGNAL),
                ("line", LINE_OFFSET),
            ],
        );
    }
}
