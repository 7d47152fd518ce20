//! The consumer's idea of how traffic flows, from which prefetch hints follow. Nothing here affects correctness.
//!
//! A stream is read fastest when the lines ahead are asked for early; but asking for a line that the producer has not
//! written yet takes it away from the producer. So the consumer looks ahead only as far as it knows, or nearly knows,
//! that the producer has been.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use crate::platform::Word;
use crate::stream::Stream;

/// A wait of more than this many polls ends the belief that messages are near.
const SHORT_WAIT: u32 = 4;
/// A wait of more than this many polls means sparse traffic.
const LONG_WAIT: u32 = 15;
/// This many messages taken one after the other make traffic dense.
const NEAR: u8 = 4;

/// What the consumer knows about the slots ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How many more slots are known to be written.
    credit: u64,
    /// How far to look for that.
    look_ahead: u64,
    /// Messages taken without a wait since the last long one, up to `NEAR`.
    near: u8,
    /// What this end last said in the `dense` word.
    dense: bool,
    /// Polls that found nothing since the last message, where hints are given.
    polls: u32,
    stream: Stream,
}

impl Pace {
    pub(super) const fn new(look_ahead: u64, stream: u64, position: u64) -> Self {
        Self { credit: 0, look_ahead, near: 0, dense: false, polls: 0, stream: Stream::new(stream, position) }
    }

    /// The message of this position has been read and is about to be given back. In a stream the lines that end in it are taken,
    /// when it is the last one of those that begin there.
    #[inline(always)]
    pub(super) fn has_read<M: Memory>(&self, memory: &M, position: u64) {
        let index = position & (memory.capacity() - 1);
        if self.stream.flows() && memory.end_together(index) == 1 {
            memory.take_lines(index);
        }
    }

    /// Whether messages come one after the other, where no hints have to be given for each.
    #[inline(always)]
    pub(super) const fn is_streaming(&self) -> bool {
        self.stream.flows()
    }

    /// A quarter of the ring is given back. `position` is the next one.
    #[inline]
    pub(super) fn gave_back<M: Memory>(&mut self, memory: &M, position: u64) {
        self.stream.goes_on(position);
        if !memory.hints() {
            self.tell(memory, self.stream.flows());
        }
    }

    /// Lets the producer know whether traffic is dense.
    #[inline(always)]
    fn tell<M: Memory>(&mut self, memory: &M, dense: bool) {
        if dense != self.dense {
            self.dense = dense;
            memory.dense().store(u32::from(dense), Relaxed); // A hint.
        }
    }

    /// A message was taken and `position` is the next one.
    #[inline(always)]
    pub(super) fn took<M: Memory>(&mut self, memory: &M, position: u64) {
        if !memory.hints() {
            return;
        }
        self.polls = 0;
        if self.credit == 0 {
            self.credit = 1;
            if self.near < NEAR {
                self.near += 1;
                if self.near == NEAR && memory.demotes() {
                    self.tell(memory, true);
                }
            } else {
                let far = position.wrapping_add(self.look_ahead - 1);
                let word = memory.slot_word(far & (memory.capacity() - 1)).load(Relaxed); // A hint; checked when taken.
                if word == far.wrapping_add(1) {
                    self.credit = self.look_ahead;
                } else {
                    self.near = 0;
                }
            }
        }
        self.credit -= 1;
        if self.credit > 0 {
            memory.prefetch_for_reading(position & (memory.capacity() - 1));
        }
    }

    /// A batch was taken: the slots ahead have to be looked at anew.
    #[inline(always)]
    pub(super) fn took_batch(&mut self) {
        self.credit = self.credit.min(1);
    }

    /// A poll found nothing. True for the first one after a message.
    #[inline(always)]
    pub(super) fn found_nothing<M: Memory>(&mut self, memory: &M, position: u64) -> bool {
        let first = self.stream.found_nothing(position);
        if first {
            self.polls = 0;
        }
        self.polls = self.polls.saturating_add(1);
        memory.prefetch_polled(position & (memory.capacity() - 1));
        if !memory.hints() {
            self.tell(memory, self.stream.flows());
            return first;
        }
        if self.polls > SHORT_WAIT {
            self.near = 0;
            self.credit = 0;
            if self.polls > LONG_WAIT {
                self.tell(memory, false);
            }
        }
        first
    }
}
