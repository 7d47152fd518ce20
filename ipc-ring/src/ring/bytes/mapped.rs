//! The ring's memory as it is mapped into this process.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering;

use super::header::WORD;
use super::memory::Memory;
use super::words::{SLOTS_OFFSET, Words};
use crate::cache::{batching, ownership, prefetch, processor, traffic};
use crate::copy;
use crate::error::AttachError;
use crate::layout::{Geometry, LINE};
use crate::memory::{self, Access, Records, Ring, records};
use crate::platform::Barrier;
use crate::region::Region;
use crate::ring::spsc::{self, Words as _};

/// Bytes that a consumer which keeps catching up waits for as a batch.
const BATCH_BYTES: usize = 32 * 1024;
/// The same for [short](READS_AHEAD) records. [`batching::batch_len`] has at most 64 of them, which a
/// producer pushes between a few checks.
const SHORT_BATCH_BYTES: u64 = 4096;
/// How far ahead of the next record lines are prefetched, in bytes.
const AHEAD: usize = 7 * LINE;
/// At most this many bytes are prefetched after one record.
const ASKED: usize = 8 * LINE;
/// Of frames longer than this the line of the first bytes is written last. A waiting consumer polls the
/// header, in front of them; then the stores to the others need not wait until it gives that line up.
const FIRST_LINE_FIRST: usize = 4 * LINE;
/// The longest records of which the consumer of a stream prefetches lines that are ready. Longer ones arrive
/// as fast without, or faster.
const READS_AHEAD: u64 = 40;

/// A bytes ring in a [`Region`].
pub type Mapped = memory::Mapped<Private>;

/// The private data of this process about a bytes ring.
#[derive(Clone, Copy, Debug)]
pub struct Private {
    capacity: u64,
    barrier: Barrier,
    /// Lines are prefetched ahead.
    prefetches: bool,
    /// Single frames are pushed towards the shared cache.
    demotes: bool,
    /// Frames of this total weight are a stream.
    stream: u64,
    /// Both ends take lines.
    acquires: bool,
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
            prefetches: processor::prefetches_ahead(),
            demotes: processor::demotes(),
            stream: traffic::stream_weight(),
            acquires: processor::acquires_lines(),
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
        if index.is_multiple_of(WORD) {
            return self.write_frame(index, bytes); // Perhaps a whole frame.
        }
        // SAFETY: inside the ring.
        unsafe { self.store_bytes(self.stretch(index, bytes.len()), bytes) };
    }

    #[inline(always)]
    fn write_frame(&self, index: u64, bytes: &[u8]) {
        let (to, from, len) = (self.address(index & !(WORD - 1), bytes.len()), bytes.as_ptr(), bytes.len());
        let to = to.as_ptr();
        if len <= FIRST_LINE_FIRST {
            // SAFETY: inside the ring, and a multiple of 8; a slice is never in shared memory.
            return unsafe { copy::store_bytes(to, from, len) };
        }
        let first = LINE - to.addr() % LINE;
        // SAFETY: as above; first <= LINE < len, and a multiple of 8.
        unsafe { copy::store_bytes(to.wrapping_add(first), from.wrapping_add(first), len - first) };
        // SAFETY: as above.
        unsafe { copy::store_bytes(to, from, first) };
    }

    #[inline(always)]
    fn read_frame(&self, index: u64, out: &mut [MaybeUninit<u8>]) {
        let from = self.address(index & !(WORD - 1), out.len());
        // SAFETY: as in `write_frame`.
        unsafe { copy::load_bytes(out.as_mut_ptr().cast(), from.as_ptr(), out.len()) };
    }
}

impl Memory for Mapped {
    #[inline(always)]
    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }

    #[inline(always)]
    fn hint_published(&self, next: u64, record: u64) {
        let len = record as usize;
        let asks = prefetch::DEMOTED.contains(&len) && (self.ring.demotes || self.ring.prefetches);
        // Relaxed: a hint about hints.
        if asks && self.dense().load(Ordering::Relaxed) == 0 {
            if self.ring.demotes {
                let index = next.wrapping_sub(record) & self.mask();
                let from = self.start().wrapping_add(SLOTS_OFFSET + index as usize);
                prefetch::lines(from, len, prefetch::demote);
            }
            if prefetch::PREFETCHED_IN_STREAMS.contains(&len) {
                return;
            }
        }
        if !self.ring.prefetches {
            return;
        }
        // Near the end of the ring the address lies past it, which is harmless for a prefetch.
        let from = self.start().wrapping_add(SLOTS_OFFSET + next as usize + AHEAD);
        prefetch::new_lines(from, len.min(ASKED), prefetch::for_writing);
    }

    #[inline(always)]
    fn prefetch_polled(&self, index: u64, record: u64) {
        let record = record as usize;
        if record <= LINE || !processor::prefetches_polled(record) {
            return;
        }
        // Near the end of the ring the address lies past it, which is harmless for a prefetch.
        let from = self.start().wrapping_add(SLOTS_OFFSET + index as usize);
        prefetch::slot_for_reading(from.wrapping_add(LINE), record - LINE);
    }

    #[inline(always)]
    fn prefetch_awaited(&self, index: u64, record: u64) {
        if record as usize <= 2 * LINE {
            self.prefetch_polled(index, record);
        }
    }

    #[inline(always)]
    fn reads_ahead(&self, record: u64) -> bool {
        record <= READS_AHEAD && self.ring.prefetches
    }

    #[inline(always)]
    fn prefetch_ready(&self, index: u64) {
        prefetch::for_reading(self.start().wrapping_add(SLOTS_OFFSET + index as usize));
    }

    #[inline(always)]
    fn batch_len(&self, record: u64) -> u64 {
        if record == 0 {
            return 0;
        }
        let batch = record * batching::batch_len(BATCH_BYTES, record as usize, self.capacity() / record);
        let short = if batch != 0 && self.reads_ahead(record) { SHORT_BATCH_BYTES } else { 0 };
        batch.max(short.min(self.capacity() / 4))
    }

    #[inline(always)]
    fn acquires_read(&self) -> bool {
        self.ring.acquires
    }

    #[inline(always)]
    fn is_dense_of_use(&self, record: u64) -> bool {
        // The last two waits may have been so far apart that nothing is known of the size now.
        self.ring.acquires || record == 0 || prefetch::DEMOTED.contains(&(record as usize))
    }

    #[inline(always)]
    fn acquire_read(&self, index: u64, len: u64) {
        if (index + len) % LINE as u64 >= len {
            return; // No line ends here.
        }
        let (from, len) = self.words(index, len);
        // SAFETY: inside the ring, multiples of 8, and the consumer's until it releases them.
        unsafe { ownership::acquire_ended(from, len) };
    }

    #[inline(always)]
    fn acquires_next(&self, record: u64) -> bool {
        // The next of several short records usually lies in the same line as the last one.
        record >= LINE as u64 / 2 && self.ring.acquires && self.dense().load(Ordering::Relaxed) == 0
    }

    #[inline(always)]
    fn acquire_next(&self, index: u64, len: u64) {
        let (from, len) = self.words(index, len);
        // SAFETY: inside the ring, multiples of 8, and free: the producer's.
        unsafe { ownership::acquire_begun(from, len, || true) };
    }

    #[inline(always)]
    fn stream(&self) -> u64 {
        self.ring.stream
    }
}
