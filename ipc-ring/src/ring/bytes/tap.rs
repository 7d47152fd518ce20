//! Passive readers without a seat, as those of the [spsc ring](crate::ring::spsc::Tap).
//!
//! A tap copies a record that the producer may overwrite at any time, header and all, and checks *after* the
//! copy that it cannot have begun to. Its bytes are written again for positions one lap ahead, and the
//! producer stores three words before it writes there:
//!
//! ```text
//!   producer, position w                              tap, position r
//!   ------------------------------------------------  ------------------------------------------------
//!   no room known? head, consumed; mark = w     [B5]   header(r): one of r, inside the ring?   [B1] Acquire
//!   longer than all before? longest_frame              copy the payload
//!   fence                               [B4] Release   fence                                   [B4] Acquire
//!   write payload, header(w + record) = 0              mark <= r, or consumed <= r,
//!   header(w)                           [B1] Release   or reach of a push at `produced` <= r + capacity ?
//!   produced
//! ```
//!
//! - **The mark** is the producer's position at the time that it took over room from the consumer, which was
//!   not further than that. Until it takes over more, it writes nothing one lap ahead of the mark. The words
//!   are written about once a lap, so this check disturbs no one; it fails for what was popped when more room
//!   was taken over.
//! - **What waits** to be popped has not been released.
//! - **Otherwise** the push that may be under way begins at `produced`, and is not longer than the longest
//!   frame so far, with a padding of less than that. So what was popped is readable for at least a ring less
//!   two of the longest frames.
//!
//! A tap that was overrun finds the ring's frames from the newest mark, or from the consumer's position if
//! that is further behind. A mark has the number of frames in front of it, and there are two of them, so that
//! one is whole whichever instruction its producer died at. So missed frames are counted exactly, but for one
//! for each producer that died between a publication and its count.
//!
//! A tap stores nothing. On x86-64 neither fence is an instruction. Elsewhere the producer's fence would cost
//! an instruction for each push and is omitted; there a tap copies [ahead](crate::ring::ahead).

use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::header::{self, Header, WORD};
use super::memory::Memory;
use crate::edge::Edge;
use crate::platform::{Platform, Word};

/// How often a mark is read again that is made anew meanwhile.
const RETRIES: u32 = 64;

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Tapped {
    /// The next frame was copied intact.
    Frame {
        /// Bytes of the frame.
        len: usize,
    },
    /// Nothing newer has been published.
    Empty,
    /// This number of frames were overwritten, or may have been, before they could be copied. The next read
    /// continues after them.
    Missed {
        /// Their number. Exact, but for one for each producer that died between a publication and its count.
        count: u64,
    },
    /// A header that was not overwritten is invalid.
    Corrupt(Corruption),
}

/// A place where a record, or the padding before it, begins or will begin.
#[derive(Clone, Copy, Debug)]
struct Spot {
    position: u64,
    /// How many frames were pushed before it.
    sequence: u64,
}

/// What is at a place, if it was not overwritten.
enum Found {
    Frame { start: u64, len: u64 },
    Nothing,
    Invalid(Corruption),
}

/// A reader of a ring that is invisible to both ends.
#[derive(Debug)]
pub struct Tap<M: Memory> {
    memory: M,
    next: Spot,
}

impl<M: Memory> Tap<M> {
    /// A tap that starts at the frame whose record, or the padding before it, begins at this position, a
    /// multiple of 8, and before which this number of frames were pushed. If it is gone, it is reported as
    /// missed.
    pub fn at(memory: M, position: u64, sequence: u64) -> Self {
        Self { memory, next: Spot { position: position & !(WORD - 1), sequence } }
    }

    /// A tap that starts at the oldest frame that waits to be popped; if none does, with one of the last lap
    /// that is intact.
    pub fn oldest(memory: M) -> Self {
        let next = oldest(&memory).unwrap_or_else(|| mark(&memory));
        Self { memory, next }
    }

    /// A tap that starts at the first frame published from now on.
    pub fn next(memory: M) -> Self {
        let end = memory.produced().load(Relaxed) & !(WORD - 1); // A look: each header is checked.
        let next = newest_mark(&memory).unwrap_or_else(|| mark(&memory));
        let mut tap = Self { memory, next };
        // At most a lap.
        while is_below(tap.next.position, end) {
            match tap.step(|_, _, _| ()) {
                Tapped::Frame { .. } | Tapped::Missed { .. } => {}
                Tapped::Empty | Tapped::Corrupt(_) => break,
            }
        }
        tap
    }

