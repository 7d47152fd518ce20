//! The consuming end.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use super::seat::Seat;
use super::tag::{Shape, State, Tag};
use super::walk::Walk;
use super::{Corruption, Holder};
use crate::apart::apart;
use crate::edge::Edge;
use crate::memory::Place;
use crate::platform::{Barrier, Platform, Site, Word};

/// Why nothing was popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Nothing {
    /// At one moment during the call every pushed element had been popped or was held by a consumer.
    Empty,
    /// The next element is being written.
    Busy(Holder),
    /// The ring is closed, and everything pushed before has been popped or is held by a consumer.
    Closed,
    /// Other ends won the race a thousand times in a row. Try again.
    Contended,
    /// A tag is invalid.
    Corrupt(Corruption),
}

impl From<Corruption> for Nothing {
    fn from(corruption: Corruption) -> Self {
        Self::Corrupt(corruption)
    }
}

/// An element, and how many consumers have failed to process it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Popped<T> {
    /// The element.
    pub item: T,
    /// How many consumers died holding it or gave it back; modulo 16.
    pub attempt: u32,
}

/// A consuming end: its seat, its private position, and what it knows about orphans.
#[derive(Debug)]
pub struct Consumer<M: Memory> {
    pub(super) memory: M,
    pub(super) shape: Shape,
    pub(super) seat: Seat,
    /// The position to check next. The one before it is claimed.
    pub(super) position: u64,
    /// The orphan generation at the last search that found none.
    pub(super) searched: Option<u64>,
    /// What a leaked [`Lent`], neither released nor dropped, still holds.
    pub(super) held: Option<Taken>,
    /// Elements taken since the ring was last found empty, up to [`NEAR`].
    near: u8,
}

/// This number of elements taken without a wait is a stream, in which the lines ahead are prefetched.
const NEAR: u8 = 4;

/// A slot that can be taken, or has been.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub(super) position: u64,
    pub(super) tag: Tag,
}

impl<M: Memory> Consumer<M> {
    /// A consuming end in a seat of this ring.
    pub fn attach(memory: M, seat: Seat) -> Self {
        let shape = Shape::new(memory.capacity(), memory.lap_bits());
        // [M5] Acquire ← the Release of the end that stored it: the positions below are claimed.
        let position = memory.head().load(M::Platform::ordering(Edge::MpmcHeadLoad));
        Self { memory, shape, seat, position, searched: None, held: None, near: 0 }
    }

    /// As [`try_pop`](Self::try_pop), into a place that is completely written on success and untouched
    /// otherwise. For large elements, which are then copied once. Returns the number of earlier attempts.
    ///
    /// # Errors
    /// [`Nothing`].
    #[inline(always)]
    pub fn try_pop_into(&mut self, place: &mut Place<M>) -> Result<u32, Nothing> {
        self.pop_after(place, |_| {})
    }

    /// As [`try_pop_into`](Self::try_pop_into). Runs `before` when this end has claimed and copied the
    /// element, **before** its slot is released: a process that dies there leaves the element to another
    /// consumer. `before` must not panic.
    ///
    /// A producer that finds a slot being read checks it again [soon](crate::wait::soon), and does not wait
    /// to be woken.
    ///
    /// # Errors
    /// [`Nothing`].
    #[inline(always)]
    pub fn pop_after(
        &mut self,
        place: &mut Place<M>,
        before: impl FnOnce(&mut Self),
    ) -> Result<u32, Nothing> {
        let taken = self.claim_next()?;
        self.pop_claimed(taken, place, before);
        Ok(taken.tag.attempt())
    }

    /// The first half of [`pop_after`](Self::pop_after): claims the next element for
    /// [`pop_claimed`](Self::pop_claimed), which must follow.
    ///
    /// # Errors
    /// [`Nothing`].
    #[inline(always)]
    pub(crate) fn claim_next(&mut self) -> Result<Taken, Nothing> {
        self.take(State::Reading)
    }

    /// The second half, which cannot fail.
    #[inline(always)]
    pub(crate) fn pop_claimed(&mut self, taken: Taken, place: &mut Place<M>, before: impl FnOnce(&mut Self)) {
        self.copy(taken, place);
        M::Platform::crash_point(Site::MpmcCopied);
        before(self);
        self.release(taken);
        self.hint();
    }

    /// Whether an element can be popped now.
    ///
    /// # Errors
    /// The result that [`try_pop`](Self::try_pop) would return.
    pub fn look(&mut self) -> Result<(), Nothing> {
        self.settle();
        self.find(&mut Walk::new(), None).map(|_| ())
    }

    /// As [`look`](Self::look), for an end that was woken and has popped: when there is more, it must wake
    /// the next, because producers wake no one for an element that lies
    /// [behind another](super::Producer::is_behind_another).
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn look_behind(&mut self) -> Result<(), Nothing> {
        let _ = M::Platform::heavy(Barrier::Fence); // A fence, which cannot be refused.
        self.look()
    }

    /// Whether an element has been pushed and not taken at this end's position: a check without effect, only
    /// a hint, for use while waiting. When it returns false, there may still be an orphan to take, or a
    /// position to continue from.
    #[inline(always)]
    #[must_use]
    pub fn has_item(&self) -> bool {
        let index = self.shape.index(self.position);
        let tag = self.memory.tag(index).load(Relaxed); // A hint.
        if tag == self.shape.empty(self.position).full().as_raw() {
            return true;
        }
        self.memory.prefetch_polled(index);
        false
    }

