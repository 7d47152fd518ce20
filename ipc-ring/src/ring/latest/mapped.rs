//! The table's memory, mapped into this process.

use super::memory::{self as cells, Memory};
use super::words::{CELLS_OFFSET, ENTRIES, MAX_KEYS, Words};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Expected, Geometry, Identity, Kind, LINE};
use crate::memory::{self, Of, Shape, Shaped};
use crate::message::{ElementType, Fingerprint, Message};
use crate::platform::Barrier;
use crate::region::Region;

/// Slots of a key: a reader may be slower than the writer by this number of publications and still get a
/// value.
const SLOTS: u64 = 4;

/// A table of latest values of `T` in a [`Region`].
pub type Mapped<T> = MappedOf<Of<T>>;

/// A table of latest values of this shape in a [`Region`].
pub type MappedOf<S> = memory::Mapped<Private<S>>;

/// This process's private state of a table of latest values.
#[derive(Clone, Copy, Debug)]
pub struct Private<S> {
    shape: S,
    keys: u32,
}

impl<T: Message> Mapped<T> {
    /// Bytes of all slots of a key.
    const CELL: usize = SLOTS as usize * cells::stride(size_of::<T>(), align_of::<T>());

    /// The geometry of a table of this number of values. Its capacity is the number of keys, which is not
    /// rounded.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) if there are no keys or too many, or the value is
    /// larger than [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
    pub fn geometry(keys: u64) -> Result<Geometry, AttachError> {
        const { assert!(size_of::<T>() > 0, "a message has at least one byte") };
        const { assert!(align_of::<T>() <= LINE, "a message is aligned to a cache line at most") };
        Some(keys)
            .filter(|keys| (1..=u64::from(MAX_KEYS)).contains(keys))
            .filter(|_| size_of::<T>() <= crate::message::MAX_MESSAGE_SIZE)
            .and_then(|keys| {
                Geometry::of_cells(keys, size_of::<T>(), align_of::<T>(), Self::CELL, CELLS_OFFSET)
            })
            .ok_or_else(|| {
                let (most, element_size) = (u64::from(MAX_KEYS), size_of::<T>());
                AttachErrorKind::TooLarge { capacity: keys, most, element_size }.into()
            })
    }

    /// The table in `region`, whose header was written or checked with this geometry.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) if the geometry is not that of a table of `T`;
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) if the table does not fit into the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn new(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        region.writable()?;
        Self::of_any(region, geometry)
    }

    /// As [`new`](Self::new), also in memory that is mapped read-only: for a caller that stores nothing and
    /// does not pass the table on.
    pub(crate) fn of_any(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        let own = Self::geometry(geometry.capacity())?;
        geometry.is_of(&own, &region)?;
        let private = Private { shape: Of::new(), keys: own.capacity() as u32 };
        // SAFETY: a geometry's size includes everything in front of CELLS_OFFSET and as many cells after it
        // as there are keys. A caller that passes memory mapped read-only stores nothing.
        unsafe { Self::over_any(region, own.total_size(), private) }
    }

    /// Makes a fresh table at the start of zeroed memory, including its header.
    ///
    /// ```
    /// use ipc_ring::ring::latest::{Mapped, Reader, Writer};
    /// use ipc_ring::{Barrier, Region};
    ///
    /// let region = Region::heap(Mapped::<u64>::geometry(1)?.total_size());
    /// let mut writer = Writer::attach(Mapped::<u64>::make(region.clone(), 1, Barrier::Fence)?);
    /// let mut reader = Reader::attach(Mapped::<u64>::open(region)?);
    /// writer.publish(0, 1, &7).expect("key 0 is there");
    /// let newest = reader.newest_value(0).expect("key 0 is there").expect("a value");
    /// assert_eq!((newest.value, newest.sequence, newest.time_ns), (7, 1, 1));
    /// # Ok::<(), ipc_ring::AttachError>(())
    /// ```
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) as [`geometry`](Self::geometry);
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) if the table does not fit into the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn make(region: Region, keys: u64, barrier: Barrier) -> Result<Self, AttachError> {
        let geometry = Self::geometry(keys)?;
        barrier.join()?;
        let table = Self::new(region.clone(), &geometry)?;
        let fingerprint = Fingerprint::of::<T>();
        let identity = Identity {
            kind: Kind::Latest,
            barrier,
            fingerprint,
            generation: 0,
            first_position: 0,
            name: "",
            description: "",
        };
        layout::write(&region, &geometry, CELLS_OFFSET, identity);
        Ok(table)
    }

    /// The table in this memory, after checking its header against `T` and the size of the memory.
    ///
    /// # Errors
    /// [`AttachError`], for the first thing that is wrong.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let expected = Expected {
            kind: Kind::Latest,
            fingerprint: Fingerprint::of::<T>(),
            slots_offset: CELLS_OFFSET,
            geometry: &Self::geometry,
            capacity: None,
            generation: None,
        };
        let checked = layout::check(&region, &expected)?;
        checked.barrier.join()?;
        Self::new(region, &checked.geometry)
    }
}

