//! The reading end.

use core::sync::atomic::Ordering::Relaxed;

use super::find::{self, Spot};
use super::start::{NoSuchPosition, Start, Unjoined};
use super::{Corruption, Found, Memory, NUMBER, look};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::ring::broadcast::seat::{self, Seat};
use crate::ring::broadcast::{Resume, cursor};
use crate::ring::bytes::header::WORD;

mod view;

pub use view::View;

/// The result of an attempt to pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pop {
    /// The next frame.
    Frame {
        /// Its length.
        len: usize,
        /// Whether to check the publisher of a gated ring now: it may be waiting for room.
        look: bool,
    },
    /// The next frame is longer than there is room for. It stays.
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Nothing to pop.
    Empty {
        /// As for [`Pop::Frame`].
        look: bool,
    },
    /// Frames were overwritten before they could be read. The next pop continues after them.
    Missed {
        /// Their number.
        count: u64,
    },
    /// A word is invalid.
    Corrupt(Corruption),
}

/// A reading end of a ring of frames: its private position.
#[derive(Debug)]
pub struct Subscriber<M: Memory> {
    memory: M,
    /// Where the next record, or the padding before it, begins. Exact.
    position: u64,
    /// The number of the next frame. Exact.
    sequence: u64,
    /// Earlier frames that were requested and were gone already: still to be reported.
    missing: u64,
    resume: Resume,
    seat: Option<Seat>,
    /// The position at which the publisher was last checked.
    looked: u64,
}

impl<M: Memory> Subscriber<M> {
    /// Joins with a seat. From the start on, the publisher of a gated ring overwrites nothing before it was
    /// read. Under the lock, as [`seat::take`]; `is_publishing` says whether the publisher is alive.
    ///
    /// # Errors
    /// [`Unjoined`], with the seat.
    pub fn join(
        memory: M,
        seat: Seat,
        start: Start,
        resume: Resume,
        is_publishing: impl Fn() -> bool,
    ) -> Result<Self, (Unjoined, Seat)> {
        let Ok((wanted, missing)) = place(&memory, start) else {
            return Err((Unjoined::NoSuchPosition, seat));
        };
        let words = &memory;
        let mut spot = wanted;
        if words.gated() {
            let entered = match seat::enter(words, &seat, wanted.position, is_publishing) {
                Ok(entered) => entered,
                Err(error) => return Err((Unjoined::Barrier(error), seat)),
            };
            // A subscriber that named a frame gets the number of frames missing before the one that is held
            // for it.
            let named = matches!(start, Start::Numbered(_) | Start::At { .. });
            if entered != wanted.position && !named {
                // Read from the ring: whatever it is, a record begins at a multiple of 8.
                spot = held(&memory, entered & !(WORD - 1));
            }
        } else {
            // For observers only: the publisher does not wait for it.
            words.cursor(seat.number()).store(cursor::at(wanted.position), Relaxed);
        }
        M::Platform::crash_point(Site::BroadcastJoined);
        Ok(Self::new(memory, spot, missing, resume, Some(seat)))
    }

    /// Reads without a seat: nothing is written, the publisher is not held up, and what is overwritten is
    /// reported as missed.
    ///
    /// # Errors
    /// [`NoSuchPosition`].
    pub fn watch(memory: M, start: Start, resume: Resume) -> Result<Self, NoSuchPosition> {
        let (spot, missing) = place(&memory, start)?;
        Ok(Self::new(memory, spot, missing, resume, None))
    }

    fn new(memory: M, spot: Spot, missing: u64, resume: Resume, seat: Option<Seat>) -> Self {
        let Spot { position, sequence } = spot;
        Self { memory, position, sequence, missing, resume, seat, looked: position }
    }

    /// Pops one frame into the front of `out`; if the result is not [`Pop::Frame`], the content of `out` is
    /// meaningless.
    #[inline]
    pub fn try_pop_into(&mut self, out: &mut [u8]) -> Pop {
        let (position, len) = match self.next() {
            Ok(frame) => frame,
            Err(pop) => return pop,
        };
        let Some(place) = usize::try_from(len).ok().and_then(|len| out.get_mut(..len)) else {
            return Pop::TooLong { len: usize::try_from(len).unwrap_or(usize::MAX) };
        };
        // SAFETY: only whole elements are copied there, or nothing.
        self.memory
            .read(self.index(position.wrapping_add(WORD + NUMBER)), unsafe { crate::copy::as_uninit(place) });
        self.finish(position, len)
    }

