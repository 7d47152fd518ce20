//! The reading end.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::cursor;
use super::memory::Memory;
use super::seat::{self, Seat, is_below};
use super::start::{Resume, Start};
use crate::edge::Edge;
use crate::memory::{Of, Place};
use crate::message::Message;
use crate::opaque::opaque;
use crate::platform::{Platform, Site, Word};

mod view;

pub use view::View;

/// The result of an attempt to pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pop<T> {
    /// The next message.
    Item {
        /// The message.
        item: T,
        /// Whether to check the publisher of a gated ring now: it may be waiting for room.
        look: bool,
    },
    /// Nothing to pop.
    Empty {
        /// As for [`Pop::Item`].
        look: bool,
    },
    /// Messages were overwritten before they could be read. The next pop continues after them.
    Missed {
        /// Their number.
        count: u64,
    },
    /// A word is invalid.
    Corrupt(Corruption),
}

impl Pop<()> {
    /// A result without a message, for a pop of another type.
    #[inline]
    fn without_item<U>(self) -> Pop<U> {
        match self {
            Pop::Item { look, .. } | Pop::Empty { look } => Pop::Empty { look },
            Pop::Missed { count } => Pop::Missed { count },
            Pop::Corrupt(corruption) => Pop::Corrupt(corruption),
        }
    }
}

/// A reading end of a ring: its private position.
#[derive(Debug)]
pub struct Subscriber<M: Memory> {
    memory: M,
    /// The next position to read. Exact.
    position: u64,
    resume: Resume,
    seat: Option<Seat>,
    /// The position at which the publisher was last checked.
    looked: u64,
    /// Check it after this number of further messages.
    quarter: u64,
}

impl<M: Memory> Subscriber<M> {
    /// Joins with a seat. From the start on, the publisher of a gated ring overwrites nothing before it was
    /// read. Under the lock, as [`seat::take`]; `is_publishing` says whether the publisher is alive.
    ///
    /// # Errors
    /// As [`seat::enter`], with the seat.
    pub fn join(
        memory: M,
        seat: Seat,
        start: Start,
        resume: Resume,
        is_publishing: impl Fn() -> bool,
    ) -> Result<Self, (ipc_core::Error, Seat)> {
        let wanted = Self::place(&memory, start);
        let words = &memory;
        let position = if words.gated() {
            let entered = match seat::enter(words, &seat, wanted, is_publishing) {
                Ok(entered) => entered,
                Err(error) => return Err((error, seat)),
            };
            // A subscriber that named a position gets the number of messages missing before the one that is
            // held for it.
            if matches!(start, Start::At(_)) { wanted } else { entered }
        } else {
            // For observers only: the publisher does not wait for it.
            words.cursor(seat.number()).store(cursor::at(wanted), Relaxed);
            wanted
        };
        M::Platform::crash_point(Site::BroadcastJoined);
        Ok(Self::new(memory, position, resume, Some(seat)))
    }

    /// Reads without a seat: nothing is written, the publisher is not held up, and what is overwritten is
    /// reported as missed.
    pub fn watch(memory: M, start: Start, resume: Resume) -> Self {
        let position = Self::place(&memory, start);
        Self::new(memory, position, resume, None)
    }

    fn new(memory: M, position: u64, resume: Resume, seat: Option<Seat>) -> Self {
        let quarter = (memory.capacity() / 4).max(1);
        Self { memory, position, resume, seat, looked: position, quarter }
    }

    /// The current position of a start.
    fn place(memory: &M, start: Start) -> u64 {
        let words = memory;
        // With an out-of-date tail the start is too early by the messages published meanwhile; the floor is
        // never above the tail, but may be above an out-of-date one.
        let tail = words.tail().load(Relaxed);
        let floor = words.floor().load(Relaxed);
        let tail = if is_below(tail, floor) { floor } else { tail };
        match start {
            Start::Oldest => floor,
            Start::Newest => newest(floor, tail),
            Start::Next => tail,
            Start::At(position) => position,
        }
    }

    /// Pops one message into a place, which is completely written if the result is [`Pop::Item`], and
    /// otherwise has no meaningful content.
    #[inline(always)]
    pub fn try_pop_into(&mut self, place: &mut Place<M>) -> Pop<()> {
        let index = self.index();
        // [D1] Acquire ← the publisher's Release: the payload was written before.
        let word = self.memory.slot_word(index).load(M::Platform::ordering(Edge::BroadcastObserve));
        if word != opaque(self.position.wrapping_add(1)) {
            return self.nothing(word);
        }
        self.memory.read(index, place);
        if self.is_overrun() {
            return self.overrun();
        }
        Pop::Item { item: (), look: self.advance(1) }
    }

