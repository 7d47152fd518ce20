//! Many producers, many consumers, fixed-size elements, and any of them may die at any instruction.
//!
//! # The slot word
//!
//! Each slot is a payload followed by one 64-bit word, the *tag*. The tag holds the full state of the slot,
//! so one compare-and-swap claims it and names the owner in the same step:
//!
//! ```text
//!   63                          18 17        8 7     4 3     0
//!  +------------------------------+-----------+-------+-------+
//!  | lap                          | owner     |attempt| state |
//!  +------------------------------+-----------+-------+-------+
//! ```
//!
//! - **lap**: positions are 64-bit counters that only grow; position `p` lies in slot `p mod N`, in lap
//!   `p / N` modulo 2^46.
//! - **owner**: the number of the endpoint that holds the slot, if any; 0 otherwise.
//! - **attempt**: how many consumers have failed to process the element, modulo 16.
//! - **state**: below. Zeroed memory is a fresh ring: every slot `EMPTY`, lap 0.
//!
//! | state | the slot of position p … | written by |
//! |---|---|---|
//! | `EMPTY` | waits for p to be pushed | the consumer of the lap before; the end that skips a `VOID` |
//! | `WRITING` o | is being written by endpoint o | CAS by o |
//! | `FULL` | holds the element | store by o |
//! | `READING` o | is being copied out by endpoint o | CAS by o |
//! | `LENT` o | is being looked at by user code of endpoint o | CAS by o |
//! | `ORPHAN` | holds an element whose consumer died or gave it back | CAS by a recoverer; store by its own consumer |
//! | `VOID` | holds nothing and never will: producer died or gave up, or the last attempt failed | as `ORPHAN` |
//! | `CLOSED` | is where the stream ends: nothing is pushed from p on | CAS by a consumer that found the ring closed and empty |
//!
//! ```text
//!            push: CAS              store                pop: CAS                 store
//!  EMPTY(l) ----------> WRITING(l,o) ---> FULL(l) --------------> READING(l,o) ---------> EMPTY(l+1)
//!                          |                         pop_with:    LENT(l,o)
//!                          | o died, or aborts                       |  o died, or gives it back
//!                          v                                         v
//!                       VOID(l) --CAS, anyone--> EMPTY(l+1)       ORPHAN(l,attempt+1) --CAS--> READING | LENT
//!                          ^                                         |
//!                          +--------- LENT at the last attempt ------+   (a dead letter: counted, not delivered again)
//! ```
//!
//! # Hints
//!
//! No decision depends on `tail` and `head`. Each end keeps a private position and walks; the two shared
//! words only let an end that has fallen behind jump. They are stored plainly and may run backwards. The
//! invariant is: **a position is stored in a hint, and an end moves to a position, only after the previous
//! position was claimed.** So positions are claimed in order, and `EMPTY` at a consumer's position means that
//! nothing is waiting: *Empty* is exact.
//!
//! What an end at position p (slot in lap l) makes of a tag:
//!
//! | tag | a producer | a consumer |
//! |---|---|---|
//! | `EMPTY(l)` | claims | Empty, or Closed |
//! | `WRITING(l)` | p is taken, next | Busy |
//! | `FULL(l)`, `ORPHAN(l)` | next | claims |
//! | `READING(l)`, `LENT(l)` | next | p is taken, next |
//! | `VOID(l)` | next | makes it `EMPTY(l+1)`, next |
//! | `CLOSED` | Closed | Closed |
//! | `WRITING(l-1)` | Busy | impossible |
//! | `FULL(l-1)` | Full | impossible |
//! | `ORPHAN(l-1)` | Full | claims |
//! | `READING(l-1)`, `LENT(l-1)` | Busy | Empty |
//! | `VOID(l-1)` | makes it `EMPTY(l)`, again | the same |
//! | a later lap | p is long taken: jumps | jumps |
//!
//! An end that follows the rule above cannot encounter "impossible" or a lap further behind. Such a tag is
//! tolerated once per call, by moving to the position that the tag implies (which an end that slept through
//! half of all laps needs); the second time the result is `Corrupt`. A call examines a bounded number of
//! tags; then it returns *Contended*.
//!
//! **Laps wrap.** Tags are compared for equality and for a difference of 46 bits. A claim decided by an equal
//! tag 2^46 laps later is a valid claim: the slot is free for the position that the claimer means, modulo the
//! wrap, and the acquire half of the claim orders it after the last reader. A wrong result needs an end that
//! did nothing for exactly a multiple of 2^46 laps less one; a wrong repair needs a recoverer stopped between
//! its check and its CAS for exactly as long. One slot turned over every 20 ns takes sixteen days for that; a
//! ring of 1024 slots forty-five years.
//!
//! # Orphans
//!
//! Consumers only search forward, so a position behind them that becomes an orphan would wait for a whole
//! lap. A process that makes an orphan increments the *orphan generation* afterwards; a consumer that is
//! about to return Empty, Busy or Closed checks whether the generation has changed since its last
//! unsuccessful search, and if so searches all slots. A generation, not a count of orphans: a count
//! incremented after the orphan was made is lost if the recoverer dies in between; one incremented before
//! leaks in that case.
//!
//! # Endpoints
//!
//! An end has a *seat*: a number, and in the table a word with the identity of its process. The identity
//! comes from the [domain](crate::Domain): process slot and generation, never reused for another process. 0
//! marks a free seat. A seat is taken by a CAS from 0, so a number is never in use without an identity. A
//! seat becomes free again in two ways only: by its own end, which then holds nothing; or by a recoverer,
//! after it has swept all slots.
//!
//! # What a crash leaves, and what repairs it
//!
//! The domain determines whether an identity is alive, and guarantees that a dead one stores nothing more
//! (the kernel tears the memory down before it takes back the token that represents the process).
//!
//! | died | it leaves | repair |
//! |---|---|---|
//! | before its claim | nothing | - |
//! | producer, claim to commit | `WRITING(l, dead)` | → `VOID(l)`: the element vanishes, as it was never pushed |
//! | producer, after the commit | `FULL(l)`, maybe an old hint | none: others walk |
//! | consumer, claim to release | `READING(l, dead)` | → `ORPHAN`, attempt + 1: delivered again |
//! | user code in `pop_with` | `LENT(l, dead)` | the same; at the last attempt → `VOID`, a dead letter |
//! | consumer, after the release | `EMPTY(l+1)` | none: it died with its element |
//! | an end that skips a `VOID`, closes, or jumps | a finished step | none: the next one continues |
//! | recoverer, between any two steps | some slots repaired | another one runs the same procedure |
//! | anyone holding a seat | the identity in the table | the sweep, then the seat is free |
//!
//! Two procedures, both in [`recovery`]: *repair* of one slot by an end that got Busy, and the *sweep* of all
//! slots for one dead seat. For each slot: read the tag; **then** check that the seat it names still belongs
//! to the dead identity; then CAS from the tag that was read. In this order a recoverer that was stopped
//! half-way cannot affect a later holder of the number. The sweep then increments the orphan generation,
//! whether it found anything or not (an earlier recoverer may have died just before doing so), and finally
//! frees the seat. No step waits for another; every step may be repeated.
//!
//! # Delivery
//!
//! - `pop`: exactly once. The element is copied, then a producer waiting for the slot is woken, then the slot
//!   is released, then `pop` returns. A process that dies before the release has not received the element,
//!   and another consumer will; if it dies after the release, the element is lost with it.
//! - `pop_with`: at least once, with the number of earlier attempts. User code runs before the release.
//! - Uncommitted elements vanish. Committed elements are delivered, or counted as dead letters.
//! - Order: first in, first out across all producers, except for elements that are delivered again.
//!
//! # Taps
//!
//! [`Tap`] reads elements along without a seat. For it a producer has a fence between its claim and the
//! payload (`T1`), and a slot that becomes void is counted before (`T2`).
//!
//! The shape is Vyukov's bounded queue (2010) with the owner in the sequence number. The orderings carry
//! labels (`M1` to `M9`, `T1`, `T2`) that are listed in [`edge`](crate::edge) and in `docs/orderings.md`.

