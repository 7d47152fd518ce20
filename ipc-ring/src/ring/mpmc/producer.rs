//! The producing end.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use super::seat::Seat;
use super::tag::{Shape, State, Tag};
use super::walk::{Walk, corrupt};
use super::{Corruption, Holder};
use crate::apart::apart;
use crate::edge::Edge;
use crate::memory::{Item, Of};
use crate::message::Message;
use crate::platform::{Barrier, Platform, Site, Word};

mod claim;

pub use claim::Claim;

/// Why nothing was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Refused {
    /// Every slot holds an element that no consumer has begun to pop.
    Full,
    /// The next slot is held by another end: a consumer that is about to free it, or a producer a whole lap
    /// behind.
    Busy(Holder),
    /// The ring is closed.
    Closed,
    /// Other ends won the race a thousand times in a row. Try again.
    Contended,
    /// A tag is invalid, or another end has found an invalid one.
    Corrupt(Corruption),
}

impl From<Corruption> for Refused {
    fn from(corruption: Corruption) -> Self {
        Self::Corrupt(corruption)
    }
}

/// A producing end: its seat and its private position.
#[derive(Debug)]
pub struct Producer<M: Memory> {
    memory: M,
    shape: Shape,
    seat: Seat,
    /// The position to check next. The one before it is claimed.
    position: u64,
    /// A position claimed by a leaked [`Claim`], which was neither committed nor dropped.
    held: Option<u64>,
    /// The position of the first element of the last slice.
    first: u64,
}

impl<M: Memory> Producer<M> {
    /// A producing end in a seat of this ring.
    pub fn attach(memory: M, seat: Seat) -> Self {
        let shape = Shape::new(memory.capacity(), memory.lap_bits());
        // [M4] Acquire ← the Release of the end that stored it: the positions below are claimed.
        let position = memory.tail().load(M::Platform::ordering(Edge::MpmcTailLoad));
        Self { memory, shape, seat, position, held: None, first: position }
    }

    /// Pushes one element.
    ///
    /// # Errors
    /// [`Refused`].
    #[inline(always)]
    pub fn try_push(&mut self, item: &Item<M>) -> Result<(), Refused> {
        self.put(item)?;
        self.hint();
        Ok(())
    }

    /// Whether the element pushed last lies behind one that no consumer has begun to pop. Then no consumer
    /// has to be woken for it: one was woken for the earlier element or for one before that, and a consumer
    /// that was woken and took an element checks, after a [fence](super::Consumer::look_behind), whether
    /// there is more, and wakes the next. Both fences are sequentially consistent, so this holds on every
    /// machine, also where a store is not seen by all processors at once (`docs/litmus`).
    pub fn is_behind_another(&self) -> bool {
        self.is_untaken(self.position.wrapping_sub(2))
    }

    /// As [`is_behind_another`](Self::is_behind_another), for the last slice of which something was pushed.
    pub fn slice_is_behind_another(&self) -> bool {
        self.is_untaken(self.first.wrapping_sub(1))
    }

    #[cold]
    fn is_untaken(&self, position: u64) -> bool {
        // Pairs with the fence of `look_behind`: either the consumer that took that element sees what was
        // pushed, or this end sees that it was taken.
        let _ = M::Platform::heavy(Barrier::Fence); // A fence, which cannot be refused.
        let tag = self.memory.tag(self.shape.index(position)).load(Relaxed); // The fence orders it.
        tag == self.shape.empty(position).full().as_raw()
    }

