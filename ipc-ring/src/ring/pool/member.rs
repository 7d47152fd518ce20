//! A member's half: lending blocks, sending them, taking and reading them.

use crate::error::debug_as_display;
use core::fmt;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use super::handle::{Handle, Route};
use super::memory::{Counter, Memory};
use super::recovery;
use super::seat::Seat;
use super::tag::{State, Tag};
use super::words::Class;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// What the count of readers is while this member may write a block.
const LENT: u32 = u32::MAX;
/// What it is while this member has taken a block for itself: whatever the tag says, no other reader joins.
const TAKEN: u32 = u32::MAX - 1;
/// No process has as many readers of a block.
const CROWD: u32 = TAKEN - 1;
/// How often a tag is looked at again in one call, when others change it.
pub(super) const TRIES: u32 = 1024;
/// Blocks of a class that are used in turn from the start, so that one is not asked for again right after it was let go.
const TURN: u32 = 4;

/// A member of a pool. Any number of its process's threads may use it at the same time.
///
/// Its answers are tokens, which stand for what the member holds. A token that is dropped leaves the block in the member's
/// hands until its process is dead, or has left.
#[derive(Debug)]
pub struct Member<M: Memory> {
    pub(super) memory: M,
    pub(super) seat: Seat,
    /// For each class, the block to look at first.
    hands: Box<[AtomicU32]>,
}

/// A block that this member may write.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Loaned {
    pub(super) class: u32,
    pub(super) block: u32,
    pub(super) tag: Tag,
}

/// A block whose handle is being pushed.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Offered {
    class: u32,
    block: u32,
    tag: Tag,
}

/// A block that this member may read.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Reading {
    pub(super) class: u32,
    pub(super) block: u32,
    pub(super) tag: Tag,
}

/// Why a handle was refused.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It is of another pool.
    OtherPool {
        /// That pool's generation, as the handle has it.
        found: u64,
        /// This pool's.
        expected: u64,
    },
    /// The pool has no such block.
    NoSuchBlock {
        /// The number of the size class.
        class: u32,
        /// The number of the block in it.
        index: u32,
    },
    /// It claims more bytes than the block has.
    TooLong {
        /// Bytes claimed.
        len: usize,
        /// Bytes of the block.
        limit: usize,
    },
    /// The block has been free since the handle was made: a sender that shared it let it go, a process that had it died, or
    /// its channel was gone.
    Stale {
        /// The generation that the handle has.
        found: u32,
        /// The block's.
        expected: u32,
    },
    /// The block is in the hands of somebody who has not sent it: the handle is forged.
    NotSent,
    /// The block was received with this handle before, and was sent to one receiver only.
    Doubled {
        /// The members that hold it: bit *n* for seat *n*.
        holders: u32,
    },
    /// Others changed the block's word a thousand times in a row. Try again.
    Contended,
    /// The pool came through a fork; only the process that opened it may use it.
    Forked,
    /// The block's word makes no sense.
    Corrupt {
        /// The word.
        found: u64,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::OtherPool { found, expected } => {
                write!(f, "the handle is of pool {found}, not of {expected}")
            }
            Refused::NoSuchBlock { class, index } => {
                write!(f, "the pool has no block {index} in class {class}")
            }
            Refused::TooLong { len, limit } => {
                write!(f, "the handle claims {len} bytes of a block of {limit}")
            }
            Refused::Stale { found, expected } => write!(
                f,
                "the handle is out of date: generation {found}, the block has {expected}; it was let go, or its holder died"
            ),
            Refused::NotSent => f.write_str("the block was never sent: the handle is forged"),
            Refused::Doubled { holders } => {
                write!(f, "the block was received before, by the members {holders:#x}")
            }
            Refused::Contended => f.write_str("others change the block all the time; try again"),
            Refused::Forked => f.write_str("the pool was inherited through fork; open it again in the child"),
            Refused::Corrupt { found } => write!(f, "the block's word is corrupt: {found:#018x}"),
        }
    }
}

impl core::error::Error for Refused {}

debug_as_display!(Refused);

impl Loaned {
    /// The block's number.
    #[inline(always)]
    #[must_use]
    pub const fn block(&self) -> u32 {
        self.block
    }

