//! One writer, any number of readers, and only the newest value counts; of one item, or of many under keys.
//!
//! Each key has a few slots, which the writer uses in turn. A slot is a word followed by the time and the
//! value, so that a small value moves one cache line:
//!
//! ```text
//!   writer, sequence n                               reader, that read sequence s last
//!   -----------------------------------------------  -----------------------------------------------
//!   slot(n).word = busy(n)                            slot(s+1).word == ready(s+1) ?      [L1] Acquire
//!   fence                            [L2] Release     …and so on, to the last one that is: n
//!   write slot(n)                                     copy slot(n)
//!   slot(n).word = ready(n)          [L1] Release     fence                               [L2] Acquire
//!   journal(c) = c, key              [L3] Release     slot(n).word == ready(n) ?  otherwise retry
//!   changes = c                      [L4] Release
//! ```
//!
//! This is a seqlock with several slots (Boehm, "Can seqlocks get along with programming language memory
//! models?", MSPC 2012). Readers write nothing, so they hold up neither the writer nor each other. A reader
//! must retry only if the writer returned to its slot while it copied, which takes as many publications as
//! there are slots. No word says which value is the newest: a reader that keeps up finds it after the last
//! one it read, in a line that is in its cache until the writer writes there; a reader that is new or was
//! overtaken checks the words of all slots.
//!
//! **The journal** exists if there are several keys. It records which key changed, for readers that wait for
//! any. A reader that was overtaken in it checks all keys.
//!
//! **What a crash leaves.** A writer that dies while it writes leaves one slot busy, and the values before it
//! in the others. Its successor writes that slot again. A writer that dies before the journal's entry leaves
//! a change that is not in the journal: its successor makes all readers check all keys. A reader leaves
//! nothing.

mod journal;
#[allow(unsafe_code)]
mod mapped;
#[allow(unsafe_code)]
mod memory;
#[allow(unsafe_code)]
mod reader;
mod word;
#[allow(unsafe_code)]
pub(crate) mod words;
mod writer;

pub use super::spsc::Corruption;
pub(crate) use mapped::geometry_of;
pub use mapped::{Mapped, MappedOf, Private};
pub use memory::Memory;
pub use reader::{Reader, Value};
pub(crate) use words::{
    ANY_SLEEPERS, CELLS_OFFSET, ENDPOINTS, KEY_SLEEPERS, MASKS, READERS, SEAT_SIZE, SEATS, STATE,
};
pub use words::{FIELDS, MAX_KEYS, Words};
pub use writer::Writer;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The table has fewer keys.
    NoSuchKey,
    /// Each time, the writer returned to the slot while the value was copied. Try again.
    Contended,
    /// A word is invalid.
    Corrupt(Corruption),
}