    /// Pops one frame into a vector, whose content it replaces; if the result is not [`Pop::Frame`], the new
    /// content is meaningless.
    #[inline]
    pub fn try_pop_vec(&mut self, out: &mut Vec<u8>) -> Pop {
        let (position, len) = match self.next() {
            Ok(frame) => frame,
            Err(pop) => return pop,
        };
        // Not more than the longest frame, whatever the ring says.
        out.clear();
        out.resize(usize::try_from(len).expect("no longer than the ring"), 0);
        // SAFETY: only whole elements are copied there, or nothing.
        self.memory
            .read(self.index(position.wrapping_add(WORD + NUMBER)), unsafe { crate::copy::as_uninit(out) });
        self.finish(position, len)
    }

    /// Returns a view of the next frame of a gated ring in place; the publisher does not write there before
    /// it is released.
    ///
    /// # Errors
    /// If there is none, the same results as the other forms.
    ///
    /// # Panics
    /// In a lossy ring, and without a seat: there the publisher may write at any time.
    pub fn try_view(&mut self) -> Result<View<'_, M>, Pop> {
        assert!(self.memory.gated() && self.seat.is_some(), "only a gated ring lends what it holds");
        let (position, len) = self.next()?;
        Ok(View { subscriber: self, position, len })
    }

    /// Whether a pop would return something other than [`Pop::Empty`] now.
    #[must_use]
    pub fn has_something(&self) -> bool {
        self.missing != 0
            || look(&self.memory, self.position) != Found::Nothing
            || !find::is_whole(&self.memory, self.position)
    }

    /// The next frame: where its record begins and its length, which is valid.
    #[inline(always)]
    fn next(&mut self) -> Result<(u64, u64), Pop> {
        if self.missing != 0 {
            let count = core::mem::take(&mut self.missing);
            return Err(self.report(count));
        }
        let mut found = look(&self.memory, self.position);
        if !find::is_whole(&self.memory, self.position) {
            match self.overrun() {
                // Only a padding was given up; or the tail has moved meanwhile.
                Pop::Empty { .. } => found = look(&self.memory, self.position),
                pop => return Err(pop),
            }
            if !find::is_whole(&self.memory, self.position) {
                return Err(self.overrun());
            }
        }
        match found {
            Found::Frame { position, len, sequence } if sequence == self.sequence => Ok((position, len)),
            Found::Frame { position, sequence, .. } => {
                Err(Pop::Corrupt(Corruption { word: "sequence number", position, found: sequence }))
            }
            Found::Nothing => {
                let look = self.memory.gated() && self.looked != self.position;
                self.looked = self.position;
                Err(Pop::Empty { look })
            }
            Found::Nonsense(corruption) => Err(Pop::Corrupt(corruption)),
        }
    }

    /// The frame's bytes are copied: check that they are valid.
    #[inline(always)]
    fn finish(&mut self, position: u64, len: u64) -> Pop {
        // The header was valid, so it is the record that matters, not a padding before it.
        if !find::is_whole(&self.memory, position) {
            return self.overrun();
        }
        Pop::Frame { look: self.advance(position, len), len: usize::try_from(len).unwrap_or(usize::MAX) }
    }

    /// Continues at the oldest frame that can be found, or at the newest.
    #[cold]
    #[inline(never)]
    fn overrun(&mut self) -> Pop {
        let spot = match self.resume {
            Resume::Oldest => find::oldest(&self.memory),
            Resume::Newest => find::newest(&self.memory),
        };
        let count = spot.sequence.wrapping_sub(self.sequence);
        if count.cast_signed() < 0 {
            let (position, found) = (spot.position, spot.sequence);
            return Pop::Corrupt(Corruption { word: "sequence number", position, found });
        }
        (self.position, self.sequence) = (spot.position, spot.sequence);
        if let Some(seat) = &self.seat {
            // [D3] Release → the publisher: nothing below is read any more.
            self.memory
                .cursor(seat.number())
                .store(cursor::at(spot.position), M::Platform::ordering(Edge::BroadcastConsume));
        }
        // There are no frames in between if the floor was raised over a padding only.
        if count == 0 { Pop::Empty { look: false } } else { self.report(count) }
    }

    fn report(&self, count: u64) -> Pop {
        if self.seat.is_some() {
            self.memory.missed().fetch_add(count, Relaxed); // Statistics.
        }
        Pop::Missed { count }
    }

    /// Advances past a frame. Returns whether to check the publisher.
    #[inline(always)]
    fn advance(&mut self, position: u64, len: u64) -> bool {
        M::Platform::crash_point(Site::BroadcastRead);
        self.position = Found::end(position, len);
        self.sequence = self.sequence.wrapping_add(1);
        let words = &self.memory;
        if let Some(seat) = &self.seat {
            // [D3] Release → the publisher of a gated ring: the frames below have been read.
            words
                .cursor(seat.number())
                .store(cursor::at(self.position), M::Platform::ordering(Edge::BroadcastConsume));
            M::Platform::crash_point(Site::BroadcastConsumed);
            if words.gated() && self.position.wrapping_sub(self.looked) >= words.capacity() / 4 {
                self.looked = self.position;
                return true;
            }
        }
        false
    }

    #[inline(always)]
    fn index(&self, position: u64) -> u64 {
        position & (self.memory.capacity() - 1)
    }

    /// Where the next record begins: bytes since the ring was made.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The number of the next frame, or of the first one that is still to be reported as missed.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence.wrapping_sub(self.missing)
    }

    /// The number of frames waiting to be read, or overwritten already. Racy.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let behind = self.memory.frames().load(Relaxed).wrapping_sub(self.sequence()); // For display.
        if behind.cast_signed() < 0 { 0 } else { behind }
    }

    /// The longest frame, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        usize::try_from(super::longest(self.memory.capacity())).unwrap_or(usize::MAX)
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