#[allow(unsafe_code)]
mod consumer;
mod counters;
mod find;
#[allow(unsafe_code)]
mod lent;
#[allow(unsafe_code)]
mod mapped;
#[allow(unsafe_code)]
mod memory;
mod producer;
pub mod recovery;
mod seat;
#[allow(unsafe_code)]
mod slice;
mod tag;
mod tap;
mod walk;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use super::spsc::Corruption;
pub(crate) use consumer::Taken;
pub use consumer::{Consumer, Nothing, Popped};
pub use counters::Counters;
pub use lent::Lent;
pub use mapped::{Mapped, MappedOf, Private};
pub use memory::{Counter, Memory};
pub use producer::{Claim, Producer, Refused};
pub use seat::{Seat, TableFull};
pub use tag::{MAX_ENDPOINTS, State, Tag};
pub use tap::{Tap, Tapped};
pub(crate) use words::{
    CONSUMER_SLEEPERS, ENDPOINTS, PRODUCER_SLEEPERS, SEAT_SIZE, SEATS, SLOTS_OFFSET, STATE, USED,
};
pub use words::{FIELDS, SEAT_FIELDS, Seats, Words};

/// A slot held by an endpoint, as returned with Busy. Pass it to [`recovery::repair`] to find out whether the
/// holder is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The number of the endpoint.
    pub endpoint: u16,
    /// The slot.
    pub index: u64,
    /// The slot's tag as it was read.
    pub tag: Tag,
}

