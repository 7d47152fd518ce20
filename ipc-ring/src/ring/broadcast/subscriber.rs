//! The reading end.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::cursor;
use super::memory::Memory;
use super::seat::{self, Seat, is_below};
use crate::edge::Edge;
use crate::memory::{Of, Place};
use crate::message::Message;
use crate::opaque::opaque;
use crate::platform::{Platform, Site, Word};

/// Where a subscriber begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// With the oldest message that is still there.
    Oldest,
    /// With the newest message that is there, or the first one to come when there is none.
    Newest,
    /// With the first message that is published after it has joined.
    Next,
    /// With the message of this position. Those of them that are gone are reported as missed; one still to come is waited
    /// for.
    At(u64),
}

/// Where a subscriber goes on that was overrun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resume {
    /// At the oldest message that is still there: the fewest are missed. One that cannot keep up is overrun again soon.
    #[default]
    Oldest,
    /// At the newest message.
    Newest,
}

/// What came of an attempt to pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pop<T> {
    /// The next message.
    Item {
        /// The message.
        item: T,
        /// Whether the publisher of a gated ring should be looked at now: it may wait for room.
        look: bool,
    },
    /// Nothing to pop.
    Empty {
        /// As for [`Pop::Item`].
        look: bool,
    },
    /// So many messages were overwritten before they could be read. The next pop goes on behind them.
    Missed {
        /// Their number.
        count: u64,
    },
    /// A word makes no sense.
    Corrupt(Corruption),
}

impl Pop<()> {
    /// An answer without a message, for a pop of something else.
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
    /// The position at which the publisher was last looked at.
    looked: u64,
    /// Look at it when this many messages have been read since.
    quarter: u64,
}

impl<M: Memory> Subscriber<M> {
    /// Joins with a seat. From the start on, the publisher of a gated ring overwrites nothing before it was read. Under the
    /// lock, as [`seat::take`]; `is_publishing` says whether the publisher is alive.
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
            // Who named a position is told what is missing before the one that is held for it.
            if matches!(start, Start::At(_)) { wanted } else { entered }
        } else {
            // For observers only: nobody waits for it.
            words.cursor(seat.number()).store(cursor::at(wanted), Relaxed);
            wanted
        };
        M::Platform::crash_point(Site::BroadcastJoined);
        Ok(Self::new(memory, position, resume, Some(seat)))
    }

    /// Reads without a seat: nothing is written, nobody is held up, and what is overwritten is reported as missed.
    pub fn watch(memory: M, start: Start, resume: Resume) -> Self {
        let position = Self::place(&memory, start);
        Self::new(memory, position, resume, None)
    }

    fn new(memory: M, position: u64, resume: Resume, seat: Option<Seat>) -> Self {
        let quarter = (memory.capacity() / 4).max(1);
        Self { memory, position, resume, seat, looked: position, quarter }
    }

    /// The position of a start as things are now.
    fn place(memory: &M, start: Start) -> u64 {
        let words = memory;
        // A tail that is out of date gives a start that is too early by what is published now; the floor is never above
        // the tail, but may be above one that is out of date.
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

    /// Pops one message into a place, which is written whole when the answer is [`Pop::Item`] and holds nothing of use
    /// otherwise.
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

    /// Looks at the next message of a gated ring where it lies; the publisher does not write there before it is released.
    /// `Err` when there is none, as [`try_pop`](Self::try_pop) says it.
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

    /// Whether a pop would give something other than [`Pop::Empty`] now.
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
        // [D2] Acquire ← the publisher's fence: who read something newer sees the floor that gave it up.
        M::Platform::fence(Edge::BroadcastValidate);
        is_below(self.position, self.memory.floor().load(Relaxed)) // Ordered by the fence.
    }

    /// Goes on where the floor is, or at the newest message.
    #[cold]
    #[inline(never)]
    fn overrun(&mut self) -> Pop<()> {
        let words = &self.memory;
        let floor = words.floor().load(Relaxed); // Not below the one that was just seen to be too high.
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

    /// The slot at the current position does not hold its message: is that in order?
    #[inline(never)]
    fn nothing(&mut self, word: u64) -> Pop<()> {
        let expected = self.position.wrapping_add(1);
        let mask = self.memory.capacity() - 1;
        let corrupt = Corruption { word: "sequence word", position: self.position, found: word };
        if is_below(word, expected) {
            // An earlier lap's, or never written.
            if word != 0 && word.wrapping_sub(expected) & mask != 0 {
                return Pop::Corrupt(corrupt);
            }
            self.memory.prefetch_polled(self.index());
            let look = self.memory.gated() && self.looked != self.position;
            self.looked = self.position;
            return Pop::Empty { look };
        }
        // A later lap's. Or never written, and this end was told to start at a position so far up that it counts as one below the floor.
        if (word == 0 || word.wrapping_sub(expected) & mask == 0) && self.is_overrun() {
            return self.overrun();
        }
        Pop::Corrupt(corrupt)
    }

    /// Moves on by `count`. Says whether the publisher should be looked at.
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

    /// How many messages are waiting to be read, or overwritten already. Racy.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let behind = self.memory.tail().load(Relaxed).wrapping_sub(self.position); // For display.
        if behind.cast_signed() < 0 { 0 } else { behind }
    }

    /// Takes back that messages were missed from `position` on, which was this end's before the last pop: they are
    /// reported by the next one.
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

    /// Gives the seat back to whoever frees it, under the lock: see [`seat::leave`].
    pub fn into_seat(self) -> Option<Seat> {
        self.seat
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

    /// Pops one message after `f` has seen it, and what `f` made of it. A gated publisher does not give the message up before
    /// `f` has returned. A lossy one may do so at any time: when `f` fails the answer is [`Pop::Missed`] if that is the
    /// reason, otherwise the failure.
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
            // [D2] Who saw that the publisher has taken something back sees the floor that gave it up.
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

/// The next message of a gated ring, lent where it lies by [`Subscriber::try_view`]. [`release`](View::release) pops it;
/// dropping the view leaves it to be popped later.
#[derive(Debug)]
pub struct View<'a, M: Memory> {
    subscriber: &'a mut Subscriber<M>,
}

impl<T: Message, M: Memory<Shape = Of<T>>> View<'_, M> {
    /// Gives the message's bytes to `f`.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.subscriber.memory.with_slot(self.subscriber.index(), |slot| f(slot.cast()))
    }

    /// Copies the message out.
    #[must_use]
    pub fn read(&self) -> T {
        let mut item = MaybeUninit::<T>::uninit();
        self.subscriber.memory.read(self.subscriber.index(), &mut item);
        // SAFETY: `read` fills every byte of it, and any bytes are a message.
        unsafe { item.assume_init() }
    }
}

impl<M: Memory> View<'_, M> {
    /// The message's position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.subscriber.position
    }

    /// Pops it. Says whether the publisher should be looked at.
    pub fn release(self) -> bool {
        self.subscriber.advance(1)
    }
}
