//! The ring's bytes, mapped into this process.

use super::memory::Memory;
use crate::cache::{prefetch, processor};
use crate::error::AttachError;
use crate::layout::{Geometry, Kind, LINE};
use crate::memory::{self, Records, records};
use crate::message::Fingerprint;
use crate::platform::Barrier;
use crate::region::Region;
use crate::ring::broadcast::front::{self, Mode, Private};
use crate::ring::broadcast::words::SLOTS_OFFSET;

/// How far ahead of the next record lines are prefetched, in bytes.
const AHEAD: usize = 7 * LINE;
/// The maximum number of bytes that are prefetched after one record.
const ASKED: usize = 8 * LINE;

/// A broadcast ring of frames in a [`Region`].
pub type Mapped = memory::Mapped<Private<InRecords>>;

/// This process's private state of the records of a broadcast ring.
#[derive(Clone, Copy, Debug)]
pub struct InRecords {
    hints: bool,
}

impl Mapped {
    /// The geometry of a ring of `capacity` bytes, rounded up to a power of two and to 64.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) if the capacity is 0 or above
    /// [`MAX_CAPACITY`](crate::ring::bytes::header::MAX_CAPACITY).
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        records::geometry(capacity, SLOTS_OFFSET)
    }

    /// The ring in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) if the geometry is not one of
    /// [`geometry`](Self::geometry); [`TooSmall`](crate::AttachErrorKind::TooSmall) if the ring does not fit
    /// into the memory; [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn new(
        region: Region,
        geometry: &Geometry,
        barrier: Barrier,
        mode: Mode,
    ) -> Result<Self, AttachError> {
        region.writable()?;
        barrier.join()?;
        Self::of_any(region, geometry, barrier, mode)
    }

    /// As [`new`](Self::new), also in memory that is mapped read-only: for a caller that stores nothing and
    /// does not pass the ring on.
    pub(crate) fn of_any(
        region: Region,
        geometry: &Geometry,
        barrier: Barrier,
        mode: Mode,
    ) -> Result<Self, AttachError> {
        let own = Self::geometry(geometry.capacity())?;
        let records = InRecords { hints: processor::prefetches_ahead() };
        // SAFETY: the geometry of records. A caller that passes memory mapped read-only stores nothing.
        unsafe { Self::of_messages(region, (geometry, &own), barrier, mode, records) }
    }

    /// Makes a fresh ring at the start of zeroed memory, including its header.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) as [`geometry`](Self::geometry);
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) if the ring does not fit into the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn make(region: Region, capacity: u64, barrier: Barrier, mode: Mode) -> Result<Self, AttachError> {
        let geometry = Self::geometry(capacity)?;
        let ring = Self::new(region, &geometry, barrier, mode)?;
        ring.write_header(&geometry, Kind::BroadcastBytes, Fingerprint::of::<u8>(), 0);
        Ok(ring)
    }

    /// The ring in this memory, after checking its header against the size of the memory.
    ///
    /// # Errors
    /// [`AttachError`], for the first thing that is wrong.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let (geometry, barrier, mode) =
            front::read_header(&region, Kind::BroadcastBytes, Fingerprint::of::<u8>(), Self::geometry)?;
        Self::new(region, &geometry, barrier, mode)
    }
}

// SAFETY: `of_any` is the only constructor, and checked that the geometry is that of this number of bytes.
unsafe impl Records for Mapped {
    const OFFSET: usize = SLOTS_OFFSET;
}

impl Memory for Mapped {
    #[inline(always)]
    fn prefetch_for_writing(&self, next: u64, record: u64) {
        if !self.ring.messages.hints {
            return;
        }
        // Near the end of the ring this runs past it, which is harmless for a prefetch.
        let from = self.start().wrapping_add(SLOTS_OFFSET + next as usize + AHEAD);
        prefetch::new_lines(from, (record as usize).min(ASKED), prefetch::for_writing);
    }
}
