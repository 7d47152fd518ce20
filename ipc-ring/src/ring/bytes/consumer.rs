//! The consuming end.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::header::{self, Header, WORD};
use super::memory::Memory;
use super::pace::Pace;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::wait::signal;

/// A frame that was lent and has no more bytes than this is taken to have been read.
const READ_WHOLE: u64 = 4096;

/// What came of an attempt to pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pop {
    /// A frame was copied out. `signal` is the producer's signal word, if it was looked at and not zero.
    Frame {
        /// Bytes of the frame.
        len: usize,
        /// Bits of [`signal`](crate::wait::signal), as they were before the bytes were given back.
        signal: u32,
    },
    /// The next frame is longer than the buffer. It stays.
    TooSmall {
        /// Bytes of the frame.
        needed: usize,
    },
    /// Nothing to pop. `signal` is the producer's signal word, if the head was published because of that.
    Empty {
        /// Bits of [`signal`](crate::wait::signal).
        signal: u32,
    },
    /// A header makes no sense.
    Corrupt(Corruption),
}

impl Pop {
    /// With the signal that was found when a frame was popped.
    fn told(self, found: u32) -> Self {
        match self {
            Pop::Frame { len, .. } => Pop::Frame { len, signal: found },
            other => other,
        }
    }
}

/// A frame that lies in the ring: found, checked, not popped.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Position of its header.
    start: u64,
    /// Bytes behind the header.
    len: u64,
}

/// The consuming end of a ring: its private position.
#[derive(Debug)]
pub struct Consumer<M: Memory> {
    memory: M,
    /// The next position to read. Exact.
    position: u64,
    /// The head as last published.
    published: u64,
    /// Publish the head when this many bytes have been read since.
    quarter: u64,
    /// Frames popped, for monitoring.
    frames: u64,
    pace: Pace,
}

impl<M: Memory> Consumer<M> {
    /// Takes the consuming end of a ring, continuing where the one before stopped.
    ///
    /// # Errors
    /// [`Corruption`] when the position found is none of a header.
    pub fn attach(memory: M) -> Result<Self, Corruption> {
        // [B3] Acquire: what the predecessor did before it stored its position, it did.
        let position = memory.consumed().load(M::Platform::ordering(Edge::BytesReclaimExact));
        if !position.is_multiple_of(WORD) {
            return Err(Corruption { word: "consumed position", position: 0, found: position });
        }
        // The predecessor may have died between the two; the producer sees the same either way.
        // [B2] Release: the frames below have been read, by the predecessor.
        memory.head().store(position, M::Platform::ordering(Edge::BytesRelease));
        memory.giving().store(position, Relaxed); // The predecessor gives nothing any more; only this side writes it.
        let quarter = memory.capacity() / 4;
        let frames = memory.frames_popped().load(Relaxed); // Monitoring only.
        memory.dense().store(0, Relaxed); // A hint, and whatever the predecessor said is out of date.
        let pace = Pace::new(memory.stream(), position, frames);
        Ok(Self { memory, position, published: position, quarter, frames, pace })
    }

    /// Pops one frame into `out`, from its front, if it is there, has no padding before it, and fits; gives its length.
    /// Otherwise [`pop_into`](Self::pop_into) has to see to it; who asks here first has a shorter way for most frames.
    ///
    /// `wake` is given the producer's signal when it was looked at and is not zero: after the frame was copied and **before** its
    /// bytes are given back, so that a death in `wake` loses nothing.
    #[inline(always)]
    pub fn pop_known(&mut self, out: &mut [u8], wake: impl FnOnce(u32)) -> Option<usize> {
        let frame = self.known().ok()?;
        let out = out.get_mut(..frame.len as usize)?;
        // SAFETY: only whole elements are copied there, or nothing.
        self.read(frame, 0, unsafe { crate::copy::as_uninit(out) });
        self.give(frame, wake);
        Some(frame.len as usize)
    }

