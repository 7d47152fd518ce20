//! Blocks of memory for large payloads, lent by one process and read in place by others, any of which may die
//! at any instruction.
//!
//! # The word of a block
//!
//! Each block has one 64-bit word, the *tag*, which holds the block's whole state. So each step is one access
//! to it, and a death at any instruction leaves a word that names the responsible process:
//!
//! ```text
//!   63                    40 39    35 34   32 31                            0
//!  +------------------------+--------+-------+-------------------------------+
//!  | generation             | deaths | state | holders                       |
//!  +------------------------+--------+-------+-------------------------------+
//! ```
//!
//! - **generation**: incremented when the block becomes free. A handle carries it, and is invalid for any
//!   other generation. The tag has room for 24 bits of it. A separate word holds all 32, as of when the block
//!   was last lent or sent. It is updated only by the member that holds the block exclusively; a death before
//!   the update is harmless, since the next update catches up.
//! - **holders**: a bit for each of 32 members. A member has a *seat*, whose record names its process.
//! - **deaths**: the number of holders that died since the block was last free, modulo 32; see
//!   [Deaths](#deaths).
//! - **state**: below. Zeroed memory is a fresh pool: every block `FREE`, generation 0.
//!
//! | state | holders | the block … | entered by |
//! |---|---|---|---|
//! | `FREE` | - | waits to be lent | store by its only holder; CAS by the last of several, or by a recoverer |
//! | `LOANED` | one | is being written | CAS by the borrower; store by its holder |
//! | `OFFERED` | one | is being sent: its handle may be in the channel already | store by the sender |
//! | `SENT` | none | is in a channel, named by the *route*, two words next to the tag | CAS by the sender, after the push |
//! | `TAKEN` | one | was received exclusively | CAS by the receiver |
//! | `SHARED` | 1 to 32 | is read by all of them | store by the sharer; CAS by a member that joins or leaves, or by the publisher |
//! | `PUBLISHED` | 0 to 32 | as `SHARED`, and in a channel (named by the route) for any reader | CAS by the publisher, after the push; CAS by a member that joins or leaves |
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
//!                              PUBLISHED(g,…) <-> PUBLISHED(g,r…)-'-----which withdraws it----' no readers
//! ```
//!
//! # Sending to one, and sharing
//!
//! *To one*: offer, push the handle, mark as sent. Until the mark the block belongs to the sender. If the
//! sender dies, the block is freed and a handle that was already pushed becomes stale, as if the message had
//! never been sent; `send` had not returned. After the mark the sender may die or leave: the block belongs to
//! the message for as long as the channel's memory exists. When that memory is gone, no process can receive
//! the handle any more, and the block is freed. A receiver takes the block exclusively: a handle that is
//! received a second time is refused.
//!
//! *Shared*: the sender keeps the block, and others may join as long as the sender, or any other member,
//! holds it. So the sender decides for how long late receivers still find it; a receiver that is too late
//! gets an error.
//!
//! *Published*: as shared, but the channel holds the block instead of the sender. The publisher shares the
//! block, pushes the handle into a [broadcast ring](super::broadcast::payloads), then exchanges its own bit
//! for the state `PUBLISHED`. Before it overwrites the slot, which it has given up, it withdraws the block:
//! the state becomes `SHARED`, or `FREE` if there is no reader. So the payload outlives its publisher, and a
//! successor withdraws the blocks that the ring's slots name. Blocks left when the channel's memory is gone
//! are withdrawn by any process that looks for lost blocks.
//!
//! A receiver takes the block before it frees the channel's slot. If it dies in between, its bit is in the
//! block's tag, and the block is freed: a payload dies with its receiver. The handle is received once more,
//! and is stale.
//!
//! # Readers within a process
//!
//! A member is one bit, whatever number of its threads read a shared block. Those threads are counted in the
//! process's own memory: the first sets the bit, the last one clears it. A thread that finds the bit set and
//! the count 0 has met another thread between the two steps, and retries. None of this is in shared memory,
//! where a death would leave a wrong count.
//!
//! The same word says whether the process may write the block, and a loan or a view is granted only if it
//! agrees with the tag. So whatever is written to shared memory, two parts of one process never hold the same
//! bytes with one of them writing.
//!
//! # Which block is lent
//!
//! Each process has a hand for each class that goes round the blocks that were ever lent, at least four, and
//! takes the first free one. A block that was never lent is touched only when all others are in use: unneeded
//! memory is never used, and the number of blocks touched shows the number needed. There is no shared list of
//! free blocks.
//!
//! A lender that finds no free block may [wait](crate::end::pool) for one. Each class has a mask of those
//! that sleep; a member that gives a block back loads it.
//!
//! # Deaths
//!
//! The domain answers whether an identity is alive, and guarantees that a dead one stores nothing more.
//!
//! | died | it leaves | repair |
//! |---|---|---|
//! | before the block was lent to it | nothing | - |
//! | while it wrote, or pushed the handle | `LOANED`, `OFFERED` with its bit | → `FREE` |
//! | after the mark | `SENT`, `PUBLISHED` | none: the channel holds it |
//! | while it read, or before the channel's slot was freed | `TAKEN`, or its bit in `SHARED` or `PUBLISHED` | → `FREE`, or the bit is cleared |
//! | after it released the block | `FREE` | none |
//! | recoverer, between any two steps | some blocks repaired | another one runs the same procedure |
//! | all ends of a channel | `SENT`, `PUBLISHED` with the route of a channel whose memory is gone | → `FREE`, or `SHARED` by its readers |
//! | a publisher, before it withdrew a block | `PUBLISHED` | its successor withdraws what the slots name |
//! | any member | its identity in the table | the sweep, then the seat is free |
//!
//! For each block: read the tag; **then** check that the seat still belongs to the dead identity; then CAS
//! from the tag that was read; if it fails, start over. This order ensures that a recoverer that was stopped
//! half-way cannot take a block from the seat's next holder: its old tag never recurs. In all states but
//! `SHARED` and `PUBLISHED` that is because the generation has moved on; in those because a dead holder's bit
//! is cleared only together with an increment of the number of deaths.
//!
//! **Numbers wrap.** A handle that is exactly 2^32 generations old is taken for a new one. So is one that is
//! 2^24 old, by a receiver that is stopped inside its call meanwhile; that receiver detects it and gives the
//! block back. And suppose that a recoverer is stopped between check and CAS while exactly 32 members in the
//! same seat die in the same share of a block, and a 33rd joins it with the same other members: then the
//! recoverer clears the bit of a live member. Neither is guarded against.
//!
//! The orderings carry labels (`P1` to `P7`) that are explained in [`edge`](crate::edge) and in
//! `docs/orderings.md`.

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
mod refused;
mod seat;
mod tag;
mod tap;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use census::{ClassStats, class_stats};
pub use handle::{Handle, Route};
pub use layout::{MAX_BLOCK, MAX_BLOCKS, MIN_BLOCK, Shape};
pub use mapped::{Mapped, Private};
pub use member::{Loaned, Member, Offered, Reading};
pub use memory::{Counter, Memory};
pub use refused::Refused;
pub use seat::{Seat, TableFull};
pub use tag::{MAX_MEMBERS, State, Tag};
pub use tap::{Unread, read_along};
pub use words::Class;
pub use words::{
    BLOCK_FIELDS, Blocks, CLASS_FIELDS, Classes, FIELDS, MAX_CLASSES, MAX_LENDERS, SEAT_FIELDS, Seats, Sizes,
    Tables, sleepers_of,
};
pub(crate) use words::{
    BLOCKS, C_COUNT, C_FIRST, C_OFFSET, C_SIZE, CLASS_SIZE, CLASSES, LENDERS, S_PID, SEAT_SIZE, SEATS,
};
