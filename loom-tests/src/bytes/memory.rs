//! A bytes ring made of loom's types.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::memory::{Records, Ring};
use ipc_ring::platform::{Barrier, Word};
use ipc_ring::ring::bytes::{FIELDS, Mapped, Memory, Words};
use ipc_ring::ring::spsc::{self, Words as _};

use crate::memory::{self, Objects};
use crate::pair::{
    self, CLOSED_BELIEVED, CLOSED_MEANS_REFUSED, NO_SECOND_LOOK, ROOM_AWAITED_ASLEEP, Role, Signals,
};
use crate::{Word32, Word64, mutation, phase, reached};

/// A mistake: old bytes at the place of the next header are not cleared.
pub const NOT_CLEARED: &str = "the next header is not cleared";
/// A mistake: that place is cleared after the preceding record is visible.
pub const CLEARED_LATE: &str = "the next header is cleared after the publication";
/// A mistake: the consumer does not store its exact position.
pub const NOT_CONSUMED: &str = "the exact position is never stored (bytes)";
/// A mistake: the consumer does not store in `giving` what it is about to release.
pub const NOT_SAID: &str = "what is about to be given back is not said (bytes)";
/// A mistake: the consumer does not publish the head.
pub const NO_HEAD: &str = "the head is never stored (bytes)";

/// A mistake: the consumer acquires the lines it has read after it has released them.
pub const TAKEN_LATE: &str =
    "the lines that have been read are taken when they are given back already (bytes)";
/// A mistake: the producer acquires lines that it does not know to be free.
pub const TAKEN_EARLY: &str = "the lines of the next record are taken though they are not known to be free";

/// A mistake: the producer takes over room without a mark.
pub const NOT_MARKED: &str = "room is taken over without a mark";
/// A mistake: the length of the longest frame is not stored.
pub const LENGTH_NOT_SAID: &str = "a frame longer than all before is not said to be";
/// A mistake: the producer does not store its position.
pub const NOT_PRODUCED: &str = "the producer's position is never stored";

/// The words on which only taps depend.
const OF_TAPS: [&str; 7] =
    ["produced", "longest_frame", "marks", "even_mark", "even_mark_frames", "odd_mark", "odd_mark_frames"];

/// Bytes of a line.
const LINE: u64 = 16;

/// A ring on the heap; clones share it.
pub type Heap = memory::Heap<Private>;

/// What each side knows of the ring.
#[derive(Clone, Debug)]
pub struct Private {
    mask: u64,
    barrier: Barrier,
    /// Frames of this total weight are a stream.
    stream: u64,
    /// Whether bytes are read while they are written.
    tapped: bool,
    /// The index to be cleared late, in that mistake.
    late: Rc<Cell<Option<u64>>>,
    /// The index of a word of a line to be acquired late, in that mistake.
    taken_late: Rc<Cell<Option<u64>>>,
}

impl Private {
    fn new(capacity: u64, barrier: Barrier, stream: u64, tapped: bool) -> Self {
        let (late, taken_late) = (Rc::default(), Rc::default());
        Self { mask: capacity - 1, barrier, stream, tapped, late, taken_late }
    }
}

impl Heap {
    /// An empty ring of this number of bytes.
    #[must_use]
    pub fn new(capacity: u64, barrier: Barrier) -> Self {
        Self::with_stream(capacity, barrier, u64::MAX)
    }

    /// An empty ring of this number of bytes, whose consumer treats frames of this total weight as a stream.
    #[must_use]
    pub fn with_stream(capacity: u64, barrier: Barrier, stream: u64) -> Self {
        assert!(capacity.is_power_of_two() && capacity >= 16);
        let private = Private::new(capacity, barrier, stream, false);
        let mut objects = Objects::of(&[spsc::FIELDS, FIELDS]);
        for name in OF_TAPS {
            let offset = objects.offset(name);
            objects = objects.word(offset, Word64::plain(0)); // No model with this heap has a tap.
        }
        objects
            .checked("head")
            .deaf("head", NO_HEAD)
            .deaf("consumed", NOT_CONSUMED)
            .deaf("giving", NOT_SAID)
            // A header in one lap, payload in another.
            .slots(<Self as Records>::OFFSET, 8, 0, capacity as usize / 8)
            .blind_to_slots(NO_SECOND_LOOK, pair::is_about_to_sleep)
            .blind("consumed", NO_SECOND_LOOK, pair::is_about_to_sleep)
            .blind("giving", ROOM_AWAITED_ASLEEP, pair::is_about_to_sleep)
            .blind_to_slots(CLOSED_BELIEVED, phase::takes_for_granted)
            .blind("consumed", CLOSED_MEANS_REFUSED, phase::takes_for_granted)
            .ring(private)
    }