    /// Pops one frame into `out`, from its front. `wake` as for [`pop_known`](Self::pop_known); then [`Pop::Frame`] has no signal.
    pub fn pop_into(&mut self, out: &mut [u8], wake: impl FnOnce(u32)) -> Pop {
        match self.look() {
            Ok(Some(frame)) => {
                let len = frame.len as usize;
                let Some(out) = out.get_mut(..len) else { return Pop::TooSmall { needed: len } };
                // SAFETY: only whole elements are copied there, or nothing.
                self.read(frame, 0, unsafe { crate::copy::as_uninit(out) });
                self.give(frame, wake);
                Pop::Frame { len, signal: 0 }
            }
            Ok(None) => self.nothing(),
            Err(corruption) => Pop::Corrupt(corruption),
        }
    }

    /// Pops one frame into `out`, from its front. Whoever acts on the signal does so behind the pop.
    pub fn try_pop_into(&mut self, out: &mut [u8]) -> Pop {
        let mut found = 0;
        self.pop_into(out, |signal| found = signal).told(found)
    }

    /// As [`pop_known`](Self::pop_known), in place of what `out` held. Allocates when its capacity is too small.
    #[inline(always)]
    pub fn pop_known_vec(&mut self, out: &mut Vec<u8>, wake: impl FnOnce(u32)) -> Option<usize> {
        let frame = self.known().ok()?;
        self.pop_to_vec(frame, out, wake);
        Some(frame.len as usize)
    }

    /// As [`pop_into`](Self::pop_into), in place of what `out` held. Allocates when its capacity is too small.
    pub fn pop_vec(&mut self, out: &mut Vec<u8>, wake: impl FnOnce(u32)) -> Pop {
        match self.look() {
            Ok(Some(frame)) => {
                self.pop_to_vec(frame, out, wake);
                Pop::Frame { len: frame.len as usize, signal: 0 }
            }
            Ok(None) => self.nothing(),
            Err(corruption) => Pop::Corrupt(corruption),
        }
    }

    /// Pops one frame into `out`, in place of what it held. Allocates when its capacity is too small. Whoever acts on the signal
    /// does so behind the pop.
    pub fn try_pop_vec(&mut self, out: &mut Vec<u8>) -> Pop {
        let mut found = 0;
        self.pop_vec(out, |signal| found = signal).told(found)
    }

    #[inline(always)]
    fn pop_to_vec(&mut self, frame: Frame, out: &mut Vec<u8>, wake: impl FnOnce(u32)) {
        let len = frame.len as usize;
        out.clear();
        out.reserve(len);
        self.read(frame, 0, &mut out.spare_capacity_mut()[..len]);
        // SAFETY: `len` bytes are reserved, and `read` has filled them.
        unsafe { out.set_len(len) };
        self.give(frame, wake);
    }

