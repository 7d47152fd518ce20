//! A member's operations: lending, sending, receiving and reading blocks.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use super::handle::{Handle, Route};
use super::memory::{Counter, Memory};
use super::recovery;
use super::refused::Refused;
use super::seat::Seat;
use super::tag::{State, Tag};
use super::words::Class;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// The count of readers while this member may write a block.
const LENT: u32 = u32::MAX;
/// The count while this member has received a block exclusively: no other reader joins, whatever the tag
/// says.
const TAKEN: u32 = u32::MAX - 1;
/// A bound that the number of readers of a block in one process never reaches.
const CROWD: u32 = TAKEN - 1;
/// How often one call rereads a tag that others keep changing.
pub(super) const TRIES: u32 = 1024;
/// The number of blocks of a class that are used in turn from the start, so that a block is not requested
/// again right after its release.
const TURN: u32 = 4;

/// A member of a pool. Any number of threads of its process may use it at the same time.
///
/// Its methods return tokens for the blocks that the member holds. A token that is dropped leaves the block
/// with the member until its process has died, or has left.
#[derive(Debug)]
pub struct Member<M: Memory> {
    pub(super) memory: M,
    pub(super) seat: Seat,
    /// For each class, the block to try first.
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

    /// Converts the token to one for reading, in a process that inherited it: the block's word is unchanged.
    pub fn inherited(self) -> Reading {
        Reading { class: self.class, block: self.block, tag: self.tag }
    }
}

impl Offered {
    /// Converts the token to one for a lent block, in a process that inherited it: the block's word is
    /// unchanged.
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

    /// Whether other members may read it too.
    #[inline(always)]
    #[must_use]
    pub fn is_shared(&self) -> bool {
        is_shared(self.tag)
    }
}