impl Holder {
    /// Whether the holder is a consumer that copies the element out and releases the slot at once.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.tag.state() == Some(State::Reading)
    }
}

/// Bit of the ring's state word: closed for pushing.
pub(crate) const CLOSED: u32 = 1;

/// Closes a ring: later pushes are refused; what was pushed before is still popped. Any process may close it,
/// and may die doing so.
pub fn close<M: Memory>(memory: &M) {
    use crate::platform::{Platform, Site, Word};
    // Relaxed: the CAS of the consumer that finds the end decides where the stream ends (M9).
    memory.state().fetch_or(CLOSED, core::sync::atomic::Ordering::Relaxed);
    M::Platform::crash_point(Site::MpmcCloseSet);
}

/// Whether the ring was closed for pushing. There may be elements left to pop.
pub fn is_closed<M: Memory>(memory: &M) -> bool {
    use crate::platform::Word;
    memory.state().load(core::sync::atomic::Ordering::Relaxed) & CLOSED != 0 // See `close`.
}

/// Bit of the ring's state word: a process has found the ring corrupt.
pub(crate) const POISONED: u32 = 2;

/// Reports to all ends that the ring is corrupt. From now on pushes, and pops that find nothing, return that.
/// True for the first report.
pub fn poison<M: Memory>(memory: &M) -> bool {
    use crate::platform::Word;
    // A notice: it guards no data.
    memory.state().fetch_or(POISONED, core::sync::atomic::Ordering::Relaxed) & POISONED == 0
}

/// The reported corruption, if any.
pub fn poisoned<M: Memory>(memory: &M, position: u64) -> Option<Corruption> {
    use crate::platform::Word;
    let state = memory.state().load(core::sync::atomic::Ordering::Relaxed); // See `poison`.
    (state & POISONED != 0).then_some(Corruption { word: "state", position, found: u64::from(state) })
}

/// Number of elements waiting, by the hints: off by the operations under way, and by more while a hint lags.
pub fn len<M: Memory>(memory: &M) -> u64 {
    use crate::platform::Word;
    let relaxed = core::sync::atomic::Ordering::Relaxed; // For display.
    let (head, tail) = (memory.head().load(relaxed), memory.tail().load(relaxed));
    let waiting = tail.wrapping_sub(head);
    if waiting.cast_signed() < 0 { 0 } else { waiting.min(memory.capacity()) }
}
