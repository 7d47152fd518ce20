//! Giving back the bytes of frames that have been read.

use core::sync::atomic::Ordering::Relaxed;

use super::{Consumer, Frame, Pop};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::ring::bytes::header;
use crate::ring::bytes::memory::Memory;

const LINE: u64 = crate::layout::LINE as u64;
/// How far behind its position a consumer that reads ahead prefetches lines.
const READ_AHEAD: u64 = 16 * LINE;
/// Bytes for which one check says that this is possible.
const STRETCH: u64 = 16 * LINE;

impl<M: Memory> Consumer<M> {
    /// Releases the bytes of a copied frame [in the stretch](Self::is_in_stretch), and advances.
    #[inline(always)]
    pub(super) fn give_in_stretch(&mut self, frame: Frame) {
        self.acquire_read(frame);
        self.advance(frame);
        self.memory.prefetch_ready(self.index(self.position.wrapping_add(self.ahead)));
    }

    /// Releases a copied frame's bytes and advances; `wake` as for [`pop_into`](Self::pop_into).
    #[inline(always)]
    pub(super) fn give(&mut self, frame: Frame, wake: impl FnOnce(u32)) {
        let is_due = self.is_due(frame);
        if is_due {
            self.before_giving(frame, wake);
        }
        self.acquire_read(frame);
        self.release(frame, is_due);
    }

    /// Whether the head has to be published with this frame.
    #[inline(always)]
    pub(super) fn is_due(&self, frame: Frame) -> bool {
        Self::behind_frame(frame).wrapping_sub(self.published) >= self.quarter
    }

    /// Whether nothing is to be done with this frame but to pop it.
    #[inline(always)]
    pub(super) fn is_in_stretch(&self, frame: Frame) -> bool {
        Self::behind_frame(frame).wrapping_sub(self.published) < self.stretch
    }

    /// The position after a frame.
    #[inline(always)]
    fn behind_frame(frame: Frame) -> u64 {
        frame.start.wrapping_add(header::record(frame.len))
    }

    /// Stores in `giving` that the bytes up to here are about to be released, then checks whether the
    /// producer waits for them. A producer that sets its waiting bit after this check finds the word set when
    /// it rechecks the ring; it does not sleep but checks again [soon](crate::wait::soon), because no one
    /// will wake it.
    #[inline(never)]
    fn before_giving(&mut self, frame: Frame, wake: impl FnOnce(u32)) {
        self.memory.giving().store(Self::behind_frame(frame), Relaxed); // The check's barrier orders this.
        M::Platform::crash_point(Site::WaitGiving);
        let signal = self.look_at_producer();
        if signal != 0 {
            wake(signal);
        }
    }

    /// In a stream, acquires ownership of the lines of a frame that was read.
    #[inline(always)]
    pub(super) fn acquire_read(&mut self, frame: Frame) {
        if self.traffic.acquires_read() {
            self.memory.acquire_read(self.index(frame.start), header::record(frame.len));
        }
    }

    /// Releases a frame's bytes and advances. Publishes the head if `is_due`.
    #[inline(always)]
    pub(super) fn release(&mut self, frame: Frame, is_due: bool) {
        self.advance(frame);
        if is_due {
            self.give_back();
        } else if self.position.wrapping_sub(self.published) >= self.stretch {
            self.read_on(header::record(frame.len));
        }
    }

    /// Releases a frame's bytes and advances: the frame is popped here.
    #[inline(always)]
    fn advance(&mut self, frame: Frame) {
        M::Platform::crash_point(Site::BytesRead);
        self.position = Self::behind_frame(frame);
        // [B3] Release → a producer that found no room, and a successor: the frame has been read.
        self.memory.consumed().store(self.position, M::Platform::ordering(Edge::BytesConsume));
        M::Platform::crash_point(Site::BytesConsumed);
        self.frames = self.frames.wrapping_add(1);
        self.memory.frames_popped().store(self.frames, Relaxed); // Monitoring only.
    }

    /// A stretch has been read, the last record of which had this many bytes.
    #[inline(never)]
    fn read_on(&mut self, record: u64) {
        (self.ahead, self.stretch) = (0, self.quarter);
        if self.memory.reads_ahead(record) {
            // Only what is written: the producer would lose a line that it is writing. For the same reason
            // its position is loaded once a stretch.
            let ready = self.memory.produced().load(Relaxed).wrapping_sub(self.position); // A hint.
            if (STRETCH + READ_AHEAD..=self.memory.capacity()).contains(&ready) {
                self.ahead = READ_AHEAD;
            }
            self.begin_stretch();
        }
    }

    /// To be called when a batch of frames has accumulated.
    pub fn read_batch(&mut self) {
        self.read_on(self.traffic.record());
    }

    /// The next stretch begins here.
    #[inline]
    fn begin_stretch(&mut self) {
        let stretch = self.position.wrapping_sub(self.published).wrapping_add(STRETCH);
        self.stretch = if self.memory.reads_ahead(0) { stretch.min(self.quarter) } else { self.quarter };
    }

    /// A quarter of the ring has been read.
    #[inline(never)]
    fn give_back(&mut self) {
        self.traffic.released(&self.memory, self.position, self.frames);
        self.store_head();
    }

    /// Publishes this end's position to the producer.
    #[inline]
    fn store_head(&mut self) {
        self.published = self.position;
        self.ahead = 0;
        self.begin_stretch();
        // [B2] Release → the producer's Acquire: the frames below have been read.
        self.memory.head().store(self.position, M::Platform::ordering(Edge::BytesRelease));
    }

    /// As [`store_head`](Self::store_head); returns the producer's signal.
    #[inline]
    fn publish_head(&mut self) -> u32 {
        self.store_head();
        self.look_at_producer()
    }

    /// The producer's signal.
    #[inline]
    pub(super) fn look_at_producer(&mut self) -> u32 {
        let Self { memory, fences, .. } = self;
        fences.peek_signal::<M::Platform>(memory.consumer_fences(), memory.producer_signal())
    }

    /// The ring is empty.
    #[inline(never)]
    pub(super) fn nothing(&mut self) -> Pop {
        if self.traffic.found_nothing(&self.memory, self.position, self.frames) {
            let found_empty = self.memory.found_empty();
            found_empty.store(found_empty.load(Relaxed).wrapping_add(1), Relaxed); // Written here only.
        }
        self.memory.prefetch_polled(self.index(self.position), self.traffic.record());
        let signal = if self.published == self.position { 0 } else { self.publish_head() };
        Pop::Empty { signal }
    }
}
