//! The publishing end.

use core::sync::atomic::Ordering::Relaxed;
use std::io::IoSlice;

use super::{Corruption, Found, LANDMARKS, Memory, NUMBER, look, record};
use crate::edge::Edge;
use crate::error::FrameTooLarge;
use crate::platform::{Platform, Site, Word};
use crate::ring::broadcast::room::Room;
use crate::ring::bytes::header::{self, WORD};
use crate::wait::signal::POISONED;

/// Why a frame was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A gated ring in which a subscriber is too far behind.
    Full,
    /// The frame does not fit into the ring, now or ever.
    TooLarge(FrameTooLarge),
    /// A subscriber has found the ring corrupt.
    Corrupt(Corruption),
}

/// The publishing end of a ring of frames.
#[derive(Debug)]
pub struct Publisher<M: Memory> {
    memory: M,
    /// Where the next record, or the padding before it, begins. Exact.
    position: u64,
    /// The number of the next frame. Exact.
    sequence: u64,
    room: Room,
    /// The sixteenth of the ring whose landmark was set last; none at first.
    marked: u64,
    /// The lengths needed for the frame that last found no room.
    wanted: u64,
}

/// The position of a frame to be written.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Bytes of padding in front of the record.
    padding: u64,
    /// Bytes of the record.
    record: u64,
}

impl<M: Memory> Publisher<M> {
    /// Takes the publishing end, continuing where its predecessor stopped.
    ///
    /// # Errors
    /// [`Corruption`] if tail and floor contradict each other, or there is an invalid record at the tail.
    pub fn attach(memory: M) -> Result<Self, Corruption> {
        let words = &memory;
        let tail = words.tail().load(Relaxed); // Its predecessor wrote it, and all that follows.
        if !tail.is_multiple_of(WORD) {
            return Err(Corruption { word: "tail", position: tail, found: tail });
        }
        let room = Room::attach(words, WORD);
        if tail.wrapping_sub(room.floor()) > words.capacity() || !room.floor().is_multiple_of(WORD) {
            return Err(Corruption { word: "floor", position: tail, found: room.floor() });
        }
        let (position, sequence) = match look(&memory, tail) {
            Found::Nothing => (tail, memory.frames().load(Relaxed)), // As above.
            // The predecessor died before it could store the new tail.
            Found::Frame { position, len, sequence } => (Found::end(position, len), sequence.wrapping_add(1)),
            Found::Nonsense(corruption) => return Err(corruption),
        };
        let mut publisher = Self { memory, position, sequence, room, marked: LANDMARKS, wanted: 0 };
        publisher.tell();
        Ok(publisher)
    }

    /// Publishes one frame. In a lossy ring there is always room.
    ///
    /// # Errors
    /// [`Refused`].
    #[inline]
    pub fn try_publish(&mut self, frame: &[u8]) -> Result<(), Refused> {
        let plan = self.plan(frame.len())?;
        let start = self.position.wrapping_add(plan.padding);
        self.memory.write(self.index(start.wrapping_add(WORD + NUMBER)), frame);
        self.publish(plan, frame.len() as u64);
        Ok(())
    }