/// Whether the state lets other members join as readers.
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

    /// Gives back the seat, and every block whose token was dropped. True unless another process has found
    /// the member dead.
    pub fn leave(&self) -> bool {
        recovery::sweep(&self.memory, self.seat.number(), self.seat.identity().get()).1
    }

    /// Lends a free block of a class; `None` if each block was in use when it was checked.
    ///
    /// # Panics
    /// If there is no such class.
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

    /// The number of blocks of a class that are used in turn: those ever lent. Another block is touched only
    /// when all of them are in use, so that unneeded memory stays unused and the number shows the peak need.
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
        let free = Tag::from_raw(word.load(Relaxed)); // A hint; the CAS decides.
        if free.state() != Some(State::Free) {
            return None;
        }
        let tag = free.held(State::Loaned, self.seat.number());
        // [P2] Acquire ← the member that released it: the bytes have been read. [P3] Release → a recoverer:
        // if it reads this tag, it sees the seat taken.
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

    /// Updates the noted generation of a block that this member holds exclusively: the tag has only its low
    /// bits. Returns all of it.
    #[inline(always)]
    fn note_generation(&self, block: u32, tag: Tag) -> u32 {
        let word = self.memory.generations(block);
        let before = word.load(Relaxed) as u32; // Written only by the exclusive holder.
        let now = tag.generation_since(before);
        if now != before {
            word.store(u64::from(now), Relaxed); // Before the tag [P1].
        }
        now
    }

    /// The generation of a block with this tag. Correct if the tag was read with [P1] and has not changed
    /// since; otherwise only the low bits are certain.
    #[inline(always)]
    pub(super) fn generation(&self, block: u32, tag: Tag) -> u32 {
        tag.generation_since(self.memory.generations(block).load(Relaxed) as u32) // See above.
    }

    /// Whether the handle is of the block's generation, given that the tag has its low bits. As reliable as
    /// `generation`.
    #[inline(always)]
    fn is_since(&self, block: u32, handle: &Handle) -> bool {
        Tag::is_since(handle.generation, self.memory.generations(block).load(Relaxed) as u32) // See above.
    }

    /// Changes this process's private state of a block. False if that contradicts the block's tag, which
    /// means that a process violated the protocol: the block stays where it is. So whatever is written to
    /// shared memory, a process never writes a block that it is reading, and never has two writers of one
    /// block.
    #[inline(always)]
    fn turns(&self, block: u32, from: u32, to: u32) -> bool {
        // Relaxed: ordered by the tag, whose change comes before or after this.
        self.memory.readers(block).compare_exchange(from, to, Relaxed, Relaxed).is_ok()
    }

    /// Counts a request that found no block.
    #[cold]
    pub fn count_exhausted(&self, class: usize) {
        self.memory.counter(class, Counter::Exhausted).fetch_add(1, Relaxed); // Statistics.
    }

    /// Gives back a block that was not sent.
    #[inline]
    pub fn abandon(&self, loaned: Loaned) {
        self.memory.readers(loaned.block).store(0, Relaxed); // Before the tag [P2].
        // [P2] Release → the next borrower: this member has finished with it. A plain store: no other process
        // changes a block that is lent to a live member.
        self.memory
            .tag(loaned.block)
            .store(loaned.tag.freed().as_raw(), M::Platform::ordering(Edge::PoolRelease));
        M::Platform::crash_point(Site::PoolReleased);
    }

    /// Makes a handle for one receiver. Push it into the channel of this route, then call
    /// [`sent`](Self::sent), or [`take_back`](Self::take_back) if the push failed.
    #[inline]
    pub fn offer(&self, loaned: Loaned, length: u32, route: Route) -> (Offered, Handle) {
        let Loaned { class, block, tag } = loaned;
        for (word, value) in self.memory.route_words(block).into_iter().zip(route.words()) {
            word.store(value, Relaxed); // Before the tag [P1].
        }
        self.memory.readers(block).store(0, Relaxed); // As the route.
        let generation = self.note_generation(block, tag);
        let offered = tag.held(State::Offered, self.seat.number());
        // [P1] Release → the receiver: the bytes are written before. A plain store: the block is this
        // member's until now.
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

    /// The handle was pushed: from now on the channel is responsible for the block, and the sender may die.
    /// If the block has been received already, nothing changes.
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

    /// Prefetches the block that will probably be lent next.
    #[inline(always)]
    fn look_ahead(&self, class: usize) {
        let Class { first, count, .. } = self.memory.classes()[class];
        let hand = self.hands[class].load(Relaxed); // A hint.
        if hand < count {
            self.memory.will_lend(first + hand);
        }
    }

    /// The handle was not pushed. From now on no one can take the block with it. `None` if a receiver already
    /// has.
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

    /// Makes a block readable for any number of members, this one first, and returns a handle for them. As
    /// long as any member holds the block, others that have the handle may join.
    pub fn share(&self, loaned: Loaned, length: u32) -> (Reading, Handle) {
        let Loaned { class, block, tag } = loaned;
        let generation = self.note_generation(block, tag);
        let shared = tag.held(State::Shared, self.seat.number());
        // [P6] Release → other threads of this member. Before the tag: they read it after.
        self.memory.readers(block).store(1, M::Platform::ordering(Edge::PoolReaderFirst));
        // [P1] Release → members that join: the bytes are written before. A plain store, as in `offer`.
        self.memory.tag(block).store(shared.as_raw(), M::Platform::ordering(Edge::PoolOffer));
        M::Platform::crash_point(Site::PoolJoined);
        (Reading { class, block, tag: shared }, self.handle(class, block, generation, length))
    }

    /// Takes the block that a handle names, or joins its readers.
    ///
    /// # Errors
    /// [`Refused`]. Then nothing has changed.
    #[inline]
    pub fn accept(&self, handle: &Handle) -> Result<Reading, Refused> {
        let block = self.check(handle)?;
        self.memory.will_read(handle.class as usize, block);
        let sent = Tag::sent(handle.generation);
        if !self.is_since(block, handle) {
            return self.accept_slowly(handle, block, Tag::from_raw(self.memory.tag(block).load(Relaxed))); // A hint.
        }
        let own = sent.held(State::Taken, self.seat.number());
        // The common case: one access fetches the line and takes the block.
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
        // After [P1], so this reads the sender's note: the earlier check may have read an older one.
        if !self.is_since(block, handle) {
            return Err(self.untaken(handle, block, tag, before));
        }
        if self.turns(block, 0, TAKEN) {
            Ok(Reading { class, block, tag })
        } else {
            Err(self.refuse(class as usize, Refused::Corrupt { found: tag.as_raw() }))
        }
    }

    /// Returns a block to the handle that it was sent with, which is not this one.
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

    /// The block's number, if the handle is valid in this pool.
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
                        tag = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A hint; the next CAS decides.
                        continue;
                    }
                    Some(State::Taken) => Refused::Doubled { holders: tag.holders() },
                    Some(State::Free | State::Loaned) => Refused::NotSent,
                    None => Refused::Corrupt { found: tag.as_raw() },
                }
            };
            return Err(self.refuse(class as usize, refused));
        }
        // The word says persistently that this member shares the block, but the member holds it exclusively:
        // the word is wrong.
        let readers = self.memory.readers(block).load(Relaxed); // Of this process, which would have changed one of the two.
        if tag.is_held_by(self.seat.number()) && readers > CROWD {
            return Err(self.refuse(class as usize, Refused::Corrupt { found: tag.as_raw() }));
        }
        Err(Refused::Contended)
    }

    /// Joins the readers of a shared block. `None` if the tag has changed, or if another thread of this
    /// member is joining or leaving at the moment.
    fn join(&self, class: u32, block: u32, tag: Tag) -> Option<Reading> {
        let readers = self.memory.readers(block);
        if !tag.is_held_by(self.seat.number()) {
            let own = tag.with(self.seat.number());
            // [P1] Acquire ← the member that shared it: the bytes were written before. [P3] Release, as in
            // `claim`.
            self.memory
                .tag(block)
                .compare_exchange(tag.as_raw(), own.as_raw(), M::Platform::ordering(Edge::PoolJoin), Relaxed)
                .ok()?;
            M::Platform::crash_point(Site::PoolJoined);
            // [P6] Release → other threads of this member: they see at least this tag.
            let first = readers.compare_exchange(0, 1, M::Platform::ordering(Edge::PoolReaderFirst), Relaxed);
            return first.is_ok().then_some(Reading { class, block, tag: own }); // As in `turns`.
        }
        // The member's bit is set, and stays set while the member has readers.
        let count = readers.load(Relaxed); // A hint; the CAS decides.
        if count == 0 || count >= CROWD {
            M::Platform::relax();
            return None;
        }
        // [P6] Acquire ← the thread that set the bit.
        readers
            .compare_exchange(count, count + 1, M::Platform::ordering(Edge::PoolReaderMore), Relaxed)
            .ok()?;
        let reading = Reading { class, block, tag };
        let now = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // After [P6]: not older than the bit.
        // All readers may have left meanwhile, and the member may be reading the block's next payload.
        if is_shared(now) && now.generation() == tag.generation() {
            return Some(reading);
        }
        self.release(reading);
        None
    }

    /// Releases a block. After its last reader it is free: then true.
    #[inline]
    pub fn release(&self, reading: Reading) -> bool {
        let Reading { block, tag, .. } = reading;
        if is_shared(tag) {
            return self.release_shared(block);
        }
        self.memory.readers(block).store(0, Relaxed); // Before the tag [P2].
        // [P2] Release → the next borrower: the bytes have been read. A plain store: no other process changes
        // a block that a live member has received.
        self.memory.tag(block).store(tag.freed().as_raw(), M::Platform::ordering(Edge::PoolRelease));
        M::Platform::crash_point(Site::PoolReleased);
        true
    }

    #[inline(never)] // So that releasing a block that was taken needs few registers.
    pub(super) fn release_shared(&self, block: u32) -> bool {
        let readers = self.memory.readers(block);
        // [P6] Release → the last reader of this member, Acquire ← the others: all have finished with the
        // bytes.
        let before = readers.fetch_add(u32::MAX, M::Platform::ordering(Edge::PoolReaderLess));
        if before != 1 {
            return false;
        }
        let mut is_free = false;
        let mut tag = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A hint; the CAS decides.
        for _ in 0..TRIES {
            if !tag.is_held_by(self.seat.number()) {
                return false; // Only a violation of the protocol leads here.
            }
            let left = tag.without(self.seat.number());
            // [P2] Release → the next borrower: the bytes have been read. If there are several readers, the
            // release of each counts: a read-modify-write continues the releases before it.
            match self.memory.tag(block).compare_exchange(
                tag.as_raw(),
                left.as_raw(),
                M::Platform::ordering(Edge::PoolLeave),
                Relaxed,
            ) {
                Ok(_) => {
                    is_free = left.state() == Some(State::Free);
                    break;
                }
                Err(found) => tag = Tag::from_raw(found),
            }
        }
        M::Platform::crash_point(Site::PoolReleased);
        is_free
    }

    /// Makes a received block one that may be written and sent on. A shared block is handed back.
    ///
    /// # Errors
    /// The token, if the block is shared.
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
