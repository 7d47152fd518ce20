//! The consuming end.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::header::{self, Header, WORD};
use super::memory::Memory;
use super::traffic::FrameTraffic;
use crate::edge::Edge;
use crate::platform::{Platform, Word};
use crate::wait::fences::Fences;

mod giving;
mod view;

pub use view::View;

/// The outcome of an attempt to pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pop {
    /// A frame was copied out. `signal` is the producer's signal word, if it was checked and not zero.
    Frame {
        /// Bytes of the frame.
        len: usize,
        /// Bits of [`signal`](crate::wait::signal), as they were before the bytes were released.
        signal: u32,
    },
    /// The next frame is longer than the buffer and remains in the ring.
    TooSmall {
        /// Bytes of the frame.
        needed: usize,
    },
    /// Nothing to pop. `signal` is the producer's signal word, if the head was published because of that.
    Empty {
        /// Bits of [`signal`](crate::wait::signal).
        signal: u32,
    },
    /// A header is invalid.
    Corrupt(Corruption),
}

impl Pop {
    /// Adds the signal that was found when a frame was popped.
    fn told(self, found: u32) -> Self {
        match self {
            Pop::Frame { len, .. } => Pop::Frame { len, signal: found },
            other => other,
        }
    }
}

/// A frame in the ring: found and checked, but not popped.
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
    /// The short path pops frames that end less than this many bytes behind the published head: at most a
    /// quarter of the ring, and less where this end [reads ahead](Memory::reads_ahead).
    stretch: u64,
    /// How far behind its position the short path prefetches a line.
    ahead: u64,
    /// Frames popped, for monitoring.
    frames: u64,
    traffic: FrameTraffic,
    /// Which of its looks at the other end's signal follow a fence.
    fences: Fences,
}

impl<M: Memory> Consumer<M> {
    /// Attaches the consuming end of a ring, continuing where its predecessor stopped.
    ///
    /// # Errors
    /// [`Corruption`] when the position found cannot be that of a header.
    pub fn attach(memory: M) -> Result<Self, Corruption> {
        // [B3] Acquire: everything the predecessor did before it stored its position is visible.
        let position = memory.consumed().load(M::Platform::ordering(Edge::BytesReclaimExact));
        if !position.is_multiple_of(WORD) {
            return Err(Corruption { word: "consumed position", position: 0, found: position });
        }
        // The predecessor may have died between the two stores; the producer sees the same either way. [B2]
        // Release: the frames below have been read, by the predecessor.
        memory.head().store(position, M::Platform::ordering(Edge::BytesRelease));
        memory.giving().store(position, Relaxed); // Only this side writes; nothing is being released.
        let quarter = memory.capacity() / 4;
        let frames = memory.frames_popped().load(Relaxed); // Monitoring only.
        memory.dense().store(0, Relaxed); // A hint; the predecessor's value is out of date.
        let traffic = FrameTraffic::new(memory.stream(), position, frames);
        let fences = Fences::attach::<M::Platform>(memory.barrier(), memory.consumer_fences());
        let (published, stretch, ahead) = (position, quarter, 0);
        Ok(Self { memory, position, published, quarter, stretch, ahead, frames, traffic, fences })
    }

    /// Pops one frame into the front of `out` if it is ready, has no padding before it, fits, and does not
    /// complete a quarter of the ring, with which the head has to be published, nor a stretch, after which it
    /// is checked how far to prefetch; returns its length. All other cases need [`pop_into`](Self::pop_into);
    /// this is the short path, which makes no call.
    #[inline(always)]
    pub fn pop_known(&mut self, out: &mut [u8]) -> Option<usize> {
        let frame = self.known_in_stretch()?;
        let out = out.get_mut(..frame.len as usize)?;
        // SAFETY: only whole elements are copied there, or nothing.
        self.copy_out(frame, unsafe { crate::copy::as_uninit(out) });
        self.give_in_stretch(frame);
        Some(frame.len as usize)
    }

    /// Pops one frame into the front of `out`. [`Pop::Frame`] has no signal.
    ///
    /// `wake` is called with the producer's signal if that was checked and is not zero: after the frame is
    /// copied and **before** its bytes are released, so a death in `wake` loses nothing.
    pub fn pop_into(&mut self, out: &mut [u8], wake: impl FnOnce(u32)) -> Pop {
        match self.look() {
            Ok(Some(frame)) => {
                let len = frame.len as usize;
                let Some(out) = out.get_mut(..len) else { return Pop::TooSmall { needed: len } };
                // SAFETY: only whole elements are copied there, or nothing.
                self.copy_out(frame, unsafe { crate::copy::as_uninit(out) });
                self.give(frame, wake);
                Pop::Frame { len, signal: 0 }
            }
            Ok(None) => self.nothing(),
            Err(corruption) => Pop::Corrupt(corruption),
        }
    }

    /// Pops one frame into the front of `out`. The caller acts on the signal after the pop.
    pub fn try_pop_into(&mut self, out: &mut [u8]) -> Pop {
        let mut found = 0;
        self.pop_into(out, |signal| found = signal).told(found)
    }

    /// As [`pop_known`](Self::pop_known), replacing the contents of `out`. Reallocates it if too small.
    #[inline(always)]
    pub fn pop_known_vec(&mut self, out: &mut Vec<u8>) -> Option<usize> {
        let frame = self.known_in_stretch()?;
        self.copy_to_vec(frame, out);
        self.give_in_stretch(frame);
        Some(frame.len as usize)
    }