    /// Publishes one frame that consists of several pieces.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn try_publish_vectored(&mut self, pieces: &[IoSlice<'_>]) -> Result<(), Refused> {
        let len = pieces.iter().fold(0usize, |sum, piece| sum.saturating_add(piece.len()));
        let mut claim = self.try_claim(len)?;
        let mut offset = 0;
        for piece in pieces {
            claim.write(offset, piece);
            offset += piece.len();
        }
        claim.commit(len);
        Ok(())
    }

    /// Reserves room for a frame of up to `len` bytes, to be written before it is published.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn try_claim(&mut self, len: usize) -> Result<Claim<'_, M>, Refused> {
        let plan = self.plan(len)?;
        Ok(Claim { publisher: self, plan, len })
    }

    /// Whether there is room for the frame that last found none, or for an empty one.
    ///
    /// # Errors
    /// [`Corruption`] as [`Refused::Corrupt`].
    pub fn has_room(&mut self) -> Result<bool, Corruption> {
        let wanted = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        match self.plan(wanted) {
            Ok(_) => Ok(true),
            Err(Refused::Corrupt(corruption)) => Err(corruption),
            Err(_) => Ok(false),
        }
    }

    /// The position of a frame of `len` bytes, after making room for it.
    #[inline(always)]
    fn plan(&mut self, len: usize) -> Result<Plan, Refused> {
        let limit = self.longest();
        if len > limit {
            return Err(Refused::TooLarge(FrameTooLarge { len, limit }));
        }
        let record = record(len as u64);
        let left = self.memory.capacity() - self.index(self.position);
        let padding = if record > left { left } else { 0 };
        // The word after the record is cleared, so it must be this end's as well.
        let end = self.position.wrapping_add(padding + record + WORD);
        if !self.room.reaches(&self.memory, end) && !self.make_room(end)? {
            self.wanted = len as u64;
            return Err(Refused::Full);
        }
        Ok(Plan { padding, record })
    }

    #[cold]
    fn make_room(&mut self, end: u64) -> Result<bool, Refused> {
        let words = &self.memory;
        let state = words.state().load(Relaxed); // Nothing is read because of it.
        if state & POISONED != 0 {
            return Err(Refused::Corrupt(Corruption::told(self.position, state)));
        }
        let raised = self.room.raise(words, self.position, end);
        M::Platform::crash_point(Site::BroadcastRaised);
        Ok(raised)
    }

    /// Makes the frame whose bytes are written visible, and moves on.
    #[inline(always)]
    fn publish(&mut self, plan: Plan, len: u64) {
        let (memory, padding) = (&self.memory, plan.padding);
        let start = self.position.wrapping_add(padding);
        let next = start.wrapping_add(plan.record);
        let content = header::frame(start, NUMBER + len);
        memory.word(self.index(start.wrapping_add(WORD))).store(self.sequence, Relaxed); // Before the header, [D1].
        memory.word(self.index(next)).store(0, Relaxed); // Before the header that makes it the next one, [D1].
        M::Platform::crash_point(Site::BroadcastWritten);
        let first = if padding == 0 {
            content
        } else {
            // [D1] Release, though the padding's header comes later: a hint may lead a subscriber here past
            // the padding.
            memory.word(self.index(start)).store(content, M::Platform::ordering(Edge::BroadcastPublish));
            header::padding(self.position, padding - WORD)
        };
        // [D1] Release → the subscribers' Acquire: all of the record is written before.
        memory.word(self.index(self.position)).store(first, M::Platform::ordering(Edge::BroadcastPublish));
        M::Platform::crash_point(Site::BroadcastPublished);
        self.position = next;
        self.sequence = self.sequence.wrapping_add(1);
        self.tell();
        memory_hints(&self.memory, self.index(next), plan.record);
        let sixteenth = self.index(start) / (self.memory.capacity() / self.memory.landmarks()).max(1);
        self.memory.last().store(start, Relaxed); // A hint.
        if sixteenth != self.marked {
            self.marked = sixteenth;
            self.memory.landmark(sixteenth).store(start, Relaxed); // A hint.
        }
    }

    /// Publishes the position of this end.
    #[inline(always)]
    fn tell(&mut self) {
        // [D4] Release → subscribers that look for the tail: the frames counted are published before they are
        // counted.
        self.memory.frames().store(self.sequence, M::Platform::ordering(Edge::BroadcastTail));
        // [D4] Release → subscribers that look for the tail: the frames before it are counted.
        self.memory.tail().store(self.position, M::Platform::ordering(Edge::BroadcastTail));
    }

    /// Drops the subscriber that holds this end up, if it is dead. True if one was dropped; then there may be
    /// room.
    pub fn drop_dead(&mut self, is_alive: impl FnOnce(u64) -> bool) -> bool {
        self.room.drop_dead(&self.memory, is_alive)
    }

    #[inline(always)]
    fn index(&self, position: u64) -> u64 {
        position & (self.memory.capacity() - 1)
    }

    /// The longest frame, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        usize::try_from(super::longest(self.memory.capacity())).unwrap_or(usize::MAX)
    }

    /// Where the next record begins: bytes since the ring was made.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The number of the next frame: the number of frames published since the ring was made.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The lowest position that is intact.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.room.floor()
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

#[inline(always)]
fn memory_hints<M: Memory>(memory: &M, next: u64, record: u64) {
    memory.prefetch_for_writing(next, record);
}

/// Room reserved by [`Publisher::try_claim`]: write the frame, then [`commit`](Claim::commit). Dropping it
/// aborts: nothing is published.
#[derive(Debug)]
pub struct Claim<'a, M: Memory> {
    publisher: &'a mut Publisher<M>,
    plan: Plan,
    len: usize,
}

impl<'a, M: Memory> Claim<'a, M> {
    /// The number of bytes there is room for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is room for an empty frame only.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies bytes to an offset in the frame.
    ///
    /// # Panics
    /// If they do not fit.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.len && bytes.len() <= self.len - offset, "the bytes lie inside the claim");
        let start = self.publisher.position.wrapping_add(self.plan.padding + WORD + NUMBER + offset as u64);
        self.publisher.memory.write(self.publisher.index(start), bytes);
    }

    /// Publishes the first `len` bytes as a frame and returns the publisher.
    ///
    /// # Panics
    /// If `len` is more than was claimed.
    pub fn commit(self, len: usize) -> &'a Publisher<M> {
        assert!(len <= self.len, "no more than was claimed");
        let plan = Plan { record: record(len as u64), ..self.plan };
        self.publisher.publish(plan, len as u64);
        self.publisher
    }
}