    /// Acquires the line of the tag at this end's position, if that slot is free, by a compare-and-swap to
    /// the same value, which changes nothing. To be done once when a wait begins, where it
    /// [pays](Memory::polled_line_is_taken).
    ///
    /// The line may be shared: the producer has held it since its last lap, or the processor has prefetched
    /// it; then the producer's claim has to wait until all other copies are invalidated. A line held by a
    /// single cache arrives sooner.
    pub fn take_line(&self) {
        if !self.memory.polled_line_is_taken() {
            return;
        }
        let free = self.shape.empty(self.position).as_raw();
        let tag = self.memory.tag(self.shape.index(self.position));
        // Conveys nothing in either direction.
        let _ = tag.compare_exchange(free, free, Relaxed, Relaxed);
    }

    /// Whether an element has been pushed and not taken this number of positions ahead of this end's. A check
    /// without effect, only a hint.
    #[must_use]
    pub fn is_full_ahead(&self, count: u64) -> bool {
        let position = self.position.wrapping_add(count.wrapping_sub(1));
        let tag = self.memory.tag(self.shape.index(position)).load(Relaxed); // A hint.
        tag == self.shape.empty(position).full().as_raw()
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

    /// Claims the next element for this end.
    #[inline(always)]
    pub(super) fn take(&mut self, how: State) -> Result<Taken, Nothing> {
        if self.held.is_some() {
            self.settle();
        }
        let position = self.position;
        let full = self.shape.empty(position).full();
        // [M1] Acquire ← the producer's Release: the payload was written before.
        let index = self.shape.index(position);
        let tag = self.memory.tag(index).load(M::Platform::ordering(Edge::MpmcObserve));
        if tag != full.as_raw() {
            self.memory.prefetch_polled(index);
            return apart(self.take_slowly(how, Some(Tag::from_raw(tag))));
        }
        self.memory.prefetch_taken(index);
        let found = Taken { position, tag: full };
        if self.claim(found, how, Edge::MpmcTake) {
            M::Platform::crash_point(Site::MpmcTaken);
            return Ok(found);
        }
        apart(self.take_slowly(how, None))
    }

    /// As `take`; `seen` is the tag at this end's position if it was just loaded.
    #[cold]
    #[inline(never)]
    fn take_slowly(&mut self, how: State, mut seen: Option<Tag>) -> Result<Taken, Nothing> {
        self.near = 0;
        let mut walk = Walk::new();
        loop {
            let found = self.find(&mut walk, seen.take())?;
            if found.tag.state() == Some(State::Orphan) {
                if self.claim(found, how, Edge::MpmcTakeOrphan) {
                    M::Platform::crash_point(Site::MpmcOrphanTaken);
                    return Ok(found);
                }
            } else if self.claim(found, how, Edge::MpmcTake) {
                M::Platform::crash_point(Site::MpmcTaken);
                return Ok(found);
            }
        }
    }

    /// The claim: one CAS from the tag found to this end's own. False when another end was faster.
    #[inline(always)]
    fn claim(&mut self, found: Taken, how: State, edge: Edge) -> bool {
        let own = found.tag.held(how, self.seat.number());
        // [M3] Release → a recoverer: a process that reads this tag sees the seat taken before, and an
        // earlier hold of this number ended. Acquire: if laps have wrapped, the element may not be the one
        // that was checked; and a search reads without acquiring anything.
        let claimed = self.memory.tag(self.shape.index(found.position)).compare_exchange(
            found.tag.as_raw(),
            own.as_raw(),
            M::Platform::ordering(edge),
            Relaxed,
        );
        claimed.is_ok()
    }

    #[inline(always)]
    pub(super) fn copy(&self, taken: Taken, item: &mut Place<M>) {
        let index = self.shape.index(taken.position);
        // The slot is this end's by its claim, and no one else writes it until it is released.
        self.memory.read(index, item);
    }

    /// Releases a taken slot to the producers: the point at which the element is delivered.
    #[inline(always)]
    pub(super) fn release(&mut self, taken: Taken) {
        let free = self.shape.next_lap(taken.tag).as_raw();
        // [M2] Release → the next producer's Acquire: the payload has been read. A plain store: no one else
        // changes a slot that a live end holds.
        self.memory
            .tag(self.shape.index(taken.position))
            .store(free, M::Platform::ordering(Edge::MpmcRelease));
        M::Platform::crash_point(Site::MpmcReleased);
        if taken.position == self.position {
            self.position = taken.position.wrapping_add(1);
            if self.near == NEAR {
                self.memory.prefetch(self.shape.index(self.position));
            } else {
                // In sparse traffic the producer would lose lines that it is about to claim.
                self.near += 1;
            }
        }
    }

    /// Lets other ends jump to this end's position.
    #[inline(always)]
    pub(super) fn hint(&mut self) {
        // [M5] Release → the Acquire of an end that jumps: the positions below are claimed.
        self.memory.head().store(self.position, M::Platform::ordering(Edge::MpmcHeadStore));
        M::Platform::crash_point(Site::MpmcPopped);
    }

    /// Returns an element that was leaked while lent.
    #[cold]
    pub(super) fn settle(&mut self) {
        if let Some(taken) = self.held.take() {
            self.give_back(taken);
        }
    }

    /// Returns a lent element for another consumer, or discards it after the last attempt.
    fn give_back(&mut self, taken: Taken) {
        let index = self.shape.index(taken.position);
        let (tag, edge, counter) = super::recovery::after_lending(&self.memory, taken.tag);
        // [M6] Release → the next owner of the slot: this end no longer uses it.
        self.memory.tag(index).store(tag.as_raw(), M::Platform::ordering(edge));
        super::recovery::count(&self.memory, counter);
        super::recovery::publish_orphans(&self.memory);
    }

    /// The position that this end checks next.
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
