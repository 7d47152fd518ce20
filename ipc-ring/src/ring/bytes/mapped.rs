//! The ring's words in real memory: addresses computed from a checked geometry.

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::header::{MAX_CAPACITY, WORD};
use super::layout::{
    CONSUMED, CONSUMER_SIGNAL, DENSE, FOUND_EMPTY, FOUND_FULL, FRAMES_POPPED, FRAMES_PUSHED, GIVING, HEAD,
    HIGH_WATER, PRODUCED, PRODUCER_SIGNAL, SLOTS_OFFSET,
};
use super::memory::Memory;
use crate::ahead;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{Geometry, LINE};
use crate::platform::{Barrier, Native};
use crate::prefetch;
use crate::region::Region;
use crate::stream;
use crate::wait::slip;

/// Bytes that a consumer which keeps catching up lets gather.
const RUN_BYTES: usize = 32 * 1024;
/// How far ahead of the next record lines are asked for, in bytes.
const AHEAD: usize = 7 * LINE;
/// No more than this many bytes are asked for after one record.
const ASKED: usize = 8 * LINE;
/// Of frames with more bytes than this, the line of the header is written last.
const HEADER_LINE_LAST: usize = 4 * LINE;
/// The least capacity, in bytes.
const MIN_CAPACITY: u64 = 64;

/// A bytes ring in a [`Region`].
#[derive(Clone, Debug)]
pub struct Mapped {
    base: NonNull<u8>,
    capacity: u64,
    barrier: Barrier,
    /// Lines are asked for ahead.
    hints: bool,
    /// Frames that weigh so much are a stream.
    stream: u64,
    /// The producer takes lines.
    takes: bool,
    region: Region,
}

// SAFETY: the pointer is the region's, which is shared between threads by design; all access to it is atomic, or by
// copies that may race.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// The geometry of a ring of `capacity` bytes, rounded up to a power of two and to 64.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) when the capacity is 0 or above [`MAX_CAPACITY`].
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        if capacity == 0 || capacity > MAX_CAPACITY {
            return Err(AttachErrorKind::TooLarge { capacity, most: MAX_CAPACITY, element_size: 1 }.into());
        }
        let capacity = capacity.next_power_of_two().max(MIN_CAPACITY);
        Geometry::of_cells(capacity, 1, 1, 1, SLOTS_OFFSET)
            .ok_or_else(|| AttachErrorKind::TooLarge { capacity, most: MAX_CAPACITY, element_size: 1 }.into())
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
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        assert!(region.base().addr().get().is_multiple_of(LINE), "a ring starts on a cache line");
        Ok(Self {
            base: region.base(),
            capacity: own.capacity(),
            barrier,
            hints: prefetch::pays(),
            stream: stream::from_weight(),
            takes: prefetch::taking_lines_pays(),
            region,
        })
    }

    /// Sets every word of a fresh ring so that its first record has this position.
    ///
    /// Zeroed memory is a fresh ring at position 0 already.
    ///
    /// # Panics
    /// When the position is not a multiple of 8.
    pub fn start_at(&self, position: u64) {
        assert!(position.is_multiple_of(WORD), "a record begins at a multiple of 8");
        for word in [PRODUCED, CONSUMED, HEAD, GIVING] {
            self.word(word).store(position, Ordering::Relaxed); // Before `ready` is published, or before any end exists.
        }
    }

    /// The memory the ring lies in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The byte at an index.
    ///
    /// # Panics
    /// When there are not `len` bytes from there to the end of the ring.
    #[inline(always)]
    #[must_use]
    pub fn address(&self, index: u64, len: usize) -> NonNull<u8> {
        assert!(
            index <= self.capacity && len as u64 <= self.capacity - index,
            "the bytes lie inside the ring"
        );
        // SAFETY: index <= capacity, and `new` saw that capacity bytes follow SLOTS_OFFSET.
        unsafe { self.base.add(SLOTS_OFFSET + index as usize) }
    }

    /// Where these bytes begin, and their number: multiples of 8, inside the ring.
    #[inline(always)]
    fn words(&self, index: u64, len: u64) -> (*mut u8, usize) {
        let (index, len) = (index & !(WORD - 1), (len & !(WORD - 1)) as usize);
        (self.address(index, len).as_ptr(), len)
    }

    #[inline(always)]
    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= SLOTS_OFFSET && offset.is_multiple_of(8));
        // SAFETY: the offset is one of the layout's constants, below SLOTS_OFFSET, which `new` saw to be mapped.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: aligned to 8, mapped as long as `region`, and only ever accessed atomically with this width.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    #[inline(always)]
    fn half(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset + 4 <= SLOTS_OFFSET && offset.is_multiple_of(4));
        // SAFETY: as in `word`.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: as in `word`, aligned to 4.
        unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
    }
}

