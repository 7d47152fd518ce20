//! An spsc ring whose element size is known only at run time.

use super::mapped::Private;
use super::words::SLOTS_OFFSET;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Geometry, Identity, Kind};
use crate::memory::{self, Shaped};
use crate::message::ElementType;
use crate::platform::Barrier;
use crate::region::Region;

/// An spsc ring in a [`Region`] whose elements are byte strings of the length given in its header. Its ends
/// are the [`Producer`](super::Producer) and [`Consumer`](super::Consumer) of any spsc ring, and interoperate
/// with those of a [`Mapped`](super::Mapped) of a Rust type of the same size, alignment and name.
pub type RawMapped = memory::Mapped<Private<Shaped>>;

impl RawMapped {
    /// The ring in `region`, whose header was checked and is of this geometry. The first `size` bytes of each
    /// element are copied; a pushing end copies all of them.
    ///
    /// # Errors
    /// As [`Mapped::new`](super::Mapped::new).
    pub(crate) fn of_checked(
        region: Region,
        geometry: &Geometry,
        size: usize,
        barrier: Barrier,
    ) -> Result<Self, AttachError> {
        region.writable()?;
        region.holds(geometry.total_size())?;
        Self::of_shape(region, geometry, Shaped::beginning(geometry, size), barrier)
    }

    /// Makes a fresh ring of such elements at the start of zeroed memory, header and all. Its first element
    /// has the position `first`.
    ///
    /// ```
    /// use std::mem::MaybeUninit;
    ///
    /// use ipc_ring::ring::spsc::{Consumer, Mapped, Pop, Producer, RawMapped};
    /// use ipc_ring::{Barrier, ElementType, Region};
    ///
    /// let region = Region::heap(Mapped::<u64>::geometry(8)?.total_size());
    /// let ring = RawMapped::make(region.clone(), &ElementType::new(8, 8, "u64")?, 8, Barrier::Fence, 0)?;
    /// let mut producer = Producer::attach(ring).expect("a fresh ring");
    /// let mut consumer = Consumer::attach(Mapped::<u64>::open(region)?);
    /// let _ = producer.try_push(&7_u64.to_ne_bytes());
    /// assert_eq!(consumer.try_pop(), Pop::Item { item: 7, signal: 0 });
    /// # Ok::<(), ipc_ring::AttachError>(())
    /// ```
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) when the capacity is 0 or too large;
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not fit the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn make(
        region: Region,
        element: &ElementType,
        capacity: u64,
        barrier: Barrier,
        first: u64,
    ) -> Result<Self, AttachError> {
        region.writable()?;
        let geometry = element.geometry(capacity, SLOTS_OFFSET)?;
        let ring = Self::of_shape(region, &geometry, Shaped::of(&geometry), barrier)?;
        ring.start_at(first);
        let identity = Identity {
            kind: Kind::Spsc,
            barrier,
            fingerprint: element.fingerprint(),
            generation: 0,
            first_position: first,
            name: "",
            description: "",
        };
        layout::write(ring.region(), &geometry, SLOTS_OFFSET, identity);
        Ok(ring)
    }

    /// The ring in this memory, after a check of its header against the element and the size of the memory.
    /// Whatever the memory holds, the result is an error or a ring whose every access lies inside it.
    ///
    /// # Errors
    /// As [`Mapped::open`](super::Mapped::open) for a Rust type of this size, alignment and name.
    pub fn open(region: Region, element: &ElementType) -> Result<Self, AttachError> {
        region.writable()?;
        let seen = layout::look(&region, Kind::Spsc, SLOTS_OFFSET, None)?;
        let found = (seen.geometry.element_size() as u64, seen.geometry.element_align() as u64);
        let expected = (element.size() as u64, element.align() as u64);
        if found != expected {
            return Err(AttachErrorKind::ElementSize { found, expected }.into());
        }
        let (found, expected) = (seen.fingerprint, element.fingerprint());
        if found != expected {
            return Err(AttachErrorKind::ElementType { found, expected }.into());
        }
        Self::of_shape(region, &seen.geometry, Shaped::of(&seen.geometry), seen.barrier)
    }

    /// The ring in memory that may be mapped read-only, whose header was checked: for a tap, which stores
    /// nothing.
    pub(crate) fn to_be_read(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        // A tap never sleeps and wakes no one, so the barrier is never used.
        Self::of_any_shape(region, geometry, Shaped::of(geometry), Barrier::Fence)
    }
}