    /// As [`pop_into`](Self::pop_into), replacing the contents of `out`. Reallocates it if too small.
    pub fn pop_vec(&mut self, out: &mut Vec<u8>, wake: impl FnOnce(u32)) -> Pop {
        match self.look() {
            Ok(Some(frame)) => {
                self.copy_to_vec(frame, out);
                self.give(frame, wake);
                Pop::Frame { len: frame.len as usize, signal: 0 }
            }
            Ok(None) => self.nothing(),
            Err(corruption) => Pop::Corrupt(corruption),
        }
    }

    /// As [`pop_vec`](Self::pop_vec), but the caller acts on the signal after the pop.
    pub fn try_pop_vec(&mut self, out: &mut Vec<u8>) -> Pop {
        let mut found = 0;
        self.pop_vec(out, |signal| found = signal).told(found)
    }

    #[inline(always)]
    fn copy_to_vec(&self, frame: Frame, out: &mut Vec<u8>) {
        let len = frame.len as usize;
        out.clear();
        out.reserve(len);
        self.copy_out(frame, &mut out.spare_capacity_mut()[..len]);
        // SAFETY: `len` bytes are reserved, and `copy_out` has filled them.
        unsafe { out.set_len(len) };
    }

    /// The next frame, in place. `Ok(Err(signal))` when there is none; the signal as for [`Pop::Empty`].
    ///
    /// # Errors
    /// [`Corruption`] when a header is invalid.
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

    /// Whether the ring holds something to process now.
    #[must_use]
    #[inline(always)]
    pub fn has_item(&self) -> bool {
        let index = self.index(self.position);
        // [B1] Acquire ← the producer's Release.
        if self.memory.word(index).load(M::Platform::ordering(Edge::BytesObserve)) != 0 {
            return true;
        }
        self.memory.prefetch_awaited(index, self.traffic.record());
        false
    }

    /// How many bytes to wait for as a batch; 0 when batching does not pay. A hint.
    #[must_use]
    pub fn batch_len(&self) -> u64 {
        self.memory.batch_len(self.traffic.record())
    }

    /// Recent size of a record in bytes, header included; 0 when unknown.
    #[must_use]
    pub fn usual_record(&self) -> u64 {
        self.traffic.record()
    }

    /// Whether this many bytes are ready to be popped. A hint.
    #[must_use]
    pub fn is_ready_ahead(&self, bytes: u64) -> bool {
        let produced = self.memory.produced().load(Relaxed); // Each frame is checked again when it is popped.
        // It is stored after the header, so it may be behind the consumer's position.
        (bytes..=self.memory.capacity()).contains(&produced.wrapping_sub(self.position))
    }

    /// Finds the next frame. Each header is loaded once; its contents are checked before they are used.
    #[inline(always)]
    fn look(&self) -> Result<Option<Frame>, Corruption> {
        match self.known() {
            Ok(frame) => Ok(Some(frame)),
            Err(word) => self.behind(word),
        }
    }

    /// The next frame, if it is ready without padding before it; else `Err` with the word in its header's
    /// place.
    #[inline(always)]
    fn known(&self) -> Result<Frame, u64> {
        let position = self.position;
        // [B1] Acquire ← the producer's Release: the payload was written before.
        let word = self.memory.word(self.index(position)).load(M::Platform::ordering(Edge::BytesObserve));
        let len = header::frame_len(word, position);
        let left = self.memory.capacity() - self.index(position);
        if self.fits(len, left) { Ok(Frame { start: position, len }) } else { Err(word) }
    }

    /// As [`known`](Self::known), if popping it is all there is to do.
    #[inline(always)]
    fn known_in_stretch(&self) -> Option<Frame> {
        self.known().ok().filter(|frame| self.is_in_stretch(*frame))
    }

    /// Interprets the word in place of a frame's header: no record yet, or a padding followed by the frame.
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

    /// The frame after a padding, at index 0.
    fn behind_padding(&self, start: u64) -> Result<Frame, Corruption> {
        let word = self.memory.word(self.index(start)).load(Relaxed); // Before the padding's word, [B1].
        match header::decode(word, start) {
            Some(Header::Frame(len)) if self.fits(len, self.memory.capacity()) => Ok(Frame { start, len }),
            _ => Err(Corruption { word: "header behind a padding", position: start, found: word }),
        }
    }

    /// Whether a frame of this length is valid with `left` bytes, a multiple of 8, up to the ring's end.
    #[inline(always)]
    fn fits(&self, len: u64, left: u64) -> bool {
        len <= header::longest(self.memory.capacity()) && len <= left - WORD
    }

    /// Copies a whole frame out.
    #[inline(always)]
    fn copy_out(&self, frame: Frame, out: &mut [MaybeUninit<u8>]) {
        self.memory.read_frame(self.index(frame.start) + WORD, out);
    }

    /// Copies bytes of a frame out. `offset` and length lie inside the frame.
    #[inline(always)]
    fn read(&self, frame: Frame, offset: usize, out: &mut [MaybeUninit<u8>]) {
        self.memory.read(self.index(frame.start) + WORD + offset as u64, out);
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

    /// Number of frames popped since the ring was made. One short if an earlier holder died during a pop.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The longest frame that this ring accepts, in bytes.
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