    /// Claims the next slot, to be written in place. Consumers that reach it wait for it, so commit it
    /// quickly.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn try_claim(&mut self) -> Result<Claim<'_, M>, Refused> {
        let position = self.claim()?;
        self.held = Some(position);
        Self::before_writing();
        Ok(Claim { producer: self, position })
    }

    /// Whether a slot is free now.
    ///
    /// # Errors
    /// The result that [`try_push`](Self::try_push) would return.
    pub fn look(&mut self) -> Result<(), Refused> {
        self.before()?;
        self.find(&mut Walk::new(), None)
    }

    /// Whether the slot this number of positions ahead of this end's still holds an element of the previous
    /// lap that no consumer has begun to pop: the ring is full, or about to be. A check without effect, only
    /// a hint.
    #[must_use]
    pub fn is_untaken_ahead(&self, count: u64) -> bool {
        let position = self.position.wrapping_add(count.wrapping_sub(1));
        let tag = self.memory.tag(self.shape.index(position)).load(Relaxed); // A hint.
        tag == self.shape.empty(position.wrapping_sub(self.memory.capacity())).full().as_raw()
    }

    /// Releases the seat.
    pub fn detach(mut self) {
        self.leave();
    }

    /// As [`detach`](Self::detach), by reference: the end must not be used any more.
    pub fn leave(&mut self) {
        self.settle();
        self.seat.give_back(&self.memory);
    }

    /// Claims, writes, publishes.
    #[inline(always)]
    fn put(&mut self, item: &Item<M>) -> Result<(), Refused> {
        let position = self.claim()?;
        Self::before_writing();
        self.write(position, item);
        M::Platform::crash_point(Site::MpmcWritten);
        self.publish(position);
        Ok(())
    }

    /// Claims the next free slot for this end. Returns its position.
    #[inline(always)]
    fn claim(&mut self) -> Result<u64, Refused> {
        // Relaxed: see `close`. The word changes a few times in the ring's life.
        if self.held.is_some() || self.memory.state().load(Relaxed) != 0 {
            self.before()?;
        }
        let position = self.position;
        let index = self.shape.index(position);
        self.memory.prefetch_claimed(index);
        // [M2] Acquire ← the Release of the consumer that freed the slot: it has read the payload.
        let tag = self.memory.tag(index).load(M::Platform::ordering(Edge::MpmcReclaim));
        if tag != self.shape.empty(position).as_raw() {
            return apart(self.claim_slowly(Some(Tag::from_raw(tag))));
        }
        if self.take(position) { Ok(position) } else { apart(self.claim_slowly(None)) }
    }

    /// As `claim`; `seen` is the tag at this end's position if it was just loaded.
    #[cold]
    #[inline(never)]
    fn claim_slowly(&mut self, mut seen: Option<Tag>) -> Result<u64, Refused> {
        let mut walk = Walk::new();
        loop {
            self.find(&mut walk, seen.take())?;
            let position = self.position;
            if self.take(position) {
                return Ok(position);
            }
        }
    }

    /// The claim: one CAS from free to this end's own. False when another end was faster.
    #[inline(always)]
    fn take(&mut self, position: u64) -> bool {
        let free = self.shape.empty(position);
        let own = free.held(State::Writing, self.seat.number());
        // [M3] Release → a recoverer: a process that reads this tag sees the seat taken before, and an
        // earlier hold of this number ended. Acquire: the slot may be free for this lap for the second time
        // (laps wrap); then this orders the write after the last read.
        let claimed = self.memory.tag(self.shape.index(position)).compare_exchange(
            free.as_raw(),
            own.as_raw(),
            M::Platform::ordering(Edge::MpmcClaim),
            Relaxed,
        );
        if claimed.is_ok() {
            M::Platform::crash_point(Site::MpmcClaimed);
        }
        claimed.is_ok()
    }

    /// Walks to the first position that is not taken. It was free when it was checked.
    fn find(&mut self, walk: &mut Walk, mut seen: Option<Tag>) -> Result<(), Refused> {
        use State::{Closed, Empty, Full, Lent, Orphan, Reading, Void, Writing};
        while walk.goes_on() {
            let index = self.shape.index(self.position);
            let tag = seen.take().unwrap_or_else(|| {
                // [M2] Acquire ← as in `claim`; [M6] Acquire ← the end that voided the slot.
                Tag::from_raw(self.memory.tag(index).load(M::Platform::ordering(Edge::MpmcReclaim)))
            });
            let Some(state) = tag.state() else { return Err(corrupt(tag, self.position).into()) };
            match (self.shape.ahead(tag, self.position), state) {
                (0, Empty) => return Ok(()),
                (0 | -1, Closed) => return Err(Refused::Closed),
                (0, _) => self.next(walk, self.position.wrapping_add(1)),
                (-1, Full | Orphan) => return Err(Refused::Full),
                (-1, Writing | Reading | Lent) => {
                    return Err(Refused::Busy(Holder { endpoint: tag.owner(), index, tag }));
                }
                (-1, Void) => self.skip(index, tag),
                (1, _) => self.next(walk, self.position.wrapping_add(1)),
                (ahead, _) => {
                    if ahead < 0 {
                        walk.forgive(tag, self.position)?;
                    }
                    self.next(walk, self.shape.after_meeting(tag, index, self.position));
                }
            }
        }
        Err(Refused::Contended)
    }

    /// Moves to the position of the hint if that is further, else to `next`.
    fn next(&mut self, walk: &mut Walk, next: u64) {
        if walk.may_jump() {
            // [M4] Acquire ← the Release of the end that stored it: the positions below are claimed.
            let tail = self.memory.tail().load(M::Platform::ordering(Edge::MpmcTailLoad));
            if tail.wrapping_sub(next).cast_signed() > 0 {
                self.position = tail;
                return;
            }
        }
        self.position = next;
    }

    /// Frees an empty slot for the next lap. If another end was faster, nothing is left to do.
    fn skip(&mut self, index: u64, void: Tag) {
        let free = self.shape.next_lap(void).as_raw();
        // [M9] Relaxed: as a read-modify-write it continues the release of the end that voided the slot.
        let skipped = self.memory.tag(index).compare_exchange(
            void.as_raw(),
            free,
            M::Platform::ordering(Edge::MpmcSkip),
            Relaxed,
        );
        if skipped.is_ok() {
            M::Platform::crash_point(Site::MpmcSkipped);
        }
    }

    /// Orders what is written from now on after the claim.
    #[inline(always)]
    fn before_writing() {
        // [T1] Release → a tap's Acquire: a reader of anything written from now on also sees the claim.
        M::Platform::fence_for_taps(Edge::MpmcOverwrite);
    }

    #[inline(always)]
    fn write(&self, position: u64, item: &Item<M>) {
        let index = self.shape.index(position);
        // The slot is this end's by its claim, and no other end accesses it until it is published.
        self.memory.write(index, item);
    }

    /// Publishes a claimed slot and advances.
    #[inline(always)]
    fn publish(&mut self, position: u64) {
        let full = self.shape.empty(position).full();
        // [M1] Release → the consumer's Acquire: the payload is written before the tag. A plain store: no one
        // else changes a slot that a live end holds.
        self.memory
            .tag(self.shape.index(position))
            .store(full.as_raw(), M::Platform::ordering(Edge::MpmcPublish));
        M::Platform::crash_point(Site::MpmcPublished);
        self.position = position.wrapping_add(1);
        self.memory.prefetch(self.shape.index(self.position));
    }

    /// Lets other ends jump to this end's position.
    #[inline(always)]
    fn hint(&mut self) {
        // [M4] Release → the Acquire of an end that jumps: the positions below are claimed.
        self.memory.tail().store(self.position, M::Platform::ordering(Edge::MpmcTailStore));
        M::Platform::crash_point(Site::MpmcPushed);
    }

    /// Gives up a claimed slot: it holds nothing in this lap.
    fn abort(&mut self, position: u64) {
        let void = self.shape.empty(position).void();
        super::recovery::count_void(&self.memory);
        // [M6] Release → the next owner of the slot: this end no longer writes it.
        self.memory
            .tag(self.shape.index(position))
            .store(void.as_raw(), M::Platform::ordering(Edge::MpmcVoid));
        self.position = position.wrapping_add(1);
    }

    /// The rare cases at the start of a call.
    #[cold]
    fn before(&mut self) -> Result<(), Refused> {
        self.settle();
        if let Some(corruption) = super::poisoned(&self.memory, self.position) {
            return Err(Refused::Corrupt(corruption));
        }
        if super::is_closed(&self.memory) { Err(Refused::Closed) } else { Ok(()) }
    }

    /// Aborts a claim that was leaked.
    fn settle(&mut self) {
        if let Some(position) = self.held.take() {
            self.abort(position);
        }
    }

    /// The position that this end checks next: at least the number of slots claimed so far by all producers,
    /// if no other end is pushing.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The seat.
    pub fn seat(&self) -> &Seat {
        &self.seat
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

impl<T: Message, M: Memory<Shape = Of<T>>> Producer<M> {
    /// Pushes elements from the front of a slice, in order; returns their number, and the reason if it
    /// stopped before the end. Elements of other producers may be interleaved.
    #[inline]
    pub fn try_push_slice(&mut self, items: &[T]) -> (usize, Result<(), Refused>) {
        for (done, item) in items.iter().enumerate() {
            if let Err(refused) = self.put(item) {
                if done > 0 {
                    self.hint();
                }
                return (done, Err(refused));
            }
            if done == 0 {
                self.first = self.position.wrapping_sub(1);
            }
        }
        if !items.is_empty() {
            self.hint();
        }
        (items.len(), Ok(()))
    }
}