    /// The number of its size class.
    #[inline(always)]
    #[must_use]
    pub const fn class(&self) -> u32 {
        self.class
    }

    /// The block as one to be read, in a process that inherited the token: the block's word stays as it is.
    pub fn inherited(self) -> Reading {
        Reading { class: self.class, block: self.block, tag: self.tag }
    }
}

impl Offered {
    /// The block as one that was lent, in a process that inherited the token: the block's word stays as it
    /// is.
    #[cold]
    pub fn inherited(self) -> Loaned {
        Loaned { class: self.class, block: self.block, tag: self.tag }
    }
}

impl Reading {
    /// The block's number.
    #[inline(always)]
    #[must_use]
    pub const fn block(&self) -> u32 {
        self.block
    }

    /// The number of its size class.
    #[inline(always)]
    #[must_use]
    pub const fn class(&self) -> u32 {
        self.class
    }

    /// Whether others may read it too.
    #[inline(always)]
    #[must_use]
    pub fn is_shared(&self) -> bool {
        is_shared(self.tag)
    }
}

/// Whether whoever comes may read the block too.
#[inline(always)]
pub(super) const fn is_shared(tag: Tag) -> bool {
    matches!(tag.state(), Some(State::Shared | State::Published))
}

impl<M: Memory> Member<M> {
    /// A member in a seat of this pool.
    pub fn new(memory: M, seat: Seat) -> Self {
        let hands = memory.classes().iter().map(|_| AtomicU32::new(0)).collect();
        Self { memory, seat, hands }
    }

    /// The memory of the pool.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The member's seat.
    pub fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Gives the seat back, and every block whose token was dropped. True unless somebody has found the member dead.
    pub fn leave(&self) -> bool {
        recovery::sweep(&self.memory, self.seat.number(), self.seat.identity().get()).1
    }

    /// Lends a free block of a class; `None` when each was in use when it was looked at.
    ///
    /// # Panics
    /// When there is no such class.
    #[inline]
    pub fn try_loan(&self, class: usize) -> Option<Loaned> {
        let Class { count, first, .. } = self.memory.classes()[class];
        let used = self.used(class);
        let hand = self.hands[class].load(Relaxed); // Where to begin: any value will do.
        let mut index = if hand < used { hand } else { 0 };
        for _ in 0..used {
            let next = if index + 1 < used { index + 1 } else { 0 };
            if let Some(loaned) = self.claim(class, first + index) {
                self.hands[class].store(next, Relaxed); // As above.
                return Some(loaned);
            }
            index = next;
        }
        (used..count).find_map(|index| self.claim_fresh(class, first, index))
    }

    /// How many blocks of a class are used in turn: those that were ever lent. One more is touched only when all of them are
    /// in use, so that memory that is not needed is not used, and the number tells how many were.
    #[inline]
    fn used(&self, class: usize) -> u32 {
        let count = self.memory.classes()[class].count;
        let touched = self.memory.touched(class).load(Relaxed); // A hint.
        u32::try_from(touched).unwrap_or(u32::MAX).max(TURN).min(count)
    }

    #[cold]
    fn claim_fresh(&self, class: usize, first: u32, index: u32) -> Option<Loaned> {
        let loaned = self.claim(class, first + index)?;
        let (touched, now) = (self.memory.touched(class), u64::from(index) + 1);
        let mut seen = touched.load(Relaxed); // A hint.
        while seen < now {
            match touched.compare_exchange(seen, now, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(found) => seen = found,
            }
        }
        Some(loaned)
    }

    /// The claim: one CAS from free to this member's own.
    #[inline(always)]
    fn claim(&self, class: usize, block: u32) -> Option<Loaned> {
        let word = self.memory.tag(block);
        let free = Tag::from_raw(word.load(Relaxed)); // A look; the CAS decides.
        if free.state() != Some(State::Free) {
            return None;
        }
        let tag = free.held(State::Loaned, self.seat.number());
        // [P2] Acquire ← who let it go: the bytes have been read. [P3] Release → a recoverer: who reads this tag sees the
        // seat taken.
        word.compare_exchange(free.as_raw(), tag.as_raw(), M::Platform::ordering(Edge::PoolClaim), Relaxed)
            .ok()?;
        M::Platform::crash_point(Site::PoolLoaned);
        if !self.turns(block, 0, LENT) {
            return None;
        }
        let loans = self.memory.loans(block);
        loans.store(loans.load(Relaxed).wrapping_add(1), Relaxed); // Only the holder writes it.
        self.note_generation(block, tag);
        Some(Loaned { class: class as u32, block, tag })
    }