/// How many of `len` bytes from `address` on lie before the next multiple of 8.
#[inline(always)]
fn unaligned(address: *const u8, len: usize) -> usize {
    (address.addr().wrapping_neg() & (WORD as usize - 1)).min(len)
}

// SAFETY: the capacity is checked in `new` and private; `read` copies as many bytes as `out` has.
unsafe impl Memory for Mapped {
    type Platform = Native;

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.capacity
    }

    #[inline(always)]
    fn barrier(&self) -> Barrier {
        self.barrier
    }

    #[inline(always)]
    fn header(&self, index: u64) -> &AtomicU64 {
        debug_assert!(index.is_multiple_of(WORD) && index < self.capacity);
        let index = index & (self.capacity - 1) & !(WORD - 1);
        // SAFETY: index + 8 <= capacity, which is a power of two from 64 on, and `new` saw that as many bytes follow SLOTS_OFFSET.
        let address = unsafe { self.base.add(SLOTS_OFFSET + index as usize) };
        // SAFETY: 8 bytes inside the ring, aligned to 8 because SLOTS_OFFSET and the index are; bytes that are also
        // accessed with another width, as payload, are ordered against this by the protocol.
        unsafe { AtomicU64::from_ptr(address.as_ptr().cast()) }
    }

    #[inline(always)]
    fn write(&self, index: u64, bytes: &[u8]) {
        let to = self.address(index, bytes.len()).as_ptr();
        let mut first = 0;
        if !index.is_multiple_of(WORD) {
            first = unaligned(to, bytes.len());
            for (at, byte) in bytes[..first].iter().enumerate() {
                // SAFETY: `at` is below the length, which `address` has checked; a byte is always aligned.
                let target = unsafe { AtomicU8::from_ptr(to.wrapping_add(at)) };
                target.store(*byte, Ordering::Relaxed); // Ordered by the header that follows, [B1].
            }
        }
        let mut rest = &bytes[first..];
        let to = to.wrapping_add(first);
        if rest.len() > HEADER_LINE_LAST {
            // The first line last. Of a whole frame it is that of the header: who waits for the frame looks there, and the other lines need not
            // wait until it is let go.
            let (front, back) = rest.split_at(LINE - to.addr() % LINE);
            // SAFETY: inside the ring as checked by `address`; aligned to 8, as SLOTS_OFFSET and the line are; private bytes.
            unsafe { crate::copy::store_bytes(to.wrapping_add(front.len()), back.as_ptr(), back.len()) };
            rest = front;
        }
        // SAFETY: `rest` lies inside the ring from here, as checked by `address`; the address is aligned to 8, as SLOTS_OFFSET is, unless
        // nothing is left; a slice never lies in shared memory.
        unsafe { crate::copy::store_bytes(to, rest.as_ptr(), rest.len()) };
    }

    #[inline(always)]
    fn read(&self, index: u64, out: &mut [MaybeUninit<u8>]) {
        let from = self.address(index, out.len()).as_ptr();
        let mut first = 0;
        if !index.is_multiple_of(WORD) {
            first = unaligned(from, out.len());
            for (at, byte) in out[..first].iter_mut().enumerate() {
                // SAFETY: as in `write`.
                let source = unsafe { AtomicU8::from_ptr(from.wrapping_add(at)) };
                byte.write(source.load(Ordering::Relaxed)); // Ordered by the header before, [B1].
            }
        }
        let rest = &mut out[first..];
        // SAFETY: as in `write`, the other way round.
        unsafe { crate::copy::load_bytes(rest.as_mut_ptr().cast(), from.wrapping_add(first), rest.len()) };
    }

    #[inline(always)]
    fn head(&self) -> &AtomicU64 {
        self.word(HEAD)
    }

    #[inline(always)]
    fn giving(&self) -> &AtomicU64 {
        self.word(GIVING)
    }

    #[inline(always)]
    fn consumed(&self) -> &AtomicU64 {
        self.word(CONSUMED)
    }

    #[inline(always)]
    fn produced(&self) -> &AtomicU64 {
        self.word(PRODUCED)
    }

    #[inline(always)]
    fn consumer_signal(&self) -> &AtomicU32 {
        self.half(CONSUMER_SIGNAL)
    }

    #[inline(always)]
    fn producer_signal(&self) -> &AtomicU32 {
        self.half(PRODUCER_SIGNAL)
    }

    #[inline(always)]
    fn dense(&self) -> &AtomicU32 {
        self.half(DENSE)
    }

    #[inline(always)]
    fn frames_pushed(&self) -> &AtomicU64 {
        self.word(FRAMES_PUSHED)
    }

    #[inline(always)]
    fn frames_popped(&self) -> &AtomicU64 {
        self.word(FRAMES_POPPED)
    }

    #[inline(always)]
    fn found_full(&self) -> &AtomicU64 {
        self.word(FOUND_FULL)
    }

    #[inline(always)]
    fn high_water(&self) -> &AtomicU64 {
        self.word(HIGH_WATER)
    }

    #[inline(always)]
    fn found_empty(&self) -> &AtomicU64 {
        self.word(FOUND_EMPTY)
    }

    #[inline(always)]
    fn prefetch_for_writing(&self, next: u64, record: u64) {
        if !self.hints {
            return;
        }
        // Near the end of the ring this runs past it, which is harmless for a prefetch.
        let from = self.base.as_ptr().wrapping_add(SLOTS_OFFSET + next as usize + AHEAD);
        let record = (record as usize).min(ASKED);
        if record < LINE && from.addr() % LINE >= record {
            return; // The record before asked for this line.
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
        // Near the end of the ring this runs past it, which is harmless for a prefetch.
        let from = self.base.as_ptr().wrapping_add(SLOTS_OFFSET + index as usize);
        prefetch::slot_for_reading(from.wrapping_add(LINE), record - LINE);
    }

    #[inline(always)]
    fn run(&self, record: u64) -> u64 {
        if record == 0 {
            return 0;
        }
        record * slip::run(RUN_BYTES, record as usize, self.capacity / record)
    }

    #[inline(always)]
    fn take_lines(&self, index: u64, len: u64) {
        if (index + len) % LINE as u64 >= len {
            return; // No line ends here.
        }
        let (from, len) = self.words(index, len);
        // SAFETY: inside the ring, multiples of 8, and the consumer's until it gives them back.
        unsafe { stream::take_lines(from, len) };
    }

    #[inline(always)]
    fn takes_room(&self, record: u64) -> bool {
        // The next record of short ones mostly lies in the line of the last.
        record >= LINE as u64 / 2 && self.takes && self.dense().load(Ordering::Relaxed) == 0
    }

    #[inline(always)]
    fn take_room(&self, index: u64, len: u64) {
        let (from, len) = self.words(index, len);
        // SAFETY: inside the ring, multiples of 8, and free: the producer's.
        unsafe { ahead::take_lines(from, len, || true) };
    }

    #[inline(always)]
    fn stream(&self) -> u64 {
        self.stream
    }
}
