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
    /// At one moment during the call every element that had been pushed was popped, or in the hands of a
    /// consumer.
    Empty,
    /// The next element is being written.
    Busy(Holder),
    /// The ring is closed, and everything pushed before was popped, or is in the hands of a consumer.
    Closed,
    /// Others were faster a thousand times in a row. Try again.
    Contended,
    /// A tag makes no sense.
    Corrupt(Corruption),
}

impl From<Corruption> for Nothing {
    fn from(corruption: Corruption) -> Self {
        Self::Corrupt(corruption)
    }
}

/// An element, and how many consumers have lost it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Popped<T> {
    /// The element.
    pub item: T,
    /// How many consumers died with it, or gave it back; modulo 16.
    pub attempt: u32,
}

/// A consuming end: its seat, its private position, and what it knows of orphans.
#[derive(Debug)]
pub struct Consumer<M: Memory> {
    pub(super) memory: M,
    pub(super) shape: Shape,
    pub(super) seat: Seat,
    /// The position to look at next. The one before it is claimed.
    pub(super) position: u64,
    /// The orphan generation at the last search that found none.
    pub(super) searched: Option<u64>,
    /// What a [`Lent`] holds that has neither been released nor dropped, but leaked.
    pub(super) held: Option<Taken>,
    /// Elements taken since nothing was found last, up to [`NEAR`].
    near: u8,
}

/// So many elements taken without a wait are a stream, in which the lines ahead are asked for.
const NEAR: u8 = 4;

/// A slot that can be taken, or was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) position: u64,
    pub(super) tag: Tag,
}

impl<M: Memory> Consumer<M> {
    /// A consuming end in a seat of this ring.
    pub fn attach(memory: M, seat: Seat) -> Self {
        let shape = Shape::new(memory.capacity(), memory.lap_bits());
        // [M5] Acquire ← the Release of whoever stored it: the positions below are claimed.
        let position = memory.head().load(M::Platform::ordering(Edge::MpmcHeadLoad));
        Self { memory, shape, seat, position, searched: None, held: None, near: 0 }
    }

    /// As [`try_pop`](Self::try_pop), into a place that is written whole when it succeeds, and not at all
    /// otherwise. For large elements, which are then copied once. Gives the number of earlier attempts.
    ///
    /// # Errors
    /// [`Nothing`].
    #[inline(always)]
    pub fn try_pop_into(&mut self, place: &mut Place<M>) -> Result<u32, Nothing> {
        self.pop_after(place, |_| {})
    }