    /// Copies the next frame into `out`, whose content it replaces; the new content is valid only when the
    /// result is [`Tapped::Frame`]. Where [fences](crate::platform::TapOrder::Fences) keep the order.
    pub fn try_read(&mut self, out: &mut Vec<u8>) -> Tapped {
        self.step(|memory, start, len| copy(memory, start, len, out))
    }

    /// As [`try_read`](Self::try_read), but what was found may have been overwritten while it was copied:
    /// [`is_intact`](Self::is_intact) says so, after a fence or barrier.
    pub fn copy_next(&mut self, out: &mut Vec<u8>) -> Tapped {
        match look(&self.memory, self.next.position) {
            Found::Frame { start, len } => {
                copy(&self.memory, start, len, out);
                self.pass(start, len)
            }
            // A look: what is not seen yet will be.
            Found::Nothing if !is_whole(&self.memory, self.next.position) => self.overrun(),
            Found::Nothing => Tapped::Empty,
            Found::Invalid(corruption) => Tapped::Corrupt(corruption),
        }
    }

    /// Whether what lies from this position on, which was copied, was not overwritten.
    pub fn is_intact(&self, position: u64) -> bool {
        is_whole(&self.memory, position)
    }

    /// The frame of this position and number was overwritten: continues at the oldest that can be found.
    pub fn skip(&mut self, position: u64, sequence: u64) -> Tapped {
        self.next = Spot { position, sequence };
        self.overrun()
    }

    /// Moves past a frame.
    fn pass(&mut self, start: u64, len: u64) -> Tapped {
        let position = start.wrapping_add(header::record(len));
        self.next = Spot { position, sequence: self.next.sequence.wrapping_add(1) };
        Tapped::Frame { len: usize::try_from(len).expect("no longer than the ring") }
    }

    /// Moves past the next frame, which `copy` reads.
    fn step(&mut self, copy: impl FnOnce(&M, u64, u64)) -> Tapped {
        let found = look(&self.memory, self.next.position);
        if let Found::Frame { start, len } = found {
            copy(&self.memory, start, len);
        }
        // [B4] Acquire ← the producer's fence: a tap that read newer data sees the words stored before it.
        M::Platform::fence(Edge::BytesValidate);
        if !is_whole(&self.memory, self.next.position) {
            return self.overrun();
        }
        match found {
            Found::Frame { start, len } => self.pass(start, len),
            Found::Nothing => Tapped::Empty,
            Found::Invalid(corruption) => Tapped::Corrupt(corruption),
        }
    }

    /// Continues at the oldest frame that can be found.
    #[cold]
    fn overrun(&mut self) -> Tapped {
        let found = oldest(&self.memory).filter(|spot| is_below(self.next.position, spot.position));
        // Otherwise the words were changed in between: to be read again.
        let Some(spot) = found else { return Tapped::Empty };
        // At least one, because this one could not be read.
        let count = spot.sequence.wrapping_sub(self.next.sequence).cast_signed().max(1).cast_unsigned();
        self.next = spot;
        Tapped::Missed { count }
    }

    /// Where the record of the next frame, or the padding before it, begins: bytes since the ring was made.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next.position
    }

    /// The number of the next frame: how many were pushed before it since the ring was made.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.next.sequence
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

/// The words of the newest of this number of marks: its position, and the number of frames before it.
pub(super) fn mark_words<M: Memory>(
    memory: &M,
    marks: u64,
) -> (&<M::Platform as Platform>::U64, &<M::Platform as Platform>::U64) {
    if marks.is_multiple_of(2) {
        (memory.even_mark(), memory.even_mark_frames())
    } else {
        (memory.odd_mark(), memory.odd_mark_frames())
    }
}

/// The newest mark, unless it was made anew meanwhile.
fn try_mark<M: Memory>(memory: &M) -> (Spot, bool) {
    // [B5] Acquire ← the producer's Release: the mark, and the word at its position, were stored before.
    let acquire = M::Platform::ordering(Edge::BytesMarkSeen);
    let marks = memory.marks().load(acquire);
    let (position, sequence) = mark_words(memory, marks);
    // [B5] Acquire ← the producer's Release: a tap that reads one of these as it is written for the mark
    // after the next sees that there is a next one.
    let (position, sequence) = (position.load(acquire), sequence.load(acquire));
    let is_one = memory.marks().load(Relaxed) == marks; // Behind both loads.
    (Spot { position: position & !(WORD - 1), sequence }, is_one)
}

/// The newest mark; position and number are of the same one if no other process changes them constantly.
fn mark<M: Memory>(memory: &M) -> Spot {
    newest_mark(memory).unwrap_or_else(|| try_mark(memory).0)
}

