//! The consuming end.

use core::mem::{ManuallyDrop, MaybeUninit};
use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use super::seat::Seat;
use super::tag::{Shape, State, Tag};
use super::walk::{Walk, corrupt};
use super::{Corruption, Holder};
use crate::apart::apart;
use crate::edge::Edge;
use crate::memory::{Of, Place};
use crate::message::Message;
use crate::platform::{Barrier, Platform, Site, Word};

/// So many elements of a slice may be such that other consumers have lost.
const ORPHANS: usize = 8;

/// Why nothing was popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Nothing {
    /// At one moment during the call every element that had been pushed was popped, or in the hands of a consumer.
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
    memory: M,
    shape: Shape,
    seat: Seat,
    /// The position to look at next. The one before it is claimed.
    position: u64,
    /// The orphan generation at the last search that found none.
    searched: Option<u64>,
    /// What a [`Lent`] holds that has neither been released nor dropped, but leaked.
    held: Option<Taken>,
    /// Elements taken since nothing was found last, up to [`NEAR`].
    near: u8,
}

/// So many elements taken without a wait are a stream, in which the lines ahead are asked for.
const NEAR: u8 = 4;

/// A slot that can be taken, or was.
#[derive(Clone, Copy, Debug)]
struct Taken {
    position: u64,
    tag: Tag,
}

impl<M: Memory> Consumer<M> {
    /// A consuming end in a seat of this ring.
    pub fn attach(memory: M, seat: Seat) -> Self {
        let shape = Shape::new(memory.capacity(), memory.lap_bits());
        // [M5] Acquire ← the Release of whoever stored it: the positions below are claimed.
        let position = memory.head().load(M::Platform::ordering(Edge::MpmcHeadLoad));
        Self { memory, shape, seat, position, searched: None, held: None, near: 0 }
    }

    /// As [`try_pop`](Self::try_pop), into a place that is written whole when it succeeds, and not at all otherwise. For large elements,
    /// which are then copied once. Gives the number of earlier attempts.
    ///
    /// # Errors
    /// [`Nothing`].
    #[inline(always)]
    pub fn try_pop_into(&mut self, place: &mut Place<M>) -> Result<u32, Nothing> {
        self.pop_after(place, |_| {})
    }

    /// As [`try_pop_into`](Self::try_pop_into). Runs `before` when the element is this end's and copied, **before** its slot is
    /// given back: whoever dies there leaves the element to another consumer. It must not panic.
    ///
    /// A producer that finds a slot being read looks at it again [soon](crate::wait::soon), and does not wait to be woken.
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

    /// As [`pop_after`](Self::pop_after), of an element that goes to `f` in between: behind `before`, right before its slot is given
    /// back. When `f` panics the element goes to a consumer again.
    ///
    /// # Errors
    /// [`Nothing`].
    pub fn pop_with_after<R>(
        &mut self,
        f: impl FnOnce(&Lent<'_, M>) -> R,
        before: impl FnOnce(&mut Self),
    ) -> Result<R, Nothing> {
        let taken = self.take(State::Reading)?;
        before(self);
        self.held = Some(taken);
        let lent = Lent { consumer: self, taken };
        let result = f(&lent);
        lent.release();
        Ok(result)
    }

    /// Releases what this end is reading of so many positions from the first on: `all`, or those whose tags are its own.
    #[inline(always)]
    fn release_run(&self, first: u64, count: u64, all: bool) {
        for position in (0..count).map(|ahead| first.wrapping_add(ahead)) {
            let tag = self.memory.tag(self.shape.index(position));
            let free = self.shape.next_lap(self.shape.empty(position)).as_raw();
            // Relaxed: whether it is this end's own, which nobody else changes.
            if all || self.is_reading(Tag::from_raw(tag.load(Relaxed)), position) {
                // [M2] As in `release`.
                tag.store(free, M::Platform::ordering(Edge::MpmcRelease));
                M::Platform::crash_point(Site::MpmcReleased);
            }
        }
        self.memory.prefetch(self.shape.index(self.position));
    }

    /// Whether a tag says that this end reads the element of this position.
    fn is_reading(&self, tag: Tag, position: u64) -> bool {
        tag.state() == Some(State::Reading)
            && tag.owner() == self.seat.number()
            && self.shape.ahead(tag, position) == 0
    }

    /// Lends the next element where it lies: at least once, as whoever dies with it in hand leaves it to another consumer.
    ///
    /// # Errors
    /// [`Nothing`].
    pub fn try_lend(&mut self) -> Result<Lent<'_, M>, Nothing> {
        let taken = self.take(State::Lent)?;
        self.held = Some(taken);
        Ok(Lent { consumer: self, taken })
    }