    /// Takes note of the generation of a block that this member has for itself: the tag holds its low bits only. Gives all of it.
    #[inline(always)]
    fn note_generation(&self, block: u32, tag: Tag) -> u32 {
        let word = self.memory.generations(block);
        let before = word.load(Relaxed) as u32; // Only who has the block for itself writes it.
        let now = tag.generation_since(before);
        if now != before {
            word.store(u64::from(now), Relaxed); // Before the tag [P1].
        }
        now
    }

    /// The generation of a block with this tag. Right when the tag was read with [P1] and is still there; otherwise the tag's low
    /// bits and any others.
    #[inline(always)]
    pub(super) fn generation(&self, block: u32, tag: Tag) -> u32 {
        tag.generation_since(self.memory.generations(block).load(Relaxed) as u32) // See above.
    }

    /// Whether the handle is of the block's generation, when the tag has its low bits. Right as `generation`
    /// is.
    #[inline(always)]
    fn is_since(&self, block: u32, handle: &Handle) -> bool {
        Tag::is_since(handle.generation, self.memory.generations(block).load(Relaxed) as u32) // See above.
    }

    /// Changes what this process itself knows of a block. False when that contradicts the block's tag, which nobody that keeps
    /// to the protocol has written then: the block stays where it is. So whatever is written to shared memory, a
    /// process never writes a block that it reads itself, nor writes one twice.
    #[inline(always)]
    fn turns(&self, block: u32, from: u32, to: u32) -> bool {
        // Relaxed: the tag orders it, of which this follows the change, or which follows this.
        self.memory.readers(block).compare_exchange(from, to, Relaxed, Relaxed).is_ok()
    }

    /// Counts a request that found no block.
    #[cold]
    pub fn count_exhausted(&self, class: usize) {
        self.memory.counter(class, Counter::Exhausted).fetch_add(1, Relaxed); // Statistics.
    }

    /// Gives a block back that was not sent.
    #[inline]
    pub fn abandon(&self, loaned: Loaned) {
        self.memory.readers(loaned.block).store(0, Relaxed); // Before the tag [P2].
        // [P2] Release → who is lent it next: this member has done with it. A plain store: nobody else changes a block that
        // is lent to a live member.
        self.memory
            .tag(loaned.block)
            .store(loaned.tag.freed().as_raw(), M::Platform::ordering(Edge::PoolRelease));
        M::Platform::crash_point(Site::PoolReleased);
    }

    /// Makes a handle for one receiver. Push it into the channel of this route, then call [`sent`](Self::sent); or, when that
    /// failed, [`take_back`](Self::take_back).
    #[inline]
    pub fn offer(&self, loaned: Loaned, length: u32, route: Route) -> (Offered, Handle) {
        let Loaned { class, block, tag } = loaned;
        for (word, value) in self.memory.route_words(block).into_iter().zip(route.words()) {
            word.store(value, Relaxed); // Before the tag [P1].
        }
        self.memory.readers(block).store(0, Relaxed); // As the route.
        let generation = self.note_generation(block, tag);
        let offered = tag.held(State::Offered, self.seat.number());
        // [P1] Release → who takes it: the bytes are written before. A plain store: the block is this member's until now.
        self.memory.tag(block).store(offered.as_raw(), M::Platform::ordering(Edge::PoolOffer));
        M::Platform::crash_point(Site::PoolOffered);
        (Offered { class, block, tag: offered }, self.handle(class, block, generation, length))
    }

    #[inline(always)]
    fn handle(&self, class: u32, block: u32, generation: u32, length: u32) -> Handle {
        Handle {
            pool: self.memory.generation(),
            generation,
            class,
            index: block - self.memory.classes()[class as usize].first,
            length,
        }
    }

