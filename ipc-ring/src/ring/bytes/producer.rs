//! The producing end.

use core::sync::atomic::Ordering::Relaxed;
use std::io::IoSlice;

use super::Corruption;
use super::header::{self, Header, WORD};
use super::memory::Memory;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::ring::limit::Limit;
use crate::wait::fences::Fences;

mod claim;
mod room;

pub use claim::Claim;

/// Why a frame was not pushed. Nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no room for the frame now.
    Full,
    /// There will never be room: the frame is longer than [`Producer::longest`].
    TooLarge,
    /// The words of the ring are invalid.
    Corrupt(Corruption),
}

/// Where the next record goes.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Position of its header.
    start: u64,
    /// Bytes from the producer's position to there: 0, or the rest of the ring.
    padding: u64,
}

/// The producing end of a ring: its private position and its private copy of the head.
#[derive(Debug)]
pub struct Producer<M: Memory> {
    memory: M,
    /// The next position to write. Exact.
    position: u64,
    /// The position before which this end may write, to its knowledge.
    limit: Limit,
    /// The longest frame for which the producers of this ring have made room, as the shared word says: taps
    /// rely on it.
    longest: u64,
    /// Frames pushed, for monitoring.
    frames: u64,
    /// Which of its looks at the other end's signal follow a fence.
    fences: Fences,
}

impl<M: Memory> Producer<M> {
    /// Attaches the producing end of a ring, continuing where its predecessor stopped.
    ///
    /// The position is found from the ring itself: the first header from `consumed` on that is 0.
    ///
    /// # Errors
    /// [`Corruption`] when a header on the way is invalid, or when there is no such position within one lap.
    pub fn attach(memory: M) -> Result<Self, Corruption> {
        // [B3] Acquire: the bytes below are no longer read.
        let consumed = memory.consumed().load(M::Platform::ordering(Edge::BytesReclaimExact));
        if !consumed.is_multiple_of(WORD) {
            return Err(Corruption { word: "consumed position", position: 0, found: consumed });
        }
        let (capacity, mask) = (memory.capacity(), memory.capacity() - 1);
        let mut position = consumed;
        let mut after_padding = false;
        loop {
            let word = memory.word(position & mask).load(Relaxed); // This end's predecessor wrote it.
            let corrupt = Corruption { word: "header", position, found: word };
            if word == 0 && !after_padding {
                break;
            }
            let left = capacity - (position & mask);
            let size = match header::decode(word, position) {
                Some(Header::Frame(len))
                    if len <= header::longest(capacity) && header::record(len) <= left =>
                {
                    after_padding = false;
                    header::record(len)
                }
                Some(Header::Padding(len)) if !after_padding && WORD + len == left && left < capacity / 2 => {
                    after_padding = true;
                    left
                }
                _ => return Err(corrupt),
            };
            position = position.wrapping_add(size);
            if position.wrapping_sub(consumed) + WORD > capacity {
                return Err(corrupt);
            }
        }
        memory.produced().store(position, Relaxed); // A hint, and monitoring.
        let frames = memory.frames_pushed().load(Relaxed); // Monitoring only.
        let limit = Limit::new(consumed, capacity);
        let fences = Fences::attach::<M::Platform>(memory.barrier(), memory.producer_fences());
        // This end's predecessor wrote it, after a longer frame than it says at most.
        let longest = memory.longest_frame().load(Relaxed).min(header::longest(capacity));
        let producer = Self { memory, position, limit, longest, frames, fences };
        producer.mark();
        Ok(producer)
    }

    /// Pushes one frame. Returns the consumer's signal word if not zero: the consumer is waiting or gone.
    ///
    /// # Errors
    /// [`Refused`].
    #[inline(always)]
    pub fn try_push(&mut self, frame: &[u8]) -> Result<u32, Refused> {
        self.put(frame)?;
        Ok(self.peek_consumer(frame.len()))
    }