/// The current place of a start, and the number of frames requested before it that are gone.
fn place<M: Memory>(memory: &M, start: Start) -> Result<(Spot, u64), NoSuchPosition> {
    let spot = match start {
        Start::Oldest => find::oldest(memory),
        Start::Newest => find::newest(memory),
        Start::Next => find::tail(memory),
        Start::Numbered(sequence) => {
            let spot = find::numbered(memory, sequence).ok_or(NoSuchPosition)?;
            let gone = spot.sequence.wrapping_sub(sequence);
            return Ok((spot, if gone.cast_signed() < 0 { 0 } else { gone }));
        }
        Start::At { position, sequence } => {
            let spot = Spot { position, sequence };
            if !position.is_multiple_of(WORD) {
                return Err(NoSuchPosition);
            }
            let found = look(memory, position);
            let there = if find::is_whole(memory, position) {
                match found {
                    // It was saved when frames before this one were still to be reported as missed.
                    Found::Frame { sequence: there, .. } if seat::is_below(sequence, there) => {
                        return Ok((Spot { position, sequence: there }, there.wrapping_sub(sequence)));
                    }
                    Found::Frame { sequence: there, .. } => there == sequence,
                    _ => find::tail(memory) == spot,
                }
            } else {
                // Gone, which the first pop will report. That it ever existed is not verified.
                seat::is_below(sequence, find::tail(memory).sequence)
            };
            if !there {
                return Err(NoSuchPosition);
            }
            spot
        }
    };
    Ok((spot, 0))
}

/// The place at a position that is held for a subscriber, where a record begins or will begin.
fn held<M: Memory>(memory: &M, position: u64) -> Spot {
    for _ in 0..find::RETRIES {
        if let Some(spot) = find::frame_at(memory, position) {
            return spot;
        }
        let tail = find::tail(memory);
        // The tail may be out of date for a moment: the publisher stored it before it raised the floor to it.
        if !seat::is_below(tail.position, position) {
            return find::frame_at(memory, position).unwrap_or(tail);
        }
        M::Platform::relax();
    }
    find::tail(memory)
}