/// The geometry of a table of such elements.
///
/// # Errors
/// As [`Mapped::geometry`].
pub(crate) fn geometry_of(element: &ElementType, keys: u64) -> Result<Geometry, AttachError> {
    let (size, align) = (element.size(), element.align());
    let cell = SLOTS as usize * cells::stride(size, align);
    Some(keys)
        .filter(|keys| (1..=u64::from(MAX_KEYS)).contains(keys))
        .filter(|_| (1..=crate::message::MAX_MESSAGE_SIZE).contains(&size) && align <= LINE)
        .and_then(|keys| Geometry::of_cells(keys, size, align, cell, CELLS_OFFSET))
        .ok_or_else(|| {
            let most = u64::from(MAX_KEYS);
            AttachErrorKind::TooLarge { capacity: keys, most, element_size: size }.into()
        })
}

impl MappedOf<Shaped> {
    /// The geometry of a table of this number of values of this size and alignment; `None` if there is none.
    pub(crate) fn geometry_of(keys: u64, size: u64, align: u64) -> Option<Geometry> {
        let (size, align) = (usize::try_from(size).ok()?, usize::try_from(align).ok()?);
        let is_value = (1..=crate::message::MAX_MESSAGE_SIZE).contains(&size)
            && align.is_power_of_two()
            && align <= LINE
            && (1..=u64::from(MAX_KEYS)).contains(&keys);
        let cell = SLOTS as usize * cells::stride(size, align);
        Some(keys)
            .filter(|_| is_value)
            .and_then(|keys| Geometry::of_cells(keys, size, align, cell, CELLS_OFFSET))
    }

    /// The table in memory that may be mapped read-only, whose header was checked with that geometry: for a
    /// reader, which stores nothing.
    pub(crate) fn to_be_read(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        region.holds(geometry.total_size())?;
        let (size, align) = (geometry.element_size(), geometry.element_align());
        let one = Geometry::new(1, size, align, 0).expect("it was checked");
        let private = Private { shape: Shaped::of(&one), keys: geometry.capacity() as u32 };
        // SAFETY: a geometry's size includes everything in front of CELLS_OFFSET and as many cells after it
        // as there are keys. A reader stores nothing.
        unsafe { Self::over_any(region, geometry.total_size(), private) }
    }

    /// The table in `region`, whose header was checked and has this geometry, which is [`geometry_of`] the
    /// element.
    ///
    /// # Errors
    /// As [`Mapped::new`].
    pub(crate) fn of_checked(region: Region, geometry: &Geometry) -> Result<Self, AttachError> {
        region.writable()?;
        region.holds(geometry.total_size())?;
        let (size, align) = (geometry.element_size(), geometry.element_align());
        let one = Geometry::new(1, size, align, 0).expect("it was checked");
        let private = Private { shape: Shaped::of(&one), keys: geometry.capacity() as u32 };
        // SAFETY: a geometry's size includes everything in front of CELLS_OFFSET and as many cells after it
        // as there are keys.
        unsafe { Self::over(region, geometry.total_size(), private) }
    }
}

// SAFETY: `of_any`, `of_checked` and `to_be_read` are the only constructors; the geometry is that of a table
// of such values.
unsafe impl<S: Shape> Words for memory::Mapped<Private<S>> {}

// SAFETY: as above. The number of keys and the shape are private, the others are constants.
unsafe impl<S: Shape> Memory for memory::Mapped<Private<S>> {
    type Shape = S;

    #[inline(always)]
    fn shape(&self) -> S {
        self.ring.shape
    }

    #[inline(always)]
    fn keys(&self) -> u32 {
        self.ring.keys
    }

    #[inline(always)]
    fn slots(&self) -> u64 {
        SLOTS
    }

    #[inline(always)]
    fn journal(&self) -> u64 {
        if self.ring.keys == 1 { 0 } else { ENTRIES }
    }
}
