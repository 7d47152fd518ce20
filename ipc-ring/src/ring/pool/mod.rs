//! Blocks of memory for large payloads, lent by one process and read in place by others, any of which may die at any
//! instruction.
//!
//! # The word of a block
//!
//! Each block has one 64-bit word, the *tag*. It says everything about the block, so each step is one access to it, and a death
//! at any instruction leaves a word that names who is responsible:
//!
//! ```text
//!   63                    40 39    35 34   32 31                            0
//!  +------------------------+--------+-------+-------------------------------+
//!  | generation             | deaths | state | holders                       |
//!  +------------------------+--------+-------+-------------------------------+
//! ```
//!
//! - **generation**: raised when the block becomes free. A handle carries it, and is worth nothing for another generation. The tag has
//!   room for 24 bits of it; a word beside it has all 32 as of when the block was lent or sent last, and whoever has the block for
//!   itself counts that word on. So does nobody else, and a death before it is counted on changes nothing: the next one counts further.
//! - **holders**: a bit for each of 32 members. A member has a *seat*, whose record names its process.
//! - **deaths**: how many holders died since the block was last free, modulo 32; see [Deaths](#deaths).
//! - **state**: below. Zeroed memory is a fresh pool: every block `FREE`, generation 0.
//!
//! | state | holders | the block … | becomes so by |
//! |---|---|---|---|
//! | `FREE` | - | waits to be lent | store by its only holder; CAS by the last of several, or by a recoverer |
//! | `LOANED` | one | is being written | CAS by who is lent it; store by its holder |
//! | `OFFERED` | one | is being sent: its handle may be in the channel already | store by the sender |
//! | `SENT` | none | is in a channel: the *route*, two words beside the tag, says which | CAS by the sender, after the push |
//! | `TAKEN` | one | was received, by one and for good | CAS by the receiver |
//! | `SHARED` | 1 to 32 | is read by all of them | store by who shares it; CAS by who joins or leaves, or by the publisher |
//! | `PUBLISHED` | 0 to 32 | as `SHARED`, and in a channel (the route says which) for whoever comes | CAS by the publisher, after the push; CAS by who joins or leaves |
//!
//! ```text
//!            CAS              store              CAS            CAS               store
//!  FREE(g) -------> LOANED(g) -----> OFFERED(g) -----> SENT(g) -----> TAKEN(g,r) -------> FREE(g+1)
//!                     |    ^             |  '-------------CAS------------^   |
//!                     |    '---CAS-------'  (the receiver was quicker)       | store
//!                     |     push failed: g+1                                 v
//!                     |                                                  LOANED(g+1,r): written in place and sent on
//!                     | store               CAS
//!                     '------> SHARED(g,s) <-----> SHARED(g,s+r…) ----CAS, the last----> FREE(g+1)
//!                                  | CAS, after the push        ^                            ^
//!                                  v                            | CAS by the publisher,      | the same,
//!                              PUBLISHED(g,…) <-> PUBLISHED(g,r…)-'-----which withdraws it----' nobody reads
//! ```
//!
//! # Sending to one, and sharing
//!
//! *To one*: offer, push the handle, mark as sent. Until the mark the block is the sender's: if it dies, the block is
//! freed, and a handle that was pushed already is out of date, as if the message had never been sent; its `send` had not
//! returned. After the mark the sender may die or leave: the block belongs to the channel, and is its message's as long as
//! the channel's memory exists. When that is gone, nobody can receive the handle any more, and the block is freed.
//! A receiver takes the block for good: a handle that comes a second time is refused.
//!
//! *Shared*: the sender keeps the block and lets others join as long as it, or anybody, holds it. So it decides for how
//! long late receivers still find it; whoever comes too late is told.
//!
//! *Published*: as shared, but what keeps the block is the channel in place of the sender. The publisher shares the block,
//! pushes the handle into a [broadcast ring](super::broadcast::payloads), then exchanges its own bit for the state `PUBLISHED`;
//! and before it overwrites the slot, which it has given up, it withdraws the block: the state becomes `SHARED`, or `FREE` if
//! there is no reader. So the payload outlives its publisher, a successor withdraws what the ring's slots name, and what is
//! left when the channel's memory is gone is withdrawn by whoever looks for lost blocks.
//!
//! A receiver takes the block before the channel's slot is given back. If it dies in between, the block has its name on it,
//! and is freed: a payload dies with the one who took it. The handle comes once more out of the channel, and is out of date.
//!
//! # Readers within a process
//!
//! A member is one bit, however many of its threads read a shared block. How many do is counted in the process's own memory;
//! the first sets the bit, the last one clears it. A thread that finds the bit set and the count 0 has met another thread
//! between the two, and looks again. Nothing of this is in shared memory, where a death would leave a wrong count.
//!
//! The same word says whether the process may write the block, and a loan or a view comes to be only if it agrees with the tag.
//! So whatever is written to shared memory, two parts of one process never have the same bytes, one of them to write.
//!
//! # Which block is lent
//!
//! Each process has a hand for each class that goes round the blocks which were ever lent, four at least, and takes the
//! first that is free. A block that was never lent is touched only when all others are in use: memory that is not needed
//! is never used, and the number of blocks touched tells how many are needed. There is no shared list of free blocks.
//!
//! # Deaths
//!
//! The domain answers whether an identity is alive, and promises that a dead one stores nothing more.
//!
//! | died | it leaves | repair |
//! |---|---|---|
//! | before it was lent the block | nothing | - |
//! | while it wrote, or pushed the handle | `LOANED`, `OFFERED` with its bit | → `FREE` |
//! | after the mark | `SENT`, `PUBLISHED` | none: the channel has it |
//! | while it read, or before the channel's slot was given back | `TAKEN`, or its bit in `SHARED` or `PUBLISHED` | → `FREE`, or the bit is cleared |
//! | after it let the block go | `FREE` | none |
//! | recoverer, between any two steps | some blocks repaired | another one runs the same procedure |
//! | all ends of a channel | `SENT`, `PUBLISHED` with the route of a channel whose memory is gone | → `FREE`, or `SHARED` by those who read it |
//! | a publisher, before it withdrew a block | `PUBLISHED` | its successor withdraws what the slots name |
//! | anyone with a seat | the identity in the table | the sweep, then the seat is free |
//!
//! For each block: read the tag; **then** check that the seat still belongs to the dead identity; then CAS from the tag that was
//! read; when it fails, from the start. In this order a recoverer that was stopped half-way cannot take a block from the
//! seat's next holder: its old tag does not come back. In all states but `SHARED` and `PUBLISHED` that is because the generation
//! has moved on; in those because a dead holder's bit is cleared only together with a raised number of deaths.
//!
//! **Numbers wrap.** A handle that is 2^32 generations old, to the very one, is taken for a new one; so is one that is 2^24 old by a receiver
//! that is stopped inside its call meanwhile, which finds out and gives the block back. And a recoverer that is stopped between check and CAS while exactly 32 members in the same seat die in one and the same share of a block, and a
//! 33rd joins it with the same others, clears a bit of the living. Neither is guarded against.
//!
//! The orderings carry labels (`P1` to `P6`) that stand in [`edge`](crate::edge) and in `docs/orderings.md`.

mod census;
mod handle;
mod layout;
#[allow(unsafe_code)]
mod mapped;
mod member;
#[allow(unsafe_code)]
mod memory;
mod publishing;
pub mod recovery;
mod seat;
mod tag;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use census::{ClassStats, class_stats};
pub use handle::{Handle, Route};
pub use layout::{MAX_BLOCK, MAX_BLOCKS, MIN_BLOCK, Shape};
pub use mapped::{Mapped, Private};
pub use member::{Loaned, Member, Offered, Reading, Refused};
pub use memory::{Counter, Memory};
pub use seat::{Seat, TableFull};
pub use tag::{MAX_MEMBERS, State, Tag};
pub use words::Class;
pub use words::{
    BLOCK_FIELDS, Blocks, CLASS_FIELDS, Classes, FIELDS, MAX_CLASSES, SEAT_FIELDS, Seats, Sizes, Tables,
};
pub(crate) use words::{
    BLOCKS, C_COUNT, C_FIRST, C_OFFSET, C_SIZE, CLASS_SIZE, CLASSES, S_PID, SEAT_SIZE, SEATS,
};