    /// As [`try_pop_into`](Self::try_pop_into). Runs `before` when the element is this end's and copied,
    /// **before** its slot is given back: whoever dies there leaves the element to another consumer. It must
    /// not panic.
    ///
    /// A producer that finds a slot being read looks at it again [soon](crate::wait::soon), and does not wait
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
        let taken = self.take(State::Reading)?;
        self.copy(taken, place);
        M::Platform::crash_point(Site::MpmcCopied);
        before(self);
        self.release(taken);
        self.hint();
        Ok(taken.tag.attempt())
    }

    /// Whether an element can be popped now.
    ///
    /// # Errors
    /// What [`try_pop`](Self::try_pop) would answer.
    pub fn look(&mut self) -> Result<(), Nothing> {
        self.settle();
        self.find(&mut Walk::new(), None).map(|_| ())
    }

    /// As [`look`](Self::look), for one that was woken and has popped: when there is more it must wake the
    /// next, as producers wake nobody for an element that lies
    /// [behind another](super::Producer::is_behind_another).
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn look_behind(&mut self) -> Result<(), Nothing> {
        let _ = M::Platform::heavy(Barrier::Fence); // A fence: nobody can refuse it.
        self.look()
    }

    /// Whether an element has been pushed, and not taken, at this end's position: a look that changes nothing
    /// and decides nothing, to be made while waiting. There may be an orphan to take, or a position to go on
    /// from, when it says no.
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

    /// Takes the line of the tag at this end's position, if that slot is free: by a compare-and-swap to what
    /// is there, which changes nothing. To be done once when a wait begins, where it
    /// [pays](Memory::polled_line_is_taken).
    ///
    /// The producer has had that line since its last lap, or the processor has fetched it on its own; then
    /// the producer's claim has to wait until all others let go of it. From the one cache that has it a line
    /// comes sooner.
    pub fn take_line(&self) {
        if !self.memory.polled_line_is_taken() {
            return;
        }
        let free = self.shape.empty(self.position).as_raw();
        let tag = self.memory.tag(self.shape.index(self.position));
        // Nothing is learned by it, and nothing told.
        let _ = tag.compare_exchange(free, free, Relaxed, Relaxed);
    }

    /// Whether an element has been pushed, and not taken, so many positions ahead of this end's. A look that
    /// changes nothing and decides nothing.
    #[must_use]
    pub fn is_full_ahead(&self, count: u64) -> bool {
        let position = self.position.wrapping_add(count.wrapping_sub(1));
        let tag = self.memory.tag(self.shape.index(position)).load(Relaxed); // A hint.
        tag == self.shape.empty(position).full().as_raw()
    }

    /// Gives the seat back.
    pub fn detach(mut self) {
        self.leave();
    }

    /// As [`detach`](Self::detach), by an end that stays where it is, and does nothing more.
    pub fn leave(&mut self) {
        self.settle();
        self.seat.give_back(&self.memory);
    }

    /// Makes the next element this end's own.
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

    /// The claim: one CAS from the tag found to this end's own. False when somebody else was faster.
    #[inline(always)]
    fn claim(&mut self, found: Taken, how: State, edge: Edge) -> bool {
        let own = found.tag.held(how, self.seat.number());
        // [M3] Release → a recoverer: who reads this tag sees the seat taken before, and an earlier hold of
        // this number ended. Acquire: the element may be another one than was looked at, when laps have
        // wrapped; and a search looks without acquiring anything.
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
        // The slot is this end's by its claim, and nobody writes it until it is released.
        self.memory.read(index, item);
    }

    /// Gives a taken slot to the producers: the point at which the element is delivered.
    #[inline(always)]
    pub(super) fn release(&mut self, taken: Taken) {
        let free = self.shape.next_lap(taken.tag).as_raw();
        // [M2] Release → the next producer's Acquire: the payload has been read. A plain store: nobody else
        // changes a slot in a live end's hands.
        self.memory
            .tag(self.shape.index(taken.position))
            .store(free, M::Platform::ordering(Edge::MpmcRelease));
        M::Platform::crash_point(Site::MpmcReleased);
        if taken.position == self.position {
            self.position = taken.position.wrapping_add(1);
            if self.near == NEAR {
                self.memory.prefetch(self.shape.index(self.position));
            } else {
                // A producer in sparse traffic would lose lines that it is about to claim.
                self.near += 1;
            }
        }
    }

    /// Lets others jump to where this end is.
    #[inline(always)]
    pub(super) fn hint(&mut self) {
        // [M5] Release → the Acquire of whoever jumps: the positions below are claimed.
        self.memory.head().store(self.position, M::Platform::ordering(Edge::MpmcHeadStore));
        M::Platform::crash_point(Site::MpmcPopped);
    }

    /// Gives back an element that was leaked while lent.
    #[cold]
    pub(super) fn settle(&mut self) {
        if let Some(taken) = self.held.take() {
            self.give_back(taken);
        }
    }

    /// Gives a lent element to another consumer, or gives it up after the last attempt.
    fn give_back(&mut self, taken: Taken) {
        let index = self.shape.index(taken.position);
        let (tag, edge, counter) = super::recovery::after_lending(&self.memory, taken.tag);
        // [M6] Release → whoever takes the slot next: this end has done with it.
        self.memory.tag(index).store(tag.as_raw(), M::Platform::ordering(edge));
        super::recovery::count(&self.memory, counter);
        super::recovery::announce_orphans(&self.memory);
    }

    /// The position this end looks at next.
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
