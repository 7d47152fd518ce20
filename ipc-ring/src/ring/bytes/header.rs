//! The word that precedes each record.
//!
//! ```text
//!  63         62       61             32 31              0
//! +----------+--------+-----------------+-----------------+
//! | 1        | padding| stamp           | length          |
//! +----------+--------+-----------------+-----------------+
//! ```
//!
//! *Length* counts the bytes after the word: those of the frame, or of the padding. *Stamp* is the low 30
//! bits of the record's position in words of 8 bytes, so a header of an earlier lap, or one copied to another
//! place, is detected: the stamp repeats after 8 GiB, eight times the largest ring. The top bit makes every
//! header nonzero, including that of an empty frame; 0 means that no record has been published there yet.

/// Bytes of a header word, and the unit in which records are laid out.
pub const WORD: u64 = 8;
/// The most bytes a ring may have.
pub const MAX_CAPACITY: u64 = 1 << 30;

const COMMITTED: u64 = 1 << 63;
const PADDING: u64 = 1 << 62;
const STAMP_MASK: u64 = (1 << 30) - 1;
const STAMP_SHIFT: u32 = 32;

/// The contents of a header word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// A frame of this number of bytes.
    Frame(u64),
    /// This number of unused bytes, up to the end of the ring.
    Padding(u64),
}

/// The header word of a frame of `len` bytes at `position`.
#[inline(always)]
#[must_use]
pub const fn frame(position: u64, len: u64) -> u64 {
    tag(position) | len
}

/// The header word of a padding of `len` bytes that follows the word at `position`.
#[inline(always)]
#[must_use]
pub const fn padding(position: u64, len: u64) -> u64 {
    tag(position) | PADDING | len
}

/// The length of the frame if `word` is the header of one at `position`; otherwise a value larger than any
/// frame's length.
#[inline(always)]
#[must_use]
pub const fn frame_len(word: u64, position: u64) -> u64 {
    word ^ tag(position)
}

/// Decodes a nonzero `word` found at `position`. `None` when it is not a header of this position.
#[inline(always)]
#[must_use]
pub const fn decode(word: u64, position: u64) -> Option<Header> {
    let (upper, len) = (word >> STAMP_SHIFT, word & (u32::MAX as u64));
    let tag = tag(position) >> STAMP_SHIFT;
    if upper == tag {
        Some(Header::Frame(len))
    } else if upper == tag | (PADDING >> STAMP_SHIFT) {
        Some(Header::Padding(len))
    } else {
        None
    }
}

/// Bytes that a frame of `len` bytes takes in the ring, with its header.
#[inline(always)]
#[must_use]
pub const fn record(len: u64) -> u64 {
    (len + (2 * WORD - 1)) & !(WORD - 1)
}

/// The longest frame of a ring of `capacity` bytes.
///
/// With its header it takes half the ring, so it fits an empty ring wherever the next record begins: if it
/// does not fit before the end, the padding there is smaller than the record by at least one word, and
/// padding, record and the cleared header after them do not exceed the ring.
#[inline(always)]
#[must_use]
pub const fn longest(capacity: u64) -> u64 {
    capacity / 2 - WORD
}

const fn tag(position: u64) -> u64 {
    COMMITTED | (((position / WORD) & STAMP_MASK) << STAMP_SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_known_at_its_own_position_only() {
        for position in [0, 8, 4096, MAX_CAPACITY - 8, 1 << 63, u64::MAX - 7] {
            for len in [0, 1, 7, 8, longest(MAX_CAPACITY)] {
                let (frame, padding) = (frame(position, len), padding(position, len));
                assert_eq!(frame_len(frame, position), len);
                assert!([0, padding].iter().all(|word| frame_len(*word, position) > u64::from(u32::MAX)));
                assert_ne!(frame, 0);
                assert_eq!(decode(frame, position), Some(Header::Frame(len)));
                assert_eq!(decode(padding, position), Some(Header::Padding(len)));
                for away in [8, 64, 4096, MAX_CAPACITY, 7 * MAX_CAPACITY] {
                    assert_eq!(decode(frame, position.wrapping_add(away)), None, "{position:#x} {away:#x}");
                    assert!(frame_len(frame, position.wrapping_add(away)) > u64::from(u32::MAX));
                    assert_eq!(decode(padding, position.wrapping_sub(away)), None, "{position:#x} {away:#x}");
                }
            }
        }
        assert_eq!(decode(1, 0), None);
        assert_eq!(decode(u64::MAX, 0), None);
    }

    #[test]
    fn the_longest_frame_fits_an_empty_ring_wherever_it_begins() {
        for capacity in [16, 32, 64, 128] {
            for len in 0..=longest(capacity) {
                for index in (0..capacity).step_by(8) {
                    let left = capacity - index;
                    let padding = if record(len) > left { left } else { 0 };
                    assert!(padding + record(len) + WORD <= capacity, "{len} at {index} of {capacity}");
                }
            }
        }
    }

    /// What is decoded was encoded: from a header with any one or two bits flipped, and from words with any
    /// upper half of a small stamp, nothing is read but a header that says exactly this.
    #[test]
    fn nothing_but_a_header_is_decoded() {
        let mut decoded = 0;
        let mut check = |word: u64, position: u64| {
            match decode(word, position) {
                Some(Header::Frame(len)) => assert_eq!(frame(position, len), word),
                Some(Header::Padding(len)) => assert_eq!(padding(position, len), word),
                None => {
                    let len = word & u64::from(u32::MAX);
                    assert!(word != frame(position, len) && word != padding(position, len));
                }
            }
            let is_frame = matches!(decode(word, position), Some(Header::Frame(_)));
            assert_eq!(frame_len(word, position) <= u64::from(u32::MAX), is_frame);
            decoded += u32::from(decode(word, position).is_some());
        };
        for position in [0, 8, MAX_CAPACITY - 8, 8 << 30, 1 << 63, u64::MAX - 7] {
            for word in [0, frame(position, 0), padding(position, 8), frame(position, longest(MAX_CAPACITY))]
            {
                for (one, two) in (0..64).flat_map(|one| (0..64).map(move |two| (one, two))) {
                    check(word ^ 1 << one, position);
                    check(word ^ 1 << one ^ 1 << two, position);
                }
            }
            for upper in (0..1 << 12).map(|bits: u64| (bits & 0xff | (bits >> 8) << 28) << STAMP_SHIFT) {
                check(upper, position);
                check(upper | u64::from(u32::MAX), position);
            }
        }
        assert!(decoded > 1000, "{decoded}");
    }

    /// The sizes of records, for each length that a ring may hold near the borders of words and ranges.
    #[test]
    fn a_record_is_the_least_that_holds_its_frame() {
        for len in (0..4096).chain(longest(MAX_CAPACITY) - 64..=longest(MAX_CAPACITY)) {
            let record = record(len);
            assert!(record.is_multiple_of(WORD) && record >= len + WORD && record < len + 2 * WORD, "{len}");
        }
    }
}