    /// The handle was pushed: from now on the channel is responsible for the block, and the sender may die. A block that was
    /// taken already is left alone.
    #[inline]
    pub fn sent(&self, offered: &Offered) {
        M::Platform::crash_point(Site::PoolPushed);
        // [P1] A read-modify-write: it continues the release of the offer.
        let _ = self.memory.tag(offered.block).compare_exchange(
            offered.tag.as_raw(),
            Tag::sent(offered.tag.generation()).as_raw(),
            M::Platform::ordering(Edge::PoolSent),
            Relaxed,
        );
        M::Platform::crash_point(Site::PoolSent);
        self.look_ahead(offered.class as usize);
    }

    /// Asks for the block that will probably be lent next.
    #[inline(always)]
    fn look_ahead(&self, class: usize) {
        let Class { first, count, .. } = self.memory.classes()[class];
        let hand = self.hands[class].load(Relaxed); // A hint.
        if hand < count {
            self.memory.will_lend(first + hand);
        }
    }

    /// The handle was not pushed. Whatever became of it, nobody can take the block with it any more. `None` when somebody has
    /// already.
    #[cold]
    pub fn take_back(&self, offered: Offered) -> Option<Loaned> {
        let Offered { class, block, tag } = offered;
        let loaned = tag.renewed(State::Loaned, self.seat.number());
        // [P1] A read-modify-write: it continues the release of the offer.
        let back = self.memory.tag(block).compare_exchange(
            tag.as_raw(),
            loaned.as_raw(),
            M::Platform::ordering(Edge::PoolSent),
            Relaxed,
        );
        (back.is_ok() && self.turns(block, 0, LENT)).then_some(Loaned { class, block, tag: loaned })
    }

    /// Makes a block readable for any number of members, this one first, and a handle for them. As long as somebody holds it,
    /// whoever has the handle may join.
    pub fn share(&self, loaned: Loaned, length: u32) -> (Reading, Handle) {
        let Loaned { class, block, tag } = loaned;
        let generation = self.note_generation(block, tag);
        let shared = tag.held(State::Shared, self.seat.number());
        // [P6] Release → other threads of this member. Before the tag: they look at it after.
        self.memory.readers(block).store(1, M::Platform::ordering(Edge::PoolReaderFirst));
        // [P1] Release → who joins: the bytes are written before. A plain store, as in `offer`.
        self.memory.tag(block).store(shared.as_raw(), M::Platform::ordering(Edge::PoolOffer));
        M::Platform::crash_point(Site::PoolJoined);
        (Reading { class, block, tag: shared }, self.handle(class, block, generation, length))
    }

    /// Takes the block that a handle names, or joins those who read it.
    ///
    /// # Errors
    /// [`Refused`]. Nothing has changed then.
    #[inline]
    pub fn accept(&self, handle: &Handle) -> Result<Reading, Refused> {
        let block = self.check(handle)?;
        self.memory.will_read(handle.class as usize, block);
        let sent = Tag::sent(handle.generation);
        if !self.is_since(block, handle) {
            return self.accept_slowly(handle, block, Tag::from_raw(self.memory.tag(block).load(Relaxed))); // A look.
        }
        let own = sent.held(State::Taken, self.seat.number());
        // Mostly it is that, and one access fetches the line and takes the block.
        // [P1] Acquire ← the sender: the bytes were written before. [P3] Release, as in `claim`.
        match self.memory.tag(block).compare_exchange(
            sent.as_raw(),
            own.as_raw(),
            M::Platform::ordering(Edge::PoolTake),
            Relaxed,
        ) {
            Ok(_) => self.taken(handle, block, own, sent),
            Err(found) => self.accept_slowly(handle, block, Tag::from_raw(found)),
        }
    }