    /// Lends the next element to `f` and pops it when `f` returns. When `f` panics the element goes back.
    ///
    /// # Errors
    /// [`Nothing`].
    pub fn try_pop_with<R>(&mut self, f: impl FnOnce(&Lent<'_, M>) -> R) -> Result<R, Nothing> {
        let lent = self.try_lend()?;
        let result = f(&lent);
        lent.release();
        Ok(result)
    }

    /// Whether an element can be popped now.
    ///
    /// # Errors
    /// What [`try_pop`](Self::try_pop) would answer.
    pub fn look(&mut self) -> Result<(), Nothing> {
        self.settle();
        self.find(&mut Walk::new(), None).map(|_| ())
    }

    /// As [`look`](Self::look), for one that was woken and has popped: when there is more it must wake the next, as producers
    /// wake nobody for an element that lies [behind another](super::Producer::is_behind_another).
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn look_behind(&mut self) -> Result<(), Nothing> {
        let _ = M::Platform::heavy(Barrier::Fence); // A fence: nobody can refuse it.
        self.look()
    }

    /// Whether an element has been pushed, and not taken, at this end's position: a look that changes nothing and decides nothing,
    /// to be made while waiting. There may be an orphan to take, or a position to go on from, when it says no.
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

    /// Takes the line of the tag at this end's position, if that slot is free: by a compare-and-swap to what is there, which changes
    /// nothing. To be done once when a wait begins, where it [pays](Memory::polled_line_is_taken).
    ///
    /// The producer has had that line since its last lap, or the processor has fetched it on its own; then the producer's claim has to wait
    /// until all others let go of it. From the one cache that has it a line comes sooner.
    pub fn take_line(&self) {
        if !self.memory.polled_line_is_taken() {
            return;
        }
        let free = self.shape.empty(self.position).as_raw();
        let tag = self.memory.tag(self.shape.index(self.position));
        let _ = tag.compare_exchange(free, free, Relaxed, Relaxed); // Nothing is learned by it, and nothing told.
    }

    /// Whether an element has been pushed, and not taken, so many positions ahead of this end's. A look that changes nothing
    /// and decides nothing.
    #[must_use]
    pub fn is_full_ahead(&self, count: u64) -> bool {
        let position = self.position.wrapping_add(count.wrapping_sub(1));
        let tag = self.memory.tag(self.shape.index(position)).load(Relaxed); // A hint.
        tag == self.shape.empty(position).full().as_raw()
    }

    /// Gives the seat back.
    pub fn detach(mut self) {
        self.settle();
        self.seat.give_back(&self.memory);
    }

    /// Makes the next element this end's own.
    #[inline(always)]
    fn take(&mut self, how: State) -> Result<Taken, Nothing> {
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
        // [M3] Release → a recoverer: who reads this tag sees the seat taken before, and an earlier hold of this number
        // ended. Acquire: the element may be another one than was looked at, when laps have wrapped; and a search looks
        // without acquiring anything.
        let claimed = self.memory.tag(self.shape.index(found.position)).compare_exchange(
            found.tag.as_raw(),
            own.as_raw(),
            M::Platform::ordering(edge),
            Relaxed,
        );
        claimed.is_ok()
    }

    /// Walks to the first element that can be taken, or finds an orphan. It was there when it was looked at.
    fn find(&mut self, walk: &mut Walk, mut seen: Option<Tag>) -> Result<Taken, Nothing> {
        use State::{Closed, Empty, Full, Lent, Orphan, Reading, Void, Writing};
        while walk.goes_on() {
            let position = self.position;
            let index = self.shape.index(position);
            let tag = seen.take().unwrap_or_else(|| {
                // [M1] Acquire ← the producer's Release; [M6] Acquire ← whoever voided or orphaned the slot.
                Tag::from_raw(self.memory.tag(index).load(M::Platform::ordering(Edge::MpmcObserve)))
            });
            let Some(state) = tag.state() else { return Err(corrupt(tag, position).into()) };
            match (self.shape.ahead(tag, position), state) {
                (0, Full | Orphan) => return Ok(Taken { position, tag }),
                (0, Empty) => match self.orphan() {
                    Some(orphan) => return Ok(orphan),
                    None if !super::is_closed(&self.memory) => return Err(self.unless_told(Nothing::Empty)),
                    None if self.mark_end(index, tag) => return Err(Nothing::Closed),
                    None => {}
                },
                (0 | -1, Closed) => return self.orphan().ok_or(Nothing::Closed),
                (0, Writing) => {
                    let holder = Holder { endpoint: tag.owner(), index, tag };
                    return self.orphan().ok_or_else(|| self.unless_told(Nothing::Busy(holder)));
                }
                (0, Reading | Lent) => self.next(walk, position.wrapping_add(1)),
                (0, Void) => {
                    if self.skip(index, tag) {
                        self.next(walk, position.wrapping_add(1));
                    }
                }
                (-1, Reading | Lent) => {
                    return self.orphan().ok_or_else(|| self.unless_told(Nothing::Empty));
                }
                (-1, Orphan) => {
                    return Ok(Taken { position: position.wrapping_sub(self.memory.capacity()), tag });
                }
                (-1, Void) => {
                    self.skip(index, tag);
                }
                (1, _) => self.next(walk, position.wrapping_add(1)),
                (ahead, _) => {
                    if ahead < 0 {
                        walk.forgive(tag, position)?;
                    }
                    self.next(walk, self.shape.after_meeting(tag, index, position));
                }
            }
        }
        Err(Nothing::Contended)
    }

    /// What there is to say when nothing is there, unless the ring was found corrupt.
    fn unless_told(&self, nothing: Nothing) -> Nothing {
        super::poisoned(&self.memory, self.position).map_or(nothing, Nothing::Corrupt)
    }

    /// Goes to the position of the hint if that is further, else to `next`.
    fn next(&mut self, walk: &mut Walk, next: u64) {
        if walk.may_jump() {
            // [M5] Acquire ← the Release of whoever stored it: the positions below are claimed.
            let head = self.memory.head().load(M::Platform::ordering(Edge::MpmcHeadLoad));
            if head.wrapping_sub(next).cast_signed() > 0 {
                self.position = head;
                return;
            }
        }
        self.position = next;
    }

    /// Frees a slot that holds nothing, for the lap after. False when somebody else changed it first.
    fn skip(&mut self, index: u64, void: Tag) -> bool {
        let free = self.shape.next_lap(void).as_raw();
        // [M9] Relaxed: as a read-modify-write it continues the release of whoever voided the slot.
        let skipped = self.memory.tag(index).compare_exchange(
            void.as_raw(),
            free,
            M::Platform::ordering(Edge::MpmcSkip),
            Relaxed,
        );
        if skipped.is_ok() {
            M::Platform::crash_point(Site::MpmcSkipped);
        }
        skipped.is_ok()
    }

    /// Ends the stream at a slot that is free. False when it was not any more.
    #[cold]
    fn mark_end(&mut self, index: u64, free: Tag) -> bool {
        // [M9] Relaxed: it hands nothing over; that it is the last tag of this slot is what counts.
        let marked = self.memory.tag(index).compare_exchange(
            free.as_raw(),
            free.closed().as_raw(),
            M::Platform::ordering(Edge::MpmcSkip),
            Relaxed,
        );
        marked.is_ok()
    }

    /// Looks for an orphan anywhere in the ring, if there may be a new one since the last fruitless search.
    #[inline]
    fn orphan(&mut self) -> Option<Taken> {
        // [M7] Acquire ← the Release of whoever made orphans: the search below sees them.
        let generation = self.memory.orphans().load(M::Platform::ordering(Edge::MpmcOrphansSeen));
        if self.searched == Some(generation) { None } else { self.search(generation) }
    }

    #[cold]
    #[inline(never)]
    fn search(&mut self, generation: u64) -> Option<Taken> {
        for index in 0..self.memory.capacity() {
            // Relaxed: only a look; [M7] says that the orphans can be seen, and the claim acquires what lies behind the tag.
            let tag = Tag::from_raw(self.memory.tag(index).load(Relaxed));
            if tag.state() == Some(State::Orphan) {
                return Some(Taken { position: self.shape.position(tag, index, self.position), tag });
            }
        }
        self.searched = Some(generation);
        None
    }

    #[inline(always)]
    fn copy(&self, taken: Taken, item: &mut Place<M>) {
        let index = self.shape.index(taken.position);
        // The slot is this end's by its claim, and nobody writes it until it is released.
        self.memory.read(index, item);
    }

    /// Gives a taken slot to the producers: the point at which the element is delivered.
    #[inline(always)]
    fn release(&mut self, taken: Taken) {
        let free = self.shape.next_lap(taken.tag).as_raw();
        // [M2] Release → the next producer's Acquire: the payload has been read. A plain store: nobody else changes a
        // slot in a live end's hands.
        self.memory
            .tag(self.shape.index(taken.position))
            .store(free, M::Platform::ordering(Edge::MpmcRelease));
        M::Platform::crash_point(Site::MpmcReleased);
        if taken.position == self.position {
            self.position = taken.position.wrapping_add(1);
            if self.near == NEAR {
                self.memory.prefetch(self.shape.index(self.position));
            } else {
                self.near += 1; // A producer that has been let go of would lose lines that it is about to claim.
            }
        }
    }

    /// Lets others jump to where this end is.
    #[inline(always)]
    fn hint(&mut self) {
        // [M5] Release → the Acquire of whoever jumps: the positions below are claimed.
        self.memory.head().store(self.position, M::Platform::ordering(Edge::MpmcHeadStore));
        M::Platform::crash_point(Site::MpmcPopped);
    }

    /// Gives back an element that was leaked while lent.
    #[cold]
    fn settle(&mut self) {
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

impl<T: Message, M: Memory<Shape = Of<T>>> Consumer<M> {
    /// Pops one element: exactly once, whoever dies.
    ///
    /// # Errors
    /// [`Nothing`].
    #[inline(always)]
    pub fn try_pop(&mut self) -> Result<Popped<T>, Nothing> {
        let mut item = MaybeUninit::uninit();
        let attempt = self.try_pop_into(&mut item)?;
        // SAFETY: popped, so it was filled.
        Ok(Popped { item: unsafe { item.assume_init() }, attempt })
    }

    /// Pops as many elements as are ready and fit, in order; gives their number, and why it stopped if it did before the
    /// slice was full.
    #[inline]
    pub fn try_pop_slice(&mut self, out: &mut [MaybeUninit<T>]) -> (usize, Result<(), Nothing>) {
        self.pop_slice_after(out, |_, _| {})
    }

    /// As [`try_pop_slice`](Self::try_pop_slice). Runs `before` with the number of elements when all of them are this end's and
    /// copied, **before** the first slot is given back, as [`pop_after`](Self::pop_after) does.
    #[inline]
    pub fn pop_slice_after(
        &mut self,
        out: &mut [MaybeUninit<T>],
        before: impl FnOnce(&mut Self, usize),
    ) -> (usize, Result<(), Nothing>) {
        let mut first = None;
        let mut behind = [None; ORPHANS];
        let (mut done, mut orphans, mut end) = (0, 0, Ok(()));
        while done < out.len() && orphans < ORPHANS {
            match self.take(State::Reading) {
                Ok(taken) => {
                    self.copy(taken, &mut out[done]);
                    done += 1;
                    if taken.position == self.position {
                        first.get_or_insert(taken.position);
                        self.position = taken.position.wrapping_add(1);
                    } else if first.is_none_or(|first| taken.position.wrapping_sub(first).cast_signed() < 0) {
                        behind[orphans] = Some(taken);
                        orphans += 1;
                    }
                }
                Err(nothing) => {
                    end = Err(nothing);
                    break;
                }
            }
        }
        if done > 0 {
            let last = self.position;
            M::Platform::crash_point(Site::MpmcCopied);
            before(self, done);
            behind.into_iter().flatten().for_each(|taken| self.release(taken));
            if let Some(first) = first {
                // In a sound ring no more than a lap, as the first of them is not free.
                let passed = last.wrapping_sub(first).min(self.memory.capacity());
                self.release_run(first, passed, passed == (done - orphans) as u64);
            }
            self.hint();
        }
        (done, end)
    }
}

/// An element lent by [`Consumer::try_lend`]. [`release`](Lent::release) pops it. Dropping it makes it an
/// orphan, to be delivered again with one more attempt; so does the end's next call when it was leaked.
#[derive(Debug)]
pub struct Lent<'a, M: Memory> {
    consumer: &'a mut Consumer<M>,
    taken: Taken,
}

impl<T: Message, M: Memory<Shape = Of<T>>> Lent<'_, M> {
    /// Gives the element's bytes to `f`.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.consumer.memory.with_slot(self.consumer.shape.index(self.taken.position), |slot| f(slot.cast()))
    }

    /// Copies the element out.
    #[must_use]
    pub fn read(&self) -> T {
        let mut item = MaybeUninit::uninit();
        self.consumer.copy(self.taken, &mut item);
        // SAFETY: `copy` has filled it.
        unsafe { item.assume_init() }
    }
}

impl<M: Memory> Lent<'_, M> {
    /// How many consumers have lost the element before: 0 the first time.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.taken.tag.attempt()
    }

    /// The element's position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.taken.position
    }

    /// Pops it.
    pub fn release(self) {
        let mut this = ManuallyDrop::new(self);
        let taken = this.taken;
        this.consumer.held = None;
        M::Platform::crash_point(Site::MpmcCopied);
        this.consumer.release(taken);
        this.consumer.hint();
    }
}

impl<M: Memory> Drop for Lent<'_, M> {
    fn drop(&mut self) {
        self.consumer.settle();
    }
}