fn newest_mark<M: Memory>(memory: &M) -> Option<Spot> {
    (0..RETRIES).find_map(|_| match try_mark(memory) {
        (spot, true) => Some(spot),
        _ => {
            M::Platform::relax();
            None
        }
    })
}

/// The oldest place that can be found: the consumer's position, or the newest mark.
fn oldest<M: Memory>(memory: &M) -> Option<Spot> {
    let mark = newest_mark(memory)?;
    // [B3] Acquire ← the consumer's Release: the word at its position, which is no header of an earlier lap.
    let consumed = memory.consumed().load(M::Platform::ordering(Edge::BytesReclaimExact)) & !(WORD - 1);
    let (mut at, mut frames) = (consumed, 0_u64);
    while is_below(at, mark.position) {
        let Found::Frame { start, len } = look(memory, at) else { return Some(mark) };
        at = start.wrapping_add(header::record(len));
        frames = frames.wrapping_add(1);
        if at.wrapping_sub(consumed) > memory.capacity() {
            return Some(mark);
        }
    }
    // [B4] As in `step`: what was overwritten on the way was popped before.
    M::Platform::fence(Edge::BytesValidate);
    // Behind the fence.
    let is_waiting = !is_below(consumed, memory.consumed().load(Relaxed));
    let is_exact = at == mark.position && is_waiting;
    Some(if is_exact {
        Spot { position: consumed, sequence: mark.sequence.wrapping_sub(frames) }
    } else {
        mark
    })
}

/// Whether nothing from a position on was overwritten by what was seen before the fence in front of this.
fn is_whole<M: Memory>(memory: &M, position: u64) -> bool {
    // [B5] Acquire ← as in `try_mark`. A mark that is being made is further on than the newest.
    let marks = memory.marks().load(M::Platform::ordering(Edge::BytesMarkSeen));
    let mark = mark_words(memory, marks).0.load(Relaxed); // Behind the fence, and behind their number.
    !is_below(position, mark)
        || !is_below(position, memory.consumed().load(Relaxed)) // Behind the fence.
        || is_out_of_reach(memory, position)
}

/// Whether the push that may be under way does not reach what lies from this position on.
fn is_out_of_reach<M: Memory>(memory: &M, position: u64) -> bool {
    let produced = memory.produced().load(Relaxed); // Behind the fence.
    let longest = memory.longest_frame().load(Relaxed); // Behind the fence.
    let capacity = memory.capacity();
    let record = header::record(longest.min(header::longest(capacity)));
    let left = capacity - (produced & (capacity - 1));
    // Frames that do not fit before the end of the ring begin behind it. The word after a record is cleared.
    let padding = if record > left { left } else { 0 };
    let reach = produced.wrapping_add(padding + record + WORD);
    !is_below(position.wrapping_add(capacity), reach)
}

/// What is at a position. It counts only if that was not overwritten.
fn look<M: Memory>(memory: &M, position: u64) -> Found {
    let capacity = memory.capacity();
    let left = capacity - index(memory, position);
    // [B1] Acquire ← the producer's Release: the payload was written before.
    let word = memory.word(index(memory, position)).load(M::Platform::ordering(Edge::BytesObserve));
    if word == 0 {
        return Found::Nothing;
    }
    let invalid =
        |word: &'static str, position: u64, found: u64| Found::Invalid(Corruption { word, position, found });
    let fits = |len: u64, left: u64| len <= header::longest(capacity) && len <= left - WORD;
    match header::decode(word, position) {
        Some(Header::Frame(len)) if fits(len, left) => Found::Frame { start: position, len },
        Some(Header::Padding(len)) if len + WORD == left && left < capacity / 2 => {
            let start = position.wrapping_add(left);
            let word = memory.word(index(memory, start)).load(Relaxed); // Before the padding's word, [B1].
            match header::decode(word, start) {
                Some(Header::Frame(len)) if fits(len, capacity) => Found::Frame { start, len },
                _ => invalid("header behind a padding", start, word),
            }
        }
        _ => invalid("header", position, word),
    }
}

/// Copies a frame's payload into `out`.
fn copy<M: Memory>(memory: &M, start: u64, len: u64, out: &mut Vec<u8>) {
    out.clear();
    // Not more than the longest frame, whatever the ring says.
    out.resize(usize::try_from(len).expect("no longer than the ring"), 0);
    // SAFETY: only whole elements are copied there, or nothing.
    memory.read(index(memory, start) + WORD, unsafe { crate::copy::as_uninit(out) });
}

fn index<M: Memory>(memory: &M, position: u64) -> u64 {
    position & (memory.capacity() - 1)
}

/// Whether a position lies before another one.
fn is_below(position: u64, other: u64) -> bool {
    position.wrapping_sub(other).cast_signed() < 0
}