    /// The block was taken with this handle: its tag was `before` and is `tag`.
    #[inline(always)]
    fn taken(&self, handle: &Handle, block: u32, tag: Tag, before: Tag) -> Result<Reading, Refused> {
        M::Platform::crash_point(Site::PoolTaken);
        let class = handle.class;
        // Behind [P1], so this is the sender's note: the look before may have shown an older one.
        if !self.is_since(block, handle) {
            return Err(self.untaken(handle, block, tag, before));
        }
        if self.turns(block, 0, TAKEN) {
            Ok(Reading { class, block, tag })
        } else {
            Err(self.refuse(class as usize, Refused::Corrupt { found: tag.as_raw() }))
        }
    }

    /// Leaves a block to the handle that it was sent with, which is another one.
    #[cold]
    fn untaken(&self, handle: &Handle, block: u32, tag: Tag, before: Tag) -> Refused {
        let expected = self.generation(block, tag);
        // [P1] A read-modify-write: it continues the release of the offer.
        let _ = self.memory.tag(block).compare_exchange(
            tag.as_raw(),
            Tag::sent(before.generation()).as_raw(),
            M::Platform::ordering(Edge::PoolSent),
            Relaxed,
        );
        let refused = Refused::Stale { found: handle.generation, expected };
        self.refuse(handle.class as usize, refused)
    }

    /// The block's number, if handle and pool fit together.
    #[inline(always)]
    fn check(&self, handle: &Handle) -> Result<u32, Refused> {
        let &Handle { pool, class, index, length, .. } = handle;
        let refused = match self.memory.classes().get(class as usize) {
            _ if pool != self.memory.generation() => {
                Refused::OtherPool { found: pool, expected: self.memory.generation() }
            }
            Some(known) if index < known.count => {
                if length <= known.size {
                    return Ok(known.first + index);
                }
                Refused::TooLong { len: length as usize, limit: known.size as usize }
            }
            _ => Refused::NoSuchBlock { class, index },
        };
        Err(self.refuse(0, refused))
    }

    #[cold]
    fn refuse(&self, class: usize, refused: Refused) -> Refused {
        if refused != Refused::Contended {
            self.memory.counter(class, Counter::Refused).fetch_add(1, Relaxed); // Statistics.
        }
        refused
    }

    #[cold]
    #[inline(never)]
    fn accept_slowly(&self, handle: &Handle, block: u32, mut tag: Tag) -> Result<Reading, Refused> {
        let class = handle.class;
        for _ in 0..TRIES {
            let expected = self.generation(block, tag);
            let refused = if tag.state().is_some() && expected != handle.generation {
                Refused::Stale { found: handle.generation, expected }
            } else {
                match tag.state() {
                    Some(State::Offered | State::Sent) => {
                        let own = tag.held(State::Taken, self.seat.number());
                        // [P1] and [P3], as in `accept`.
                        match self.memory.tag(block).compare_exchange(
                            tag.as_raw(),
                            own.as_raw(),
                            M::Platform::ordering(Edge::PoolTake),
                            Relaxed,
                        ) {
                            Ok(_) => return self.taken(handle, block, own, tag),
                            Err(found) => tag = Tag::from_raw(found),
                        }
                        continue;
                    }
                    Some(State::Shared | State::Published) => {
                        if let Some(reading) = self.join(class, block, tag) {
                            // As in `taken`.
                            let expected = self.generation(block, tag);
                            if expected == handle.generation {
                                return Ok(reading);
                            }
                            self.release(reading);
                            let refused = Refused::Stale { found: handle.generation, expected };
                            return Err(self.refuse(class as usize, refused));
                        }
                        tag = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A look; the next CAS decides.
                        continue;
                    }
                    Some(State::Taken) => Refused::Doubled { holders: tag.holders() },
                    Some(State::Free | State::Loaned) => Refused::NotSent,
                    None => Refused::Corrupt { found: tag.as_raw() },
                }
            };
            return Err(self.refuse(class as usize, refused));
        }
        // All the time the word says that this member shares the block, which has it for itself: that is not so.
        let readers = self.memory.readers(block).load(Relaxed); // Of this process, which would have changed one of the two.
        if tag.is_held_by(self.seat.number()) && readers > CROWD {
            return Err(self.refuse(class as usize, Refused::Corrupt { found: tag.as_raw() }));
        }
        Err(Refused::Contended)
    }