    /// An empty ring for a tap; its bytes are words that may be read while they are written.
    #[must_use]
    pub fn tapped(capacity: u64) -> Self {
        assert!(capacity.is_power_of_two() && capacity >= 16);
        let private = Private::new(capacity, Barrier::Asymmetric, u64::MAX, true);
        let first = <Self as Records>::OFFSET;
        let objects = Objects::of(&[spsc::FIELDS, FIELDS]);
        (first..first + capacity as usize)
            .step_by(8)
            .fold(objects, |objects, at| objects.word(at, Word64::contended(0)))
            .deaf("marks", NOT_MARKED)
            .deaf("longest_frame", LENGTH_NOT_SAID)
            .deaf("produced", NOT_PRODUCED)
            .tapped(private)
    }

    /// Stores to the word at an index the value it already holds.
    fn rewrite_at(&self, index: u64) {
        self.rewrite(<Self as Records>::OFFSET + index as usize);
    }
}

impl Signals for Heap {
    fn signal(&self, role: Role) -> &Word32 {
        match role {
            Role::Producer => self.producer_signal(),
            Role::Consumer => self.consumer_signal(),
        }
    }

    fn fences(&self, role: Role) -> &Word32 {
        match role {
            Role::Producer => self.producer_fences(),
            Role::Consumer => self.consumer_fences(),
        }
    }

    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }
}

// SAFETY: `with_stream` makes the words of both tables.
unsafe impl spsc::Words for Heap {}

// SAFETY: as above.
unsafe impl Words for Heap {
    fn produced(&self) -> &Word64 {
        // The first step after a publication.
        if let Some(index) = self.ring.late.take() {
            self.word(index).store(0, Relaxed);
        }
        self.named("produced")
    }

    fn frames_popped(&self) -> &Word64 {
        // The first step after the bytes are released.
        if let Some(index) = self.ring.taken_late.take() {
            self.rewrite_at(index);
        }
        self.named("frames_popped")
    }
}

// SAFETY: `with_stream` asserts a power of two, which never changes.
unsafe impl Ring for Heap {
    fn mask(&self) -> u64 {
        self.ring.mask
    }
}

// SAFETY: `with_stream` has made a word for every eight bytes.
unsafe impl Records for Heap {
    const OFFSET: usize = <Mapped as Records>::OFFSET;
}

impl Memory for Heap {
    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }

    fn clear(&self, index: u64) {
        if mutation::logic(CLEARED_LATE) {
            self.ring.late.set(Some(index));
        } else if !mutation::logic(NOT_CLEARED) {
            self.word(index).store(0, Relaxed);
        }
    }

    fn stream(&self) -> u64 {
        self.ring.stream
    }

    fn acquire_read(&self, index: u64, len: u64) {
        for last in (index..index + len).step_by(8).filter(|at| (at + 8) % LINE == 0) {
            reached("a line taken");
            if mutation::logic(TAKEN_LATE) {
                self.ring.taken_late.set(Some(last));
            } else {
                self.rewrite_at(last);
            }
        }
    }

    fn acquires_next(&self, _record: u64) -> bool {
        true
    }

    fn acquire_next(&self, index: u64, len: u64) {
        if self.ring.tapped {
            return; // Rewriting the same value makes no difference to a tap.
        }
        let early = if mutation::logic(TAKEN_EARLY) { LINE } else { 0 };
        let end = (index + len + early).min(self.capacity());
        for first in (index..end).step_by(8).filter(|at| at % LINE == 0) {
            reached("room taken ahead");
            self.rewrite_at(first);
        }
    }
}
