//! One producer, one consumer, frames of any length.
//!
//! The ring is a stretch of bytes. Positions are 64-bit counts of bytes that only grow; a position's index is
//! `position mod capacity`. A frame is a record: a header word and the payload, rounded up to 8 bytes. A record is never
//! split: when it does not fit before the end of the ring, a padding fills the rest and the record begins at index 0.
//! The header is the commit word, so a small frame moves one cache line from core to core and no other:
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
//! **Why the next header is cleared first.** Where a header will be, there are bytes of the lap before, and these were
//! chosen by whoever wrote the frames: a payload can hold what looks like the next header, stamp and all. So a stamp
//! alone does not do. The producer stores 0 there before it publishes the record in front of it, and keeps 8 bytes free
//! for that. The consumer writes no data but what is there already. The stamp is there beside this: with the clearing, a header that
//! is neither 0 nor the position's own is never written by the protocol, and is reported as corrupt.
//!
//! **Lines.** On processors where it pays the consumer of a stream writes to each line of a record, before it gives it back, a word that
//! is there already, and the producer of single frames likewise to those it will write next, as far as they are known to be free: see
//! `stream.rs` and `ahead.rs`. Neither changes anything that the other end can see.
//!
//! **One publication.** When a padding is needed, the record behind it is complete, its header included, before the
//! padding's header is stored. The consumer takes the two in one pop. So there is never a padding without a record
//! behind it, whoever dies and whatever is aborted: a claim that is dropped leaves nothing to be seen.
//!
//! **What a crash leaves.** A producer that dies before its header word is stored has pushed nothing, and the header at
//! its position is 0: its successor walks the headers from `consumed` to the first 0 and goes on there. A consumer that
//! dies before `consumed` is stored has popped nothing: its successor pops the same frame. There is nothing to repair.
//!
//! The commit word in front of a record and the clearing of the next one are those of Aeron's logs and Agrona's
//! one-to-one ring buffer (Thompson and Montgomery); that the padding is published last is ours.

#[allow(unsafe_code)]
mod consumer;
mod counters;
pub mod header;
#[allow(unsafe_code)]
mod mapped;
mod memory;
mod pace;
mod producer;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use consumer::{Consumer, Pop, View};
pub use counters::Counters;
pub use mapped::{Mapped, Private};
pub use memory::Memory;
pub use producer::{Claim, Producer, Refused};
pub use words::{FIELDS, Words};

pub use super::spsc::Corruption;
