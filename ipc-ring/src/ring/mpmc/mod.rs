//! Many producers, many consumers, fixed-size elements, and any of them may die at any instruction.
//!
//! # The slot word
//!
//! Each slot is a payload followed by one 64-bit word, the *tag*. The tag says everything about the slot, so
//! one compare-and-swap claims it and names the owner in the same step:
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
//! - **owner**: the number of the endpoint that holds the slot, while somebody does; 0 otherwise.
//! - **attempt**: how many consumers have lost the element, modulo 16.
//! - **state**: below. Zeroed memory is a fresh ring: every slot `EMPTY`, lap 0.
//!
//! | state | the slot of position p … | written by |
//! |---|---|---|
//! | `EMPTY` | waits for p to be pushed | the consumer of the lap before; whoever skips a `VOID` |
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
//! Nothing decides by `tail` and `head`. Each end keeps a private position and walks; the two shared words
//! only let one that has fallen behind jump. They are stored plainly and may run backwards. What holds
//! always: **a position is stored in a hint, and an end goes to a position, only after the position before it
//! was claimed.** So positions are claimed in order, and `EMPTY` at a consumer's position means that nothing
//! is waiting: *Empty* is exact.
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
//! "Impossible" and a lap further behind cannot be met by an end that keeps to the rule above. Such a tag is
//! forgiven once in a call, by going to the position the tag implies (that is what an end that slept through
//! half of all laps needs); the second time the answer is `Corrupt`. A call looks at a bounded number of
//! tags; then it answers *Contended*.
//!
//! **Laps wrap.** Tags are compared for equality and for a difference of 46 bits. A claim decided by an equal
//! tag 2^46 laps later is a good claim: the slot is free for the position that the claimer means, modulo the
//! wrap, and the acquire half of the claim orders it behind the last reader. A wrong answer needs an end that
//! did nothing for exactly a multiple of 2^46 laps less one; a wrong repair needs a recoverer stopped between
//! its check and its CAS for exactly as long. One slot turned over every 20 ns takes sixteen days for that; a
//! ring of 1024 slots forty-five years.
//!
//! # Orphans
//!
//! Consumers only look forward, so a position behind them that becomes an orphan would wait for a whole lap.
//! Whoever makes one raises the *orphan generation* afterwards; a consumer that is about to answer Empty,
//! Busy or Closed looks whether the generation has moved since its last fruitless search, and if so looks
//! through all slots. A generation, not a count of orphans: a count taken after the orphan was made is lost
//! with a recoverer that dies in between, a count taken before leaks with it.
//!
//! # Endpoints
//!
//! An end has a *seat*: a number, and in the table a word with the identity of its process. The identity
//! comes from the [domain](crate::Domain): process slot and generation, never used again for another process.
//! 0 is a free seat. A seat is taken by a CAS from 0, so there is no moment at which a number is in use
//! without a name. It becomes free again in two ways only: by its own end, which holds nothing then; or by a
//! recoverer, after it has been through all slots.
//!
//! # What a crash leaves, and who repairs it
//!
//! The domain answers whether an identity is alive, and promises that a dead one stores nothing more
//! (the kernel tears the memory down before it takes back the token that stands for the process).
//!
//! | died | it leaves | repair |
//! |---|---|---|
//! | before its claim | nothing | - |
//! | producer, claim to commit | `WRITING(l, dead)` | → `VOID(l)`: the element vanishes, as it was never pushed |
//! | producer, after the commit | `FULL(l)`, maybe an old hint | none: others walk |
//! | consumer, claim to release | `READING(l, dead)` | → `ORPHAN`, attempt + 1: delivered to somebody else |
//! | user code in `pop_with` | `LENT(l, dead)` | the same; at the last attempt → `VOID`, a dead letter |
//! | consumer, after the release | `EMPTY(l+1)` | none: it died with its element |
//! | whoever skips a `VOID`, closes, or jumps | a finished step | none: the next one continues |
//! | recoverer, between any two steps | some slots repaired | another one runs the same procedure |
//! | anyone holding a seat | the identity in the table | the sweep, then the seat is free |
//!
//! Two procedures, both in [`recovery`]: *repair* of one slot by whoever was answered Busy, and the *sweep*
//! of all slots for one dead seat. For each slot: read the tag; **then** check that the seat it names still
//! belongs to the dead identity; then CAS from the tag that was read. In this order a recoverer that was
//! stopped half-way cannot hit a later holder of the number. The sweep then raises the orphan generation,
//! whether it found anything or not (its forerunner may have died just before), and last frees the seat.
//! Nothing waits for anything; every step may be repeated.
//!
//! # Delivery
//!
//! - `pop`: exactly once. The element is copied, then whoever waits for the slot is woken, then the slot is
//!   released, then `pop` returns. A process that dies before the release has not received it, and another
//!   consumer will; one that dies behind it died with it.
//! - `pop_with`: at least once, with the number of earlier attempts. User code runs before the release.
//! - What was not committed vanishes. What was is delivered, or counted as a dead letter.
//! - Order: first in, first out over all producers, except elements that are delivered again.
//!
//! The shape is Vyukov's bounded queue (2010) with the owner in the sequence number. The orderings carry
//! labels (`M1` to `M9`) that stand in [`edge`](crate::edge) and in `docs/orderings.md`.

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
mod walk;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use super::spsc::Corruption;
pub use consumer::{Consumer, Nothing, Popped};
pub use counters::Counters;
pub use lent::Lent;
pub use mapped::{Mapped, MappedOf, Private};
pub use memory::{Counter, Memory};
pub use producer::{Claim, Producer, Refused};
pub use seat::{Seat, TableFull};
pub use tag::{MAX_ENDPOINTS, State, Tag};
pub(crate) use words::{
    CONSUMER_SLEEPERS, ENDPOINTS, PRODUCER_SLEEPERS, SEAT_SIZE, SEATS, SLOTS_OFFSET, STATE,
};
pub use words::{FIELDS, SEAT_FIELDS, Seats, Words};

