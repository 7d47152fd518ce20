//! One publisher, any number of subscribers; frames of any length.
//!
//! The ring is an array of bytes, laid out as that of [`bytes`](crate::ring::bytes): a record is a header
//! word and the bytes it counts, rounded up to 8 bytes. It is never split; a record that does not fit before
//! the end of the ring is preceded by a padding. The header is the commit word, and the word after a record
//! is cleared before the record is published. So no bytes left by an earlier lap, whose content the author of
//! the frames chose, can be taken for a header. A record holds the frame's sequence number in front of its
//! bytes:
//!
//! ```text
//!  0        8          16                16 + length, rounded up to 8
//! +--------+----------+---------------- +--------+
//! | header | sequence | the frame       | 0      |
//! +--------+----------+---------------- +--------+
//! ```
//!
//! Floor, seats, cursors and joining are those of the ring of slots; positions count bytes. So \[D1\] and
//! \[D2\] are the same edges: a subscriber reads the header, the number and the bytes, and then checks that
//! the floor is still not above the record. Here that check is needed for an empty ring too: where a record
//! will be, or was, there may be arbitrary bytes.
//!
//! **Missed frames.** Each record carries its number, so the difference of two numbers is exactly the number
//! of frames between them.
//!
//! **Landmarks.** A subscriber that joins, or was overrun, needs a position where a record begins. The
//! publisher stores the first record of each sixteenth of the ring, and the last record. These are hints:
//! either the position holds a record's header with the stamp of its position, intact if the floor is not
//! above it, or the hint is out of date and not used. If there is none, a subscriber starts at the tail,
//! whose number is known: `find`.

mod find;
#[allow(unsafe_code)]
mod mapped;
mod memory;
mod publisher;
mod start;
#[allow(unsafe_code)]
mod subscriber;

pub use mapped::{InRecords, Mapped};
pub use memory::Memory;
pub use publisher::{Claim, Publisher, Refused};
pub use start::{NoSuchPosition, Start, Unjoined};
pub use subscriber::{Pop, Subscriber, View};

use super::Corruption;
use crate::ring::bytes::header::{self, Header};

/// Bytes of a frame's sequence number, which follows the header.
pub(crate) const NUMBER: u64 = 8;
/// Landmarks of a ring.
pub const LANDMARKS: u64 = 16;

/// Bytes that a frame of `len` bytes takes in the ring, with its header and its number.
#[inline(always)]
const fn record(len: u64) -> u64 {
    header::record(NUMBER + len)
}

/// The longest frame of a ring of `capacity` bytes: its record takes half the ring.
#[must_use]
pub const fn longest(capacity: u64) -> u64 {
    header::longest(capacity) - NUMBER
}

/// What is at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Nothing yet.
    Nothing,
    /// A frame.
    Frame {
        /// Where its header is: here, or after a padding.
        position: u64,
        /// Its bytes.
        len: u64,
        /// Its number.
        sequence: u64,
    },
    /// Not a valid header for this position.
    Nonsense(Corruption),
}

impl Found {
    /// Where the next record begins.
    const fn end(position: u64, len: u64) -> u64 {
        position.wrapping_add(record(len))
    }
}

/// Reads what is at a position. Valid only if the floor is not above the position afterwards.
#[inline(always)]
fn look<M: Memory>(memory: &M, position: u64) -> Found {
    use crate::edge::Edge;
    use crate::platform::{Platform as _, Word as _};
    use core::sync::atomic::Ordering::Relaxed;

    let capacity = memory.capacity();
    let load = |position: u64| {
        // [D1] Acquire ← the publisher's Release: number and bytes were written before.
        memory.word(position & (capacity - 1)).load(M::Platform::ordering(Edge::BroadcastObserve))
    };
    let word = load(position);
    if word == 0 {
        return Found::Nothing;
    }
    let nonsense = |position, found| Found::Nonsense(Corruption { word: "frame header", position, found });
    let left = capacity - (position & (capacity - 1));
    let (position, len, left, word) = match header::decode(word, position) {
        Some(Header::Frame(len)) => (position, len, left, word),
        Some(Header::Padding(len)) => {
            if len + header::WORD != left || left > capacity / 2 {
                return nonsense(position, word);
            }
            let behind = position.wrapping_add(left);
            let word = load(behind);
            match header::decode(word, behind) {
                Some(Header::Frame(len)) => (behind, len, capacity, word),
                _ => return nonsense(behind, word),
            }
        }
        None => return nonsense(position, word),
    };
    if len < NUMBER || len > header::longest(capacity) || header::record(len) > left {
        return nonsense(position, word);
    }
    let number = memory.word(position.wrapping_add(header::WORD) & (capacity - 1));
    Found::Frame { position, len: len - NUMBER, sequence: number.load(Relaxed) } // [D1] Ordered by the header.
}