    /// Pushes one frame into room that this end knows to be free, without a padding before it; returns the
    /// consumer's signal as [`try_push`](Self::try_push) does. `None`, and nothing pushed, when that room is
    /// not known: the other forms then check for it. Keeps the fast path short.
    #[inline(always)]
    pub fn push_known(&mut self, frame: &[u8]) -> Option<u32> {
        let place = self.here(frame.len() as u64)?;
        self.write_and_publish(place, frame);
        Some(self.peek_consumer(frame.len()))
    }

    /// Pushes one frame that consists of several pieces.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn try_push_vectored(&mut self, pieces: &[IoSlice<'_>]) -> Result<u32, Refused> {
        let len = pieces.iter().fold(0usize, |sum, piece| sum.saturating_add(piece.len()));
        let place = self.reserve(len)?;
        Self::before_writing();
        let mut at = (place.start & (self.memory.capacity() - 1)) + WORD;
        for piece in pieces {
            self.memory.write(at, piece);
            at += piece.len() as u64;
        }
        self.publish(place, len as u64);
        Ok(self.peek_consumer(len))
    }

    /// Pushes frames, in order, as long as there is room; returns their number and the consumer's signal.
    ///
    /// # Errors
    /// [`Refused`] when the first frame is.
    pub fn try_push_batch<B: AsRef<[u8]>>(&mut self, frames: &[B]) -> Result<(usize, u32), Refused> {
        let (mut done, mut last) = (0, 0);
        for frame in frames {
            let frame = frame.as_ref();
            match self.put(frame) {
                Ok(()) => (done, last) = (done + 1, frame.len()),
                Err(refused) if done == 0 => return Err(refused),
                Err(_) => break, // The next call reports it, as its first frame.
            }
        }
        Ok((done, if done == 0 { 0 } else { self.peek_consumer(last) }))
    }

    /// Reserves room for a frame of up to `len` bytes, to be written in place.
    ///
    /// # Errors
    /// [`Refused`].
    #[inline(always)]
    pub fn try_claim(&mut self, len: usize) -> Result<Claim<'_, M>, Refused> {
        let place = match self.here(len as u64) {
            Some(place) => place,
            None => self.reserve_elsewhere(len)?,
        };
        Self::before_writing();
        Ok(Claim { producer: self, place, len })
    }

    /// Writes and publishes one frame.
    #[inline(always)]
    fn put(&mut self, frame: &[u8]) -> Result<(), Refused> {
        let len = frame.len() as u64;
        let Some(place) = self.here(len) else { return self.put_elsewhere(frame) };
        self.write_and_publish(place, frame);
        Ok(())
    }

    /// The place of the next record for `len` bytes if it needs no padding, is known to be free, and is not
    /// longer than all before.
    #[inline(always)]
    fn here(&self, len: u64) -> Option<Place> {
        let capacity = self.memory.capacity();
        let left = capacity - (self.position & (capacity - 1));
        let fits =
            len <= self.longest && header::record(len) <= left && header::record(len) + WORD <= self.free();
        fits.then_some(Place { start: self.position, padding: 0 })
    }

    /// As [`put`](Self::put), for a frame that needs a padding, is longer than all before, or whose room is
    /// not yet known to be free.
    #[cold]
    #[inline(never)]
    fn put_elsewhere(&mut self, frame: &[u8]) -> Result<(), Refused> {
        let place = self.reserve(frame.len())?;
        self.write_and_publish(place, frame);
        Ok(())
    }

    /// Writes and publishes a record.
    #[inline(always)]
    fn write_and_publish(&mut self, place: Place, frame: &[u8]) {
        Self::before_writing();
        self.memory.write_frame((place.start & (self.memory.capacity() - 1)) + WORD, frame);
        self.publish(place, frame.len() as u64);
    }

    /// As [`reserve`](Self::reserve), the less common path.
    #[cold]
    #[inline(never)]
    fn reserve_elsewhere(&mut self, len: usize) -> Result<Place, Refused> {
        self.reserve(len)
    }

    /// Finds the place of a record for `len` bytes, and ensures that it and the following header are free.
    #[inline(always)]
    fn reserve(&mut self, len: usize) -> Result<Place, Refused> {
        if len as u64 > header::longest(self.memory.capacity()) {
            return Err(Refused::TooLarge);
        }
        let (place, needed) = self.place(len as u64);
        if needed > self.free() && needed > self.refresh(needed).map_err(Refused::Corrupt)? {
            return Err(Refused::Full);
        }
        if len as u64 > self.longest {
            self.longest = len as u64;
            self.memory.longest_frame().store(self.longest, Relaxed); // The fence of B4 orders it.
        }
        Ok(place)
    }

    /// Orders what is written from now on after what was published, and after the words for taps.
    #[inline(always)]
    fn before_writing() {
        // [B4] Release → a tap's Acquire: a reader of anything written from now on also sees this end's
        // position, its newest mark, the longest frame, and how far the consumer was that released the bytes.
        M::Platform::fence_for_taps(Edge::BytesOverwrite);
    }

    /// The place of a record for `len` bytes, and the bytes it needs: padding, record, and the next header.
    #[inline(always)]
    fn place(&self, len: u64) -> (Place, u64) {
        let record = header::record(len);
        let left = self.memory.capacity() - (self.position & (self.memory.capacity() - 1));
        let padding = if record > left { left } else { 0 };
        (Place { start: self.position.wrapping_add(padding), padding }, padding + record + WORD)
    }

    /// Publishes a record whose payload is written, with the padding before it if there is one, and advances.
    #[inline(always)]
    fn publish(&mut self, place: Place, len: u64) {
        let mask = self.memory.capacity() - 1;
        let next = place.start.wrapping_add(header::record(len));
        // Not before the payload: that store would wait for its line, and all others behind it.
        self.memory.clear(next & mask);
        M::Platform::crash_point(Site::BytesWritten);
        let frame = header::frame(place.start, len);
        if place.padding == 0 {
            // [B1] Release → the consumer's Acquire: payload, and zero after it, are written before.
            self.memory.word(place.start & mask).store(frame, M::Platform::ordering(Edge::BytesPublish));
        } else {
            self.memory.word(place.start & mask).store(frame, Relaxed); // Before the padding's word, [B1].
            M::Platform::crash_point(Site::BytesWrapped);
            let padding = header::padding(self.position, place.padding - WORD);
            // [B1] Release → the consumer's Acquire: the same, and the header after the padding.
            self.memory.word(self.position & mask).store(padding, M::Platform::ordering(Edge::BytesPublish));
        }
        M::Platform::crash_point(Site::BytesPublished);
        self.memory.produced().store(next, Relaxed); // A hint, and monitoring; a successor reads headers.
        self.frames = self.frames.wrapping_add(1);
        self.memory.frames_pushed().store(self.frames, Relaxed); // Monitoring only.
        self.position = next;
        debug_assert!(self.free() >= WORD, "the next header is free");
        self.memory.hint_published(next & mask, header::record(len));
    }

    /// Returns the consumer's signal. If it is zero, prepares for another frame of `len` bytes.
    #[inline(always)]
    fn peek_consumer(&mut self, len: usize) -> u32 {
        let Self { memory, fences, .. } = self;
        let signal = fences.peek_signal::<M::Platform>(memory.producer_fences(), memory.consumer_signal());
        if signal == 0 && self.memory.acquires_next(header::record(len as u64)) {
            let index = self.position & (self.memory.capacity() - 1);
            let room = self.free().min(self.memory.capacity() - index);
            // And the following word, which is cleared before the record is published.
            self.memory.acquire_next(index, (header::record(len as u64) + WORD).min(room));
        }
        signal
    }

    /// The longest frame that this ring accepts, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        header::longest(self.memory.capacity()) as usize
    }

    /// The next position to be written: bytes since the ring was made, headers and paddings included.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Number of frames pushed since the ring was made. One short if an earlier holder died during a push.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}
