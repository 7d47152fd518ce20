//! One producer, one consumer, frames of any length.
//!
//! The ring is an array of bytes. Positions are 64-bit counts of bytes that only grow; a position's index is
//! `position mod capacity`. A frame is a record: a header word and the payload, rounded up to 8 bytes. A
//! record is never split: when it does not fit before the end of the ring, a padding fills the rest and the
//! record begins at index 0. The header is the commit word, so a small frame moves only one cache line from
//! core to core:
//!
//! ```text
//!   producer, position w                              consumer, position r
//!   ------------------------------------------------  ------------------------------------------------
//!   record + 8 <= capacity - (w - head),               header(r) != 0 ?                    [B1] Acquire
//!     else look at head, consumed                      is it one of r, does the frame lie inside?
//!   write payload                                      read payload
//!   header(w + record) = 0                             consumed = r + record               [B3] Release
//!   header(w) = length, stamp           [B1] Release   every quarter ring, or before it waits:
//!   head (only when full)               [B2] Acquire   head = r + record                   [B2] Release
//! ```
//!
//! **Why the next header is cleared first.** The place of the next header holds bytes of the previous lap,
//! and the application chose those: a payload can look like the next header, including the stamp. So a stamp
//! alone is not enough. The producer stores 0 there before it publishes the preceding record, and keeps 8
//! bytes free for that. The consumer stores only values that are already there. The stamp is an additional
//! check: with the clearing, the protocol never writes a header that is neither 0 nor that of its position,
//! so any other value is reported as corruption.
//!
//! **Lines.** On processors where it pays, the consumer of a stream stores to each line of a record, before
//! it releases the record, a word that the line already holds; the producer of single frames does the same to
//! the lines that it will write next, as far as they are known to be free: see `stream.rs` and `ahead.rs`.
//! Neither changes anything that the other end can see.
//!
//! **One publication.** When a padding is needed, the record after it is complete, including its header,
//! before the padding's header is stored. The consumer pops both in one step. So a padding is always followed
//! by a record, whichever process dies and whatever is aborted: a dropped claim leaves nothing visible.
//!
//! **What a crash leaves.** A producer that dies before its header word is stored has pushed nothing, and the
//! header at its position is 0: its successor walks the headers from `consumed` to the first 0 and continues
//! there. A consumer that dies before `consumed` is stored has popped nothing: its successor pops the same
//! frame. There is nothing to repair.
//!
//! The commit word in front of a record and the clearing of the next one are those of Aeron's logs and
//! Agrona's one-to-one ring buffer (Thompson and Montgomery); publishing the padding last is our addition.

#[allow(unsafe_code)]
mod consumer;
mod counters;
pub mod header;
#[allow(unsafe_code)]
mod mapped;
mod memory;
mod producer;
#[allow(unsafe_code)]
mod tap;
mod traffic;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use consumer::{Consumer, Pop, View};
pub use counters::Counters;
pub use mapped::{Mapped, Private};
pub use memory::Memory;
pub use producer::{Claim, Producer, Refused};
pub use tap::{Tap, Tapped};
pub use words::{FIELDS, Words};

pub use super::spsc::Corruption;