/// A slot in somebody's hands, as an answer Busy gives it. Hand it to [`recovery::repair`] to find out
/// whether that somebody is dead.
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
    /// Whether it is a consumer that copies the element out, and gives the slot back at once.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.tag.state() == Some(State::Reading)
    }
}

/// Bit of the ring's state word: closed for pushing.
pub(crate) const CLOSED: u32 = 1;

/// Closes a ring: what is pushed from now on is refused, what was pushed before is still popped. Anyone may
/// close it, and may die doing so.
pub fn close<M: Memory>(memory: &M) {
    use crate::platform::{Platform, Site, Word};
    // Relaxed: the place where the stream ends is decided by the CAS of the consumer that finds it (M9).
    memory.state().fetch_or(CLOSED, core::sync::atomic::Ordering::Relaxed);
    M::Platform::crash_point(Site::MpmcCloseSet);
}

/// Whether the ring was closed for pushing. There may be elements left to pop.
pub fn is_closed<M: Memory>(memory: &M) -> bool {
    use crate::platform::Word;
    memory.state().load(core::sync::atomic::Ordering::Relaxed) & CLOSED != 0 // See `close`.
}

/// Bit of the ring's state word: somebody has found that the ring makes no sense.
pub(crate) const POISONED: u32 = 2;

/// Tells all ends that the ring is corrupt. Who finds nothing to pop, and whoever pushes, is answered so from
/// now on. True for the first to say so.
pub fn poison<M: Memory>(memory: &M) -> bool {
    use crate::platform::Word;
    // A notice: nothing is read because of it.
    memory.state().fetch_or(POISONED, core::sync::atomic::Ordering::Relaxed) & POISONED == 0
}

/// What was told of a corruption, if it was.
pub fn poisoned<M: Memory>(memory: &M, position: u64) -> Option<Corruption> {
    use crate::platform::Word;
    let state = memory.state().load(core::sync::atomic::Ordering::Relaxed); // See `poison`.
    (state & POISONED != 0).then_some(Corruption { word: "state", position, found: u64::from(state) })
}

/// Number of elements waiting, by the hints: wrong by the operations under way, and by more while a hint runs
/// behind.
pub fn len<M: Memory>(memory: &M) -> u64 {
    use crate::platform::Word;
    let relaxed = core::sync::atomic::Ordering::Relaxed; // For display.
    let (head, tail) = (memory.head().load(relaxed), memory.tail().load(relaxed));
    let waiting = tail.wrapping_sub(head);
    if waiting.cast_signed() < 0 { 0 } else { waiting.min(memory.capacity()) }
}