    /// Joins those who read a shared block. `None` when the tag has changed, or another thread of this member is just coming
    /// or going.
    fn join(&self, class: u32, block: u32, tag: Tag) -> Option<Reading> {
        let readers = self.memory.readers(block);
        if !tag.is_held_by(self.seat.number()) {
            let own = tag.with(self.seat.number());
            // [P1] Acquire ← who shared it: the bytes were written before. [P3] Release, as in `claim`.
            self.memory
                .tag(block)
                .compare_exchange(tag.as_raw(), own.as_raw(), M::Platform::ordering(Edge::PoolJoin), Relaxed)
                .ok()?;
            M::Platform::crash_point(Site::PoolJoined);
            // [P6] Release → other threads of this member: they see at least this tag.
            let first = readers.compare_exchange(0, 1, M::Platform::ordering(Edge::PoolReaderFirst), Relaxed);
            return first.is_ok().then_some(Reading { class, block, tag: own }); // As in `turns`.
        }
        // The member has its bit set. While it has readers, the bit stays.
        let count = readers.load(Relaxed); // A look; the CAS decides.
        if count == 0 || count >= CROWD {
            M::Platform::relax();
            return None;
        }
        // [P6] Acquire ← the thread that set the bit.
        readers
            .compare_exchange(count, count + 1, M::Platform::ordering(Edge::PoolReaderMore), Relaxed)
            .ok()?;
        let reading = Reading { class, block, tag };
        let now = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // Behind [P6]: not older than the bit.
        // Meanwhile all readers may have gone, and the member may read the block's next payload.
        if is_shared(now) && now.generation() == tag.generation() {
            return Some(reading);
        }
        self.release(reading);
        None
    }

    /// Lets a block go. After its last reader it is free.
    #[inline]
    pub fn release(&self, reading: Reading) {
        let Reading { block, tag, .. } = reading;
        if is_shared(tag) {
            return self.release_shared(block);
        }
        self.memory.readers(block).store(0, Relaxed); // Before the tag [P2].
        // [P2] Release → who is lent it next: the bytes have been read. A plain store: nobody else changes a block that a
        // live member has taken.
        self.memory.tag(block).store(tag.freed().as_raw(), M::Platform::ordering(Edge::PoolRelease));
        M::Platform::crash_point(Site::PoolReleased);
    }

    #[inline(never)] // So that letting go of a block that was taken needs few registers.
    pub(super) fn release_shared(&self, block: u32) {
        let readers = self.memory.readers(block);
        // [P6] Release → the last reader of this member, Acquire ← the others: all have done with the bytes.
        let before = readers.fetch_add(u32::MAX, M::Platform::ordering(Edge::PoolReaderLess));
        if before != 1 {
            return;
        }
        let mut tag = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A look; the CAS decides.
        for _ in 0..TRIES {
            if !tag.is_held_by(self.seat.number()) {
                return; // Nobody that keeps to the protocol has done that.
            }
            let left = tag.without(self.seat.number());
            // [P2] Release → who is lent it next: the bytes have been read. Of several readers each one's release counts: a
            // read-modify-write continues the releases before it.
            match self.memory.tag(block).compare_exchange(
                tag.as_raw(),
                left.as_raw(),
                M::Platform::ordering(Edge::PoolLeave),
                Relaxed,
            ) {
                Ok(_) => break,
                Err(found) => tag = Tag::from_raw(found),
            }
        }
        M::Platform::crash_point(Site::PoolReleased);
    }

    /// Makes a block that was received one that may be written and sent on. A shared one is given back.
    ///
    /// # Errors
    /// The token, when the block is shared.
    pub fn take_over(&self, reading: Reading) -> Result<Loaned, Reading> {
        if reading.is_shared() || !self.turns(reading.block, TAKEN, LENT) {
            return Err(reading);
        }
        let Reading { class, block, tag } = reading;
        // A new generation: the handle it came with is used up.
        let own = tag.renewed(State::Loaned, self.seat.number());
        // [P2] Release, as in `release`, and [P3] as in `claim`. A plain store, as in `release`.
        self.memory.tag(block).store(own.as_raw(), M::Platform::ordering(Edge::PoolRelease));
        Ok(Loaned { class, block, tag: own })
    }
}
