//! One producer, one consumer, fixed-size elements.
//!
//! Positions are 64-bit counters that only grow; a position's slot is `position mod capacity`. Each slot is a
//! sequence word followed by the payload, so that a small message moves only one cache line from core to
//! core:
//!
//! ```text
//!   producer, position w                              consumer, position r
//!   ------------------------------------------------  ------------------------------------------------
//!   w - head < capacity, else look at head, consumed   slot(r).sequence == r + 1 ?      [S1] Acquire
//!   write slot(w).payload                              read slot(r).payload
//!   slot(w).sequence = w + 1             [S1] Release  consumed = r + 1                 [S3] Release
//!                                                      every quarter ring, or before it waits:
//!   head (only when full)                [S2] Acquire  head = r + 1                     [S2] Release
//! ```
//!
//! The consumer changes nothing in a slot. Its progress goes to two words on lines of their own: `consumed`
//! after each pop, which is not read in normal operation and so stays in the consumer's cache; and `head`
//! once every quarter ring, which the producer reads when its private copy says that the ring is full.
//! `consumed` makes the position of a dead consumer exact; the sequence words make that of a dead producer
//! exact.
//!
//! In a stream the consumer stores to each line that it has read a word that the line already holds, before
//! it releases the line's last slot (S2, S3): that [makes the line its
//! own](crate::ring::spsc::Memory::acquire_read), and the producer's next stores take over such a line faster
//! than one that both cores hold. The consumer also checks only the last of the sequence words that lie in
//! one line: when that element is ready, so are those before it.
//!
//! **What a crash leaves.** A producer that dies before the sequence word is stored has pushed nothing: its
//! successor writes the same slot again. A consumer that dies before `consumed` is stored has popped nothing:
//! its successor pops the same message. After those stores the operation has taken place. There is nothing to
//! repair in either case.
//!
//! The shape is FastForward's idea (Giacomoni, Moseley, Vachharajani, PPoPP 2008: the slot says whether it is
//! full) with a sequence number in place of the empty marker, so that the line travels one way only.

#[allow(unsafe_code)]
mod consumer;
mod counters;
#[allow(unsafe_code)]
mod mapped;
mod memory;
mod producer;
mod raw;
mod tap;
mod traffic;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use consumer::{Consumer, Pop, View};
pub use counters::Counters;
pub use mapped::{Mapped, Private};
pub use memory::Memory;
pub use producer::{Claim, Producer, Push};
pub use raw::RawMapped;
pub use tap::{Tap, Tapped};
pub(crate) use words::{
    CONSUMER_FENCES, CONSUMER_RECORD, CONSUMER_SIGNAL, CONSUMER_WAKES, PRODUCER_FENCES, PRODUCER_RECORD,
    PRODUCER_SIGNAL, PRODUCER_WAKES, SLOTS_OFFSET,
};
pub use words::{FIELDS, Words};

/// A word of shared memory held a value that the protocol never puts there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// Which word.
    pub word: &'static str,
    /// The position this end was at.
    pub position: u64,
    /// What the word held.
    pub found: u64,
}

impl Corruption {
    /// The other end has found the ring corrupt and reported it in its signal word.
    pub(crate) const fn told(position: u64, bits: u32) -> Self {
        Self { word: "other end's signal", position, found: bits as u64 }
    }
}

impl core::fmt::Display for Corruption {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the {} held {:#x} at position {}", self.word, self.found, self.position)
    }
}
