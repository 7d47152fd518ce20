//! One publisher, any number of subscribers, each of which sees every message; fixed-size elements.
//!
//! Positions are 64-bit counters that only grow; a position's slot is `position mod capacity`. A slot is the
//! payload followed by a sequence word, as in the one-to-one ring, so a small message moves one cache line to
//! each subscriber:
//!
//! ```text
//!   publisher, position w                             subscriber, position c
//!   ------------------------------------------------  ------------------------------------------------
//!   w - floor < capacity, else raise the floor          slot(c).sequence == c + 1 ?         [D1] Acquire
//!   write slot(w).payload                               read slot(c).payload
//!   slot(w).sequence = w + 1             [D1] Release   fence                               [D2] Acquire
//!   tail = w + 1                                        floor <= c ?   else what was read is void
//!                                                       cursor = c + 1                      [D3] Release
//!   to raise the floor:
//!     lossy: by an eighth of the ring
//!     gated: to the least cursor         [D3] Acquire
//!     floor = …, fence                   [D2] Release
//! ```
//!
//! **The floor** is the lowest position that is intact. A slot is overwritten only after its position was
//! given up by raising the floor. So a subscriber that finds its position at or above the floor *after* it
//! has copied the payload knows that the payload was not overwritten meanwhile. That is a sequence lock
//! (Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012) in which one word
//! stands for many slots and changes once in an eighth of a lap. The word is in every subscriber's cache and
//! costs nothing to read; the publisher touches no lines but the message's and its own. A payload is copied
//! by relaxed atomic words, so discarding an invalid copy is well-defined.
//!
//! **Lossy** rings: the publisher never waits. It raises the floor by an eighth of the ring when it reaches
//! the end of what it may write. A subscriber below the floor has been overrun: it gets the exact number of
//! messages it missed, as positions count messages, and continues at the floor or at the newest message, as
//! it chose.
//!
//! **Gated** rings: each subscriber has a seat with a *cursor*, its position. The publisher raises the floor
//! to the least cursor, and reads the cursors only when its private state says that the ring is full: once a
//! lap while subscribers keep up. So publishing costs the same whatever their number.
//!
//! **Joining a gated ring** ([`seat::enter`]) is a race with a publisher that raises the floor. The publisher
//! stores in `rising` how far it might raise it, before it reads the cursors; the subscriber sets its
//! cursor, then reads `rising`; on either side a [barrier](crate::platform::Barrier) separates the two.
//! Either the publisher sees the cursor, or the subscriber sees that its position may be given up, and takes
//! a higher one. From then on it misses nothing.
//!
//! **What a crash leaves.** A publisher that dies before the sequence word is stored has published nothing:
//! its successor finds the position by `tail` and the word there, and writes the slot again; no subscriber
//! reads the slot meanwhile, as the word of that position is not there. A publisher that dies while it raises
//! the floor has given positions up, or not; both are states of the protocol. A subscriber that dies holds up
//! a gated publisher until its liveness is checked: the publisher checks the subscriber that holds it up,
//! [drops](Publisher::drop_dead) it, and continues. It need not free the seat for that: it stores the dead
//! identity next to the seat, and a cursor under that identity no longer counts. Seats change hands only
//! under a lock that the caller holds.
//!
//! Readers without a seat ([`Subscriber::watch`]) write nothing at all, so the memory may be mapped read-only
//! for them.

pub(crate) mod cursor;
pub mod frames;
#[allow(unsafe_code)]
pub(crate) mod front;
#[allow(unsafe_code)]
mod mapped;
mod memory;
#[allow(unsafe_code)]
pub mod payloads;
mod publisher;
mod room;
pub mod seat;
mod start;
#[allow(unsafe_code)]
mod subscriber;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use super::spsc::Corruption;
pub use front::{Front, Mode, Private};
pub use mapped::{InSlots, Mapped, MappedOf};
pub use memory::Memory;
pub use publisher::{Claim, Publish, Publisher};
pub use seat::{Seat, TableFull};
pub use start::{Resume, Start};
pub use subscriber::{Pop, Subscriber, View};
pub use words::{Control, FIELDS, SEAT_FIELDS, Seats, Words};