    /// Looks at the next frame where it lies. `Ok(Err(signal))` when there is none; the signal as for [`Pop::Empty`].
    ///
    /// # Errors
    /// [`Corruption`] when a header makes no sense.
    #[inline(always)]
    pub fn try_view(&mut self) -> Result<Result<View<'_, M>, u32>, Corruption> {
        match self.look()? {
            Some(frame) => Ok(Ok(View { consumer: self, frame })),
            None => match self.nothing() {
                Pop::Empty { signal } => Ok(Err(signal)),
                _ => Ok(Err(0)),
            },
        }
    }

    /// Whether something is there to be looked at now.
    #[must_use]
    #[inline(always)]
    pub fn has_item(&self) -> bool {
        // [B1] Acquire ← the producer's Release.
        self.memory.word(self.index(self.position)).load(M::Platform::ordering(Edge::BytesObserve)) != 0
    }

    /// How many bytes are a run that may be let gather; 0 when it does not pay. A hint.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.memory.run(self.pace.record())
    }

    /// Bytes of a record, header included, as it was lately; 0 when that is not known.
    #[must_use]
    pub fn usual_record(&self) -> u64 {
        self.pace.record()
    }

    /// Whether so many bytes are there to be popped. A hint.
    #[must_use]
    pub fn is_ready_ahead(&self, bytes: u64) -> bool {
        let produced = self.memory.produced().load(Relaxed); // Each frame is looked at again when it is popped.
        // It is stored after the header, so it may be behind what was popped.
        (bytes..=self.memory.capacity()).contains(&produced.wrapping_sub(self.position))
    }

    /// Finds the next frame. Each header is loaded once; what it says is checked before it is used.
    #[inline(always)]
    fn look(&self) -> Result<Option<Frame>, Corruption> {
        match self.known() {
            Ok(frame) => Ok(Some(frame)),
            Err(word) => self.behind(word),
        }
    }

    /// The next frame, if it is there and has no padding before it. `Err` with what is there in place of its header.
    #[inline(always)]
    fn known(&self) -> Result<Frame, u64> {
        let position = self.position;
        // [B1] Acquire ← the producer's Release: the payload was written before.
        let word = self.memory.word(self.index(position)).load(M::Platform::ordering(Edge::BytesObserve));
        let len = header::frame_len(word, position);
        let left = self.memory.capacity() - self.index(position);
        if self.fits(len, left) { Ok(Frame { start: position, len }) } else { Err(word) }
    }

    /// What is there in place of a frame's header: nothing yet, or a padding with the frame behind it.
    #[inline(never)]
    fn behind(&self, word: u64) -> Result<Option<Frame>, Corruption> {
        if word == 0 {
            return Ok(None);
        }
        let position = self.position;
        let left = self.memory.capacity() - self.index(position);
        match header::decode(word, position) {
            Some(Header::Padding(len)) if len + WORD == left && left < self.memory.capacity() / 2 => {
                self.behind_padding(position.wrapping_add(left)).map(Some)
            }
            _ => Err(Corruption { word: "header", position, found: word }),
        }
    }

    /// The frame behind a padding, at index 0.
    fn behind_padding(&self, start: u64) -> Result<Frame, Corruption> {
        let word = self.memory.word(self.index(start)).load(Relaxed); // Before the padding's word, [B1].
        match header::decode(word, start) {
            Some(Header::Frame(len)) if self.fits(len, self.memory.capacity()) => Ok(Frame { start, len }),
            _ => Err(Corruption { word: "header behind a padding", position: start, found: word }),
        }
    }

    /// Whether a frame of this length may be, with `left` bytes up to the end of the ring.
    #[inline(always)]
    fn fits(&self, len: u64, left: u64) -> bool {
        len <= header::longest(self.memory.capacity()) && len <= left - WORD // Which is a multiple of 8, as a record is.
    }

    /// Copies bytes of a frame out. `offset` and length lie inside the frame.
    #[inline(always)]
    fn read(&self, frame: Frame, offset: usize, out: &mut [MaybeUninit<u8>]) {
        self.memory.read(self.index(frame.start) + WORD + offset as u64, out);
    }

    /// Gives a copied frame's bytes back and moves on; `wake` as for [`pop_known`](Self::pop_known).
    #[inline(always)]
    fn give(&mut self, frame: Frame, wake: impl FnOnce(u32)) {
        let is_due = self.is_due(frame);
        if is_due {
            self.before_giving(frame, wake);
        }
        self.take_lines(frame);
        self.release(frame, is_due);
    }

    /// Whether the head has to be published with this frame.
    #[inline(always)]
    fn is_due(&self, frame: Frame) -> bool {
        Self::behind_frame(frame).wrapping_sub(self.published) >= self.quarter
    }

    /// The position behind a frame.
    #[inline(always)]
    fn behind_frame(frame: Frame) -> u64 {
        frame.start.wrapping_add(header::record(frame.len))
    }

    /// Says that the bytes up to here will be given back at once, then looks whether the producer waits for them. A producer that
    /// announces its sleep behind this look finds the word set when it looks at the ring once more, and does not sleep but
    /// looks again [soon](crate::wait::soon): nobody will wake it.
    #[inline(never)]
    fn before_giving(&mut self, frame: Frame, wake: impl FnOnce(u32)) {
        self.memory.giving().store(Self::behind_frame(frame), Relaxed); // The barrier of the look orders it before that.
        M::Platform::crash_point(Site::WaitGiving);
        let signal = signal::look::<M::Platform>(self.memory.producer_signal(), self.memory.barrier());
        if signal != 0 {
            wake(signal);
        }
    }

    /// Takes the lines of a frame that was read, in a stream.
    #[inline(always)]
    fn take_lines(&mut self, frame: Frame) {
        if self.pace.flows() {
            self.memory.take_lines(self.index(frame.start), header::record(frame.len));
        }
    }

    /// Gives a frame's bytes back and moves on; the point at which it is popped. Publishes the head if `is_due`.
    #[inline(always)]
    fn release(&mut self, frame: Frame, is_due: bool) {
        M::Platform::crash_point(Site::BytesRead);
        self.position = Self::behind_frame(frame);
        // [B3] Release → a producer that found no room, and a successor: the frame has been read.
        self.memory.consumed().store(self.position, M::Platform::ordering(Edge::BytesConsume));
        M::Platform::crash_point(Site::BytesConsumed);
        self.frames = self.frames.wrapping_add(1);
        self.memory.frames_popped().store(self.frames, Relaxed); // Monitoring only.
        if is_due {
            self.give_back();
        }
    }

    /// A quarter of the ring has been read.
    #[inline(never)]
    fn give_back(&mut self) {
        self.pace.gave_back(&self.memory, self.position, self.frames);
        self.store_head();
    }

    /// Lets the producer see how far this end has come.
    #[inline]
    fn store_head(&mut self) {
        self.published = self.position;
        // [B2] Release → the producer's Acquire: the frames below have been read.
        self.memory.head().store(self.position, M::Platform::ordering(Edge::BytesRelease));
    }

    /// As [`store_head`](Self::store_head); gives the producer's signal.
    #[inline]
    fn publish_head(&mut self) -> u32 {
        self.store_head();
        signal::look::<M::Platform>(self.memory.producer_signal(), self.memory.barrier())
    }

    /// Nothing is there.
    #[inline(never)]
    fn nothing(&mut self) -> Pop {
        if self.pace.found_nothing(&self.memory, self.position, self.frames) {
            let found_empty = self.memory.found_empty();
            found_empty.store(found_empty.load(Relaxed).wrapping_add(1), Relaxed); // Only this side writes it.
        }
        self.memory.prefetch_polled(self.index(self.position), self.pace.record());
        let signal = if self.published == self.position { 0 } else { self.publish_head() };
        Pop::Empty { signal }
    }

    #[inline(always)]
    fn index(&self, position: u64) -> u64 {
        position & (self.memory.capacity() - 1)
    }

    /// The next position to be read: bytes since the ring was made, headers and paddings included.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Number of frames popped since the ring was made. One short when an earlier holder died in the middle of a pop.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The longest frame this ring takes, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        header::longest(self.memory.capacity()) as usize
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