    /// Returns a view of the next message of a gated ring in place; the publisher does not write there before
    /// it is released. `Err` if there is none, with the result of [`try_pop`](Self::try_pop).
    ///
    /// # Panics
    /// In a lossy ring, and without a seat: there the publisher may write at any time.
    pub fn try_view(&mut self) -> Result<View<'_, M>, Pop<()>> {
        assert!(self.memory.gated() && self.seat.is_some(), "only a gated ring lends what it holds");
        // [D1] Acquire ← the publisher's Release.
        let word = self.memory.slot_word(self.index()).load(M::Platform::ordering(Edge::BroadcastObserve));
        if word != self.position.wrapping_add(1) {
            return Err(self.nothing(word));
        }
        if self.is_overrun() {
            return Err(self.overrun());
        }
        Ok(View { subscriber: self })
    }

    /// Whether the next message of a gated ring is there: then [`pop_gated`](Self::pop_gated) pops it.
    #[inline(always)]
    #[must_use]
    pub fn knows_next(&mut self) -> bool {
        self.memory.gated() && self.seat.is_some() && self.try_view().is_ok()
    }

    /// Pops the next message of a gated ring, which is [known](Self::knows_next) to be there and is not
    /// overwritten before. Returns whether to check the publisher.
    #[inline(always)]
    #[must_use]
    pub fn pop_gated(&mut self, place: &mut Place<M>) -> bool {
        self.memory.read(self.index(), place);
        self.advance(1)
    }

    /// Whether a pop would return something other than [`Pop::Empty`] now.
    #[must_use]
    pub fn has_something(&self) -> bool {
        let index = self.index();
        // [D1] Acquire ← the publisher's Release.
        let word = self.memory.slot_word(index).load(M::Platform::ordering(Edge::BroadcastObserve));
        if !is_below(word, self.position.wrapping_add(1)) {
            return true;
        }
        self.memory.prefetch_polled(index);
        false
    }

    /// Whether what was just read at the current position may have been overwritten meanwhile.
    #[inline(always)]
    fn is_overrun(&self) -> bool {
        // [D2] Acquire ← the publisher's fence: a subscriber that has read something newer sees the floor
        // that gave it up.
        M::Platform::fence(Edge::BroadcastValidate);
        is_below(self.position, self.memory.floor().load(Relaxed)) // Ordered by the fence.
    }

    /// Continues at the floor, or at the newest message.
    #[cold]
    #[inline(never)]
    fn overrun(&mut self) -> Pop<()> {
        let words = &self.memory;
        let floor = words.floor().load(Relaxed); // Not below the one just found too high.
        let target = match self.resume {
            Resume::Oldest => floor,
            Resume::Newest => newest(floor, words.tail().load(Relaxed)), // A hint, see `place`.
        };
        let count = target.wrapping_sub(self.position);
        self.position = target;
        if let Some(seat) = &self.seat {
            words.missed().fetch_add(count, Relaxed); // Statistics.
            // [D3] Release → the publisher: nothing below is read any more.
            words
                .cursor(seat.number())
                .store(cursor::at(target), M::Platform::ordering(Edge::BroadcastConsume));
        }
        Pop::Missed { count }
    }

    /// The slot at the current position does not hold its message: determines why.
    #[inline(never)]
    fn nothing(&mut self, word: u64) -> Pop<()> {
        let expected = self.position.wrapping_add(1);
        let mask = self.memory.capacity() - 1;
        let corrupt = Corruption { word: "sequence word", position: self.position, found: word };
        if is_below(word, expected) {
            // From an earlier lap, or never written.
            if word != 0 && word.wrapping_sub(expected) & mask != 0 {
                return Pop::Corrupt(corrupt);
            }
            self.memory.prefetch_polled(self.index());
            let look = self.memory.gated() && self.looked != self.position;
            self.looked = self.position;
            return Pop::Empty { look };
        }
        // From a later lap. Or never written, and this end was created with a start position so high that it
        // counts as one below the floor.
        if (word == 0 || word.wrapping_sub(expected) & mask == 0) && self.is_overrun() {
            return self.overrun();
        }
        Pop::Corrupt(corrupt)
    }

    /// Advances by `count`. Returns whether to check the publisher.
    #[inline(always)]
    fn advance(&mut self, count: u64) -> bool {
        M::Platform::crash_point(Site::BroadcastRead);
        self.position = self.position.wrapping_add(count);
        let words = &self.memory;
        if let Some(seat) = &self.seat {
            // [D3] Release → the publisher of a gated ring: the payloads below have been read.
            words
                .cursor(seat.number())
                .store(cursor::at(self.position), M::Platform::ordering(Edge::BroadcastConsume));
            M::Platform::crash_point(Site::BroadcastConsumed);
            if words.gated() && self.position.wrapping_sub(self.looked) >= self.quarter {
                self.looked = self.position;
                return true;
            }
        }
        false
    }

    #[inline(always)]
    fn index(&self) -> u64 {
        self.position & (self.memory.capacity() - 1)
    }

    /// The next position to be read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The number of messages waiting to be read, or overwritten already. Racy.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let behind = self.memory.tail().load(Relaxed).wrapping_sub(self.position); // For display.
        if behind.cast_signed() < 0 { 0 } else { behind }
    }

    /// Takes back the report that messages were missed from `position` on, which was this end's before the
    /// last pop: the next pop reports them.
    pub(crate) fn go_back(&mut self, position: u64) {
        if let Some(_seat) = &self.seat {
            let words = &self.memory;
            let again = self.position.wrapping_sub(position);
            words.missed().fetch_add(again.wrapping_neg(), Relaxed); // Statistics.
        }
        self.position = position;
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Returns the seat, to be freed under the lock: see [`seat::leave`].
    pub fn into_seat(self) -> Option<Seat> {
        self.seat
    }

    /// As [`into_seat`](Self::into_seat), for an end that is about to go: this half pops nothing after that.
    pub(crate) fn take_seat(&mut self) -> Option<Seat> {
        self.seat.take()
    }
}

