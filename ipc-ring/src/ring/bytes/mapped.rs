//! The ring's memory as it is mapped into this process.

use core::sync::atomic::Ordering;

use super::header::WORD;
use super::memory::Memory;
use super::words::{SLOTS_OFFSET, Words};
use crate::error::AttachError;
use crate::layout::{Geometry, LINE};
use crate::memory::{self, Access, Records, Ring, records};
use crate::platform::Barrier;
use crate::region::Region;
use crate::ring::spsc::{self, Words as _};
use crate::wait::batching;
use crate::{ahead, prefetch, stream};

/// Bytes that a consumer which keeps catching up waits for as a batch.
const RUN_BYTES: usize = 32 * 1024;
/// How far ahead of the next record lines are prefetched, in bytes.
const AHEAD: usize = 7 * LINE;
/// At most this many bytes are prefetched after one record.
const ASKED: usize = 8 * LINE;
/// In frames with more bytes than this, the line of the header is written last.
const HEADER_LINE_LAST: usize = 4 * LINE;

/// A bytes ring in a [`Region`].
pub type Mapped = memory::Mapped<Private>;

/// The private data of this process about a bytes ring.
#[derive(Clone, Copy, Debug)]
pub struct Private {
    capacity: u64,
    barrier: Barrier,
    /// Lines are prefetched ahead.
    hints: bool,
    /// Frames of this total weight are a stream.
    stream: u64,
    /// The producer takes lines.
    takes: bool,
}

impl Mapped {
    /// The geometry of a ring of `capacity` bytes, rounded up to a power of two and to 64.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) when the capacity is 0 or above
    /// [`MAX_CAPACITY`](super::header::MAX_CAPACITY).
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        records::geometry(capacity, SLOTS_OFFSET)
    }

    /// The ring in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) when the geometry is not one of
    /// [`geometry`](Self::geometry); [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not
    /// fit the memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn new(region: Region, geometry: &Geometry, barrier: Barrier) -> Result<Self, AttachError> {
        region.writable()?;
        barrier.join()?;
        Self::of_any(region, geometry, barrier)
    }

    /// The ring in memory that may be mapped read-only, whose header was checked: for a tap, which stores
    /// nothing.
    pub(crate) fn to_be_read(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        // A tap never sleeps and wakes no one, so the barrier is never used.
        Self::of_any(region, geometry, Barrier::Fence)
    }

    fn of_any(region: Region, geometry: &Geometry, barrier: Barrier) -> Result<Self, AttachError> {
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        let private = Private {
            capacity: own.capacity(),
            barrier,
            hints: prefetch::pays(),
            stream: stream::from_weight(),
            takes: prefetch::taking_lines_pays(),
        };
        // SAFETY: a geometry's size counts what lies in front of SLOTS_OFFSET and as many bytes behind it as
        // the capacity says. The users of one in memory that is mapped read-only store nothing.
        unsafe { Self::over_any(region, own.total_size(), private) }
    }

    /// Sets every word of a fresh ring so that its first record has this position.
    ///
    /// Zeroed memory is a fresh ring at position 0 already.
    ///
    /// # Panics
    /// When the position is not a multiple of 8.
    pub fn start_at(&self, position: u64) {
        assert!(position.is_multiple_of(WORD), "a record begins at a multiple of 8");
        for word in [self.produced(), self.even_mark(), self.consumed(), self.head(), self.giving()] {
            word.store(position, Ordering::Relaxed); // Before `ready` is published, or before any end exists.
        }
    }

    /// The start and number of these bytes: multiples of 8, inside the ring.
    #[inline(always)]
    fn words(&self, index: u64, len: u64) -> (*mut u8, usize) {
        let (index, len) = (index & !(WORD - 1), (len & !(WORD - 1)) as usize);
        (self.address(index, len).as_ptr(), len)
    }
}

// SAFETY: `new` is the only way to one, and saw that the geometry is that of a bytes ring.
unsafe impl spsc::Words for Mapped {}
// SAFETY: as above.
unsafe impl Words for Mapped {}

// SAFETY: as above; a geometry's capacity is a power of two, from 64 on, and private.
unsafe impl Ring for Mapped {
    #[inline(always)]
    fn mask(&self) -> u64 {
        self.ring.capacity - 1
    }

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.ring.capacity
    }
}

// SAFETY: as above.
unsafe impl Records for Mapped {
    const OFFSET: usize = SLOTS_OFFSET;

    #[inline(always)]
    fn write(&self, index: u64, bytes: &[u8]) {
        let to = self.stretch(index, bytes.len());
        if !index.is_multiple_of(WORD) || bytes.len() <= HEADER_LINE_LAST {
            // SAFETY: inside the ring.
            return unsafe { self.store_bytes(to, bytes) };
        }
        // The first line is written last. For a whole frame it holds the header, which a waiting consumer
        // polls; the stores to the other lines need not wait until the poller gives up that line.
        let (front, back) = bytes.split_at(LINE - to % LINE);
        // SAFETY: inside the ring.
        unsafe { self.store_bytes(to + front.len(), back) };
        // SAFETY: inside the ring.
        unsafe { self.store_bytes(to, front) };
    }
}

impl Memory for Mapped {
    #[inline(always)]
    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }

    #[inline(always)]
    fn prefetch_for_writing(&self, next: u64, record: u64) {
        if !self.ring.hints {
            return;
        }
        // Near the end of the ring the address lies past it, which is harmless for a prefetch.
        let from = self.start().wrapping_add(SLOTS_OFFSET + next as usize + AHEAD);
        let record = (record as usize).min(ASKED);
        if record < LINE && from.addr() % LINE >= record {
            return; // The previous record prefetched this line.
        }
        let mut at = 0;
        while at < record {
            prefetch::for_writing(from.wrapping_add(at));
            at += LINE;
        }
    }

    #[inline(always)]
    fn prefetch_polled(&self, index: u64, record: u64) {
        let record = record as usize;
        if record <= LINE || !prefetch::of_polled(record) {
            return;
        }
        // Near the end of the ring the address lies past it, which is harmless for a prefetch.
        let from = self.start().wrapping_add(SLOTS_OFFSET + index as usize);
        prefetch::slot_for_reading(from.wrapping_add(LINE), record - LINE);
    }

    #[inline(always)]
    fn run(&self, record: u64) -> u64 {
        if record == 0 {
            return 0;
        }
        record * batching::run(RUN_BYTES, record as usize, self.capacity() / record)
    }

    #[inline(always)]
    fn take_lines(&self, index: u64, len: u64) {
        if (index + len) % LINE as u64 >= len {
            return; // No line ends here.
        }
        let (from, len) = self.words(index, len);
        // SAFETY: inside the ring, multiples of 8, and the consumer's until it releases them.
        unsafe { stream::take_lines(from, len) };
    }

    #[inline(always)]
    fn takes_room(&self, record: u64) -> bool {
        // The next of several short records usually lies in the same line as the last one.
        record >= LINE as u64 / 2 && self.ring.takes && self.dense().load(Ordering::Relaxed) == 0
    }

    #[inline(always)]
    fn take_room(&self, index: u64, len: u64) {
        let (from, len) = self.words(index, len);
        // SAFETY: inside the ring, multiples of 8, and free: the producer's.
        unsafe { ahead::take_lines(from, len, || true) };
    }

    #[inline(always)]
    fn stream(&self) -> u64 {
        self.ring.stream
    }
}