/// The next frame, lent where it lies by [`Consumer::try_view`]. [`release`](View::release) pops it; dropping the view
/// leaves it to be popped later.
#[derive(Debug)]
pub struct View<'a, M: Memory> {
    consumer: &'a mut Consumer<M>,
    frame: Frame,
}

impl<M: Memory> View<'_, M> {
    /// Bytes of the frame.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frame.len as usize
    }

    /// Whether it is an empty frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frame.len == 0
    }

    /// Copies bytes out, from an offset in the frame.
    ///
    /// # Panics
    /// When there are not as many.
    #[inline(always)]
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        assert!(offset <= self.len() && out.len() <= self.len() - offset, "the bytes lie in the frame");
        // SAFETY: only whole elements are copied there, or nothing.
        self.consumer.read(self.frame, offset, unsafe { crate::copy::as_uninit(out) });
    }

    /// The index of the frame's first byte.
    #[must_use]
    #[inline(always)]
    pub fn index(&self) -> u64 {
        self.consumer.index(self.frame.start) + WORD
    }

    /// The position of the frame's header.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.frame.start
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.consumer.memory
    }

    /// Pops it. Gives the producer's signal as it is *behind* that, if it was looked at.
    #[inline(always)]
    pub fn release(self) -> u32 {
        // A long one may not have been read, or not all of it.
        if self.frame.len <= READ_WHOLE {
            self.consumer.take_lines(self.frame);
        }
        let is_due = self.consumer.is_due(self.frame);
        self.consumer.release(self.frame, is_due);
        let memory = &self.consumer.memory;
        if is_due { signal::look::<M::Platform>(memory.producer_signal(), memory.barrier()) } else { 0 }
    }
}