impl<T: Message, M: Memory<Shape = Of<T>>> Subscriber<M> {
    /// Pops one message.
    #[inline(always)]
    pub fn try_pop(&mut self) -> Pop<T> {
        let mut item = MaybeUninit::<T>::uninit();
        match self.try_pop_into(&mut item) {
            Pop::Item { look, .. } => {
                // SAFETY: popped, so every byte of the item was written.
                let item = unsafe { item.assume_init() };
                Pop::Item { item, look }
            }
            Pop::Empty { look } => Pop::Empty { look },
            Pop::Missed { count } => Pop::Missed { count },
            Pop::Corrupt(corruption) => Pop::Corrupt(corruption),
        }
    }

    /// Pops one message after `f` has processed it, and returns the result of `f`. A gated publisher does not
    /// give the message up before `f` has returned. A lossy one may do so at any time: if `f` fails for that
    /// reason the result is [`Pop::Missed`], otherwise the failure.
    #[inline]
    pub fn try_pop_by<R>(&mut self, f: impl FnOnce(&T) -> Result<R, R>) -> Pop<R> {
        let mut item = MaybeUninit::<T>::uninit();
        let index = self.index();
        // [D1] Acquire ← the publisher's Release: the payload was written before.
        let word = self.memory.slot_word(index).load(M::Platform::ordering(Edge::BroadcastObserve));
        if word != opaque(self.position.wrapping_add(1)) {
            return self.nothing(word).without_item();
        }
        self.memory.read(index, &mut item);
        if self.is_overrun() {
            return self.overrun().without_item();
        }
        // SAFETY: `read` fills every byte of it, and any bytes are a message.
        let item = unsafe { item.assume_init() };
        let made = match f(&item) {
            Ok(made) => made,
            // [D2] A subscriber that saw that the publisher has withdrawn something sees the floor that gave
            // it up.
            Err(_) if self.is_overrun() => return self.overrun().without_item(),
            Err(made) => made,
        };
        Pop::Item { item: made, look: self.advance(1) }
    }

    /// Pops as many messages as are ready and fit, in order.
    #[inline]
    pub fn try_pop_slice(&mut self, out: &mut [MaybeUninit<T>]) -> Pop<usize> {
        let mask = self.memory.capacity() - 1;
        let mut done = 0;
        for place in out.iter_mut() {
            let position = self.position.wrapping_add(done);
            // [D1] Acquire ← the publisher's Release.
            let word =
                self.memory.slot_word(position & mask).load(M::Platform::ordering(Edge::BroadcastObserve));
            if word != opaque(position.wrapping_add(1)) {
                if done == 0 {
                    return self.nothing(word).without_item();
                }
                break;
            }
            self.memory.read(position & mask, place);
            done += 1;
        }
        if done == 0 {
            return Pop::Empty { look: false };
        }
        if self.is_overrun() {
            return self.overrun().without_item();
        }
        let look = self.advance(done);
        Pop::Item { item: usize::try_from(done).expect("no more than the slice holds"), look }
    }
}

/// The newest position between the floor and the tail, which may be out of date.
const fn newest(floor: u64, tail: u64) -> u64 {
    if is_below(floor, tail) { tail.wrapping_sub(1) } else { floor }
}
