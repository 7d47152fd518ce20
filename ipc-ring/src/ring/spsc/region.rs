//! A ring in memory that its users already share: made and opened without a name, a domain or a kernel object of its own.

use super::layout::SLOTS_OFFSET;
use super::mapped::Mapped;
use crate::error::AttachError;
use crate::layout::{self, Expected, Identity, Kind};
use crate::message::{Fingerprint, Message};
use crate::platform::Barrier;
use crate::region::Region;

impl<T: Message> Mapped<T> {
    /// Makes a fresh ring at the start of zeroed memory, header and all. Its first element has the position `first`.
    ///
    /// ```
    /// use ipc_ring::ring::spsc::{Consumer, Mapped, Pop, Producer};
    /// use ipc_ring::{Barrier, Region};
    ///
    /// let region = Region::heap(Mapped::<u64>::geometry(8)?.total_size());
    /// let ring = Mapped::<u64>::make(region.clone(), 8, Barrier::Fence, 0)?;
    /// let mut producer = Producer::attach(ring).expect("a fresh ring");
    /// let mut consumer = Consumer::attach(Mapped::<u64>::open(region)?);
    /// let _ = producer.try_push(&7);
    /// assert_eq!(consumer.try_pop(), Pop::Item { item: 7, signal: 0 });
    /// # Ok::<(), ipc_ring::AttachError>(())
    /// ```
    ///
    /// # Errors
    /// [`AttachError::TooLarge`] as [`geometry`](Self::geometry); [`AttachError::TooSmall`] when the ring does not fit the
    /// memory; [`AttachError::ReadOnly`]; [`AttachError::NoMembarrier`].
    pub fn make(region: Region, capacity: u64, barrier: Barrier, first: u64) -> Result<Self, AttachError> {
        let geometry = Self::geometry(capacity)?;
        let ring = Self::new(region.clone(), &geometry, barrier)?;
        ring.start_at(first);
        let identity = Identity {
            kind: Kind::Spsc,
            barrier,
            fingerprint: Fingerprint::of::<T>(),
            generation: 0,
            first_position: first,
            name: "",
        };
        layout::write(&region, &geometry, SLOTS_OFFSET, identity);
        Ok(ring)
    }

    /// The ring in this memory, after a check of its header against `T` and the size of the memory. Whatever the memory
    /// holds, the answer is an error or a ring whose every access lies inside it.
    ///
    /// # Errors
    /// [`AttachError`], the first thing that is not as it should be.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let expected = Expected {
            kind: Kind::Spsc,
            fingerprint: Fingerprint::of::<T>(),
            slots_offset: SLOTS_OFFSET,
            geometry: Self::geometry,
            capacity: None,
            generation: None,
        };
        let checked = layout::check(&region, &expected)?;
        Self::new(region, &checked.geometry, checked.barrier)
    }
}
