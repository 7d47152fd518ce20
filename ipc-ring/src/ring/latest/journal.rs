//! The journal: which key changed, in the order of the publications, for readers that wait for any.
//!
//! An entry is one word, `number << 16 | key`, so it needs no check of its own. Numbers count publications
//! from 1; the index of an entry is its number modulo the length of the journal. A reader that was overtaken
//! checks all keys instead, so nothing is missed. Numbers in entries wrap after 2^48 and are compared by
//! their difference.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// Bits of the key.
const KEY_BITS: u32 = 16;

/// What an entry means to a reader that expects a number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It has not been written yet.
    NotYet,
    /// The one expected: this key changed.
    Of(u32),
    /// A later one, by this much.
    Ahead(u64),
}

const fn entry(number: u64, key: u32) -> u64 {
    number << KEY_BITS | key as u64
}

/// What an entry means to a reader that expects `number`.
const fn read(word: u64, number: u64) -> Entry {
    let ahead = (word & !((1 << KEY_BITS) - 1)).wrapping_sub(number << KEY_BITS).cast_signed() >> KEY_BITS;
    match ahead {
        _ if word == 0 => Entry::NotYet,
        0 => Entry::Of((word & ((1 << KEY_BITS) - 1)) as u32),
        1.. => Entry::Ahead(ahead.cast_unsigned()),
        _ => Entry::NotYet,
    }
}

/// Reads the entry of a number.
#[inline]
pub(super) fn look<M: Memory>(memory: &M, number: u64) -> Entry {
    // [L3] Acquire ← `append`: the key's value is published before.
    let word = memory.entry(number & (memory.journal() - 1)).load(M::Platform::ordering(Edge::LatestNoticed));
    read(word, number)
}

/// Writes the entry of a number, after the publication that it records.
#[inline(always)]
pub(super) fn append<M: Memory>(memory: &M, number: u64, key: u32) {
    let index = number & (memory.journal() - 1);
    // [L3] Release → `look`: the value was published before.
    memory.entry(index).store(entry(number, key), M::Platform::ordering(Edge::LatestNoted));
    M::Platform::crash_point(Site::LatestNoted);
    // [L4] Release → a reader that joins: the values up to this number are published.
    memory.changes().store(number, M::Platform::ordering(Edge::LatestCounted));
}

/// A number such that a reader that checks all keys from now on sees every change up to it.
pub(super) fn joined<M: Memory>(memory: &M) -> u64 {
    // [L4] Acquire ← `append`: the values that those entries refer to are read after.
    memory.changes().load(M::Platform::ordering(Edge::LatestJoin))
}

/// For a writer that takes over: returns the number to continue from.
///
/// The last writer may have died between a publication and its entry. The key is unknown, so the successor
/// skips a whole journal and writes an entry there: a reader that waits for any key finds itself overtaken,
/// and checks all of them.
pub(super) fn take_over<M: Memory>(memory: &M) -> u64 {
    let mut number = memory.changes().load(Relaxed); // This end's predecessor wrote it.
    for _ in 0..memory.journal() {
        let next = number.wrapping_add(1);
        let word = memory.entry(next & (memory.journal() - 1)).load(Relaxed); // As above.
        number = match read(word, next) {
            Entry::NotYet => break,
            Entry::Of(_) => next,
            Entry::Ahead(by) => next.wrapping_add(by),
        };
    }
    // In the place of the next one, where a reader looks that has read all. The first writer succeeds none.
    let number = number.wrapping_add(memory.journal() + u64::from(number != 0));
    append(memory, number, 0);
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_compared_by_their_difference() {
        assert_eq!(read(0, 1), Entry::NotYet);
        assert_eq!(read(entry(5, 7), 5), Entry::Of(7));
        assert_eq!(read(entry(5, 0xffff), 5), Entry::Of(0xffff));
        assert_eq!(read(entry(5, 0xffff), 6), Entry::NotYet);
        assert_eq!(read(entry(1029, 7), 5), Entry::Ahead(1024));
        let wraps = (1 << 48) - 1;
        assert_eq!(read(entry(wraps + 1025, 7), wraps + 1), Entry::Ahead(1024));
        assert_eq!(read(entry(wraps, 7), wraps + 1), Entry::NotYet);
        assert_eq!(read(entry(wraps + 1, 7), wraps + 1), Entry::Of(7), "number 2^48 and key 7");
    }
}
