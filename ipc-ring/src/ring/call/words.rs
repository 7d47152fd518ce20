//! The words of a call ring. The table is in `docs/layout.md` too.

use crate::layout::{APART, HEADER_SIZE, LINE};
use crate::memory::{Access, words};

words! {
    /// The words of a call ring.
    pub trait Words: Access;
    /// The fields of a call ring behind its header.
    const FIELDS from HEADER_SIZE;

    /// The caller's record.
    0x100 [32] CALLER_RECORD caller_record: area, "caller, at attach and detach";
    /// The responder's record.
    0x180 [32] RESPONDER_RECORD responder_record: area, "responder, at attach and detach";
    /// The caller's copy of its request.
    0x200 [MAX_CALL_SIZE] KEPT kept: area, "caller, each call, before `line`";
    /// How often the caller woke the responder.
    0x240 u64 CALLER_WAKES caller_wakes: counter, "caller";
    /// Whether the caller fences its looks at the responder's signal: see [`fences`](crate::wait::fences).
    0x248 u32 CALLER_FENCES caller_fences: protocol, "caller, Release (W4)";
    /// The call that a responder has taken last, and how many had taken it before.
    0x280 u64 TAKEN taken: protocol, "responder, each call, when it has read the request";
    /// How often the responder woke the caller.
    0x288 u64 RESPONDER_WAKES responder_wakes: counter, "responder";
    /// Whether the responder fences its looks at the caller's signal.
    0x290 u32 RESPONDER_FENCES responder_fences: protocol, "responder, Release (W4)";
    /// The caller's state, looked at by the responder after each reply: see [`signal`](crate::wait::signal).
    0x300 u32 CALLER_SIGNAL caller_signal: protocol, "both, atomically";
    /// The responder's state, looked at by the caller after each request.
    0x380 u32 RESPONDER_SIGNAL responder_signal: protocol, "both, atomically";
    /// The line's word, and behind it the request or the reply.
    0x400 [64] LINE_OFFSET line: area, "both in turn";
}

/// Bytes from the start of the line to the request or the reply.
pub(super) const PAYLOAD: usize = 8;
/// The largest request and the largest reply, in bytes: a line minus its word.
pub const MAX_CALL_SIZE: usize = 56;
/// Bytes of the whole ring.
pub(super) const TOTAL: usize = LINE_OFFSET + APART;

const _: () = assert!(PAYLOAD + MAX_CALL_SIZE == LINE && LINE_OFFSET + LINE <= TOTAL);

#[cfg(test)]
#[test]
fn the_specification_has_the_same_words() {
    crate::documented::assert_fields("The call ring", FIELDS);
}
