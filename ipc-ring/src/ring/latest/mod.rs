//! One writer, any number of readers, and only the newest value counts; of one thing, or of many under keys.
//!
//! Each key has a few slots, and the writer goes round them. A slot is a word and behind it the time and the value, so that a
//! small value moves one cache line:
//!
//! ```text
//!   writer, sequence n                               reader, that read sequence s last
//!   -----------------------------------------------  -----------------------------------------------
//!   slot(n).word = busy(n)                            slot(s+1).word == ready(s+1) ?      [L1] Acquire
//!   fence                            [L2] Release     …and so on, to the last one that is: n
//!   write slot(n)                                     copy slot(n)
//!   slot(n).word = ready(n)          [L1] Release     fence                               [L2] Acquire
//!   journal(c) = c, key              [L3] Release     slot(n).word == ready(n) ?  otherwise anew
//!   changes = c                      [L4] Release
//! ```
//!
//! This is a seqlock with several slots (Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012).
//! Readers write nothing, so they neither hold up the writer nor each other. A reader has to begin anew only when the
//! writer came round to its slot while it copied, which takes as many publications as there are slots. Nobody keeps a word
//! that says which value is the newest: a reader that follows finds it behind the last one it read, in a line that is in its
//! cache until the writer writes there; one that comes anew or was overtaken looks at the words of all slots.
//!
//! **The journal** is there when there are several keys. It says which key changed, for readers that wait for any. A reader
//! that was overtaken in it looks through all keys.
//!
//! **What a crash leaves.** A writer that dies while it writes leaves one slot busy, and the values before it in the others.
//! Its successor writes that slot again. One that dies before the journal's entry leaves a change that the journal does not
//! tell of: its successor makes everybody look through all keys. A reader leaves nothing.

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

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The table has fewer keys.
    NoSuchKey,
    /// The writer came round to the slot each time while the value was copied. Try again.
    Contended,
    /// A word makes no sense.
    Corrupt(Corruption),
}
