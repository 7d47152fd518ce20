//! How a channel is made or found.

use std::marker::PhantomData;

use super::end::{End, Role, TAKERS, side_of};
use super::{Observer, Reader, TableReader, TableWriter, Writer};
use crate::channel::observe;
use crate::channel::open::{self, Creation, Request};
use crate::channel::settings::{Settings, common_settings, element_settings};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::memory::Of;
use crate::message::Message;
use crate::ring::latest::{CELLS_OFFSET, Mapped};
use crate::wait::WaitStrategy;

/// Options for creating and opening a channel of `T`, of one value or of many under keys.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{WaitStrategy, latest};
///
/// let domain = ipc_ring::Domain::open("doc-example-latest")?;
/// let prices = latest::Builder::<u64>::new("prices").domain(&domain).keys(500).wait(WaitStrategy::Sleep);
/// let mut writer = prices.create_table_writer()?;
/// let mut reader = prices.open_table_reader()?;
/// writer.publish(17, 995)?;
/// assert_eq!(reader.get(17)?.map(|newest| newest.value), Some(995));
/// assert!(reader.get(18)?.is_none());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Builder<T> {
    settings: Settings,
    element: PhantomData<fn() -> T>,
}

impl<T: Message> Builder<T> {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { settings: Settings::new(name, WaitStrategy::DEFAULT), element: PhantomData }
    }

    common_settings!();
    element_settings!("robot.Pose/2");

    /// Number of keys of a table, 1 to [`MAX_KEYS`](super::MAX_KEYS). An opener that gives a number insists
    /// on it; one without this setting takes the table as it is. A writer without it makes one key. A reader
    /// without it that comes before any writer leaves the number to the writer: until then
    /// [`keys`](TableReader::keys) is 1, and no key has a value yet.
    #[must_use]
    pub fn keys(mut self, keys: u32) -> Self {
        self.settings.capacity = Some(u64::from(keys));
        self
    }

    /// Makes the channel of one value, or finds it, and takes the writer's end.
    ///
    /// # Errors
    /// [`AttachError`]: another writer is alive, the channel found is of another type or has several keys, or
    /// the kernel refused.
    pub fn create_sender(&self) -> Result<Writer<T>, AttachError> {
        self.clone().keys(1).create_table_writer().map(Writer::new)
    }

    /// Finds the channel of one value, which must exist, and takes the writer's end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<Writer<T>, AttachError> {
        self.clone().keys(1).open_table_writer().map(Writer::new)
    }

    /// Makes the channel of one value, or finds it, and takes a reader's seat.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the channel found is of another type or has several keys, or the
    /// kernel refused.
    pub fn create_receiver(&self) -> Result<Reader<T>, AttachError> {
        self.clone().keys(1).create_table_reader().map(Reader::new)
    }

    /// Finds the channel of one value, which must exist, and takes a reader's seat.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_receiver`](Self::create_receiver).
    pub fn open_receiver(&self) -> Result<Reader<T>, AttachError> {
        self.clone().keys(1).open_table_reader().map(Reader::new)
    }

    /// Makes the table, or finds it, and takes the writer's end.
    ///
    /// # Errors
    /// [`AttachError`]: another writer is alive, the table found is of another type or size, or the kernel
    /// refused.
    pub fn create_table_writer(&self) -> Result<TableWriter<T>, AttachError> {
        self.attach(Role::Writer, Creation::MakeOrFind).map(TableWriter::new)
    }

    /// Makes the table, which must not exist, and takes the writer's end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_table_writer`](Self::create_table_writer).
    pub fn create_new_table_writer(&self) -> Result<TableWriter<T>, AttachError> {
        self.attach(Role::Writer, Creation::MustMake).map(TableWriter::new)
    }

    /// Finds the table, which must exist, and takes the writer's end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as
    /// [`create_table_writer`](Self::create_table_writer).
    pub fn open_table_writer(&self) -> Result<TableWriter<T>, AttachError> {
        self.attach(Role::Writer, Creation::MustFind).map(TableWriter::new)
    }

    /// Makes the table, or finds it, and takes a reader's seat.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the table found is of another type or size, or the kernel refused.
    pub fn create_table_reader(&self) -> Result<TableReader<T>, AttachError> {
        self.read(Creation::MakeOrFind)
    }

    /// Finds the table, which must exist, and takes a reader's seat.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as
    /// [`create_table_reader`](Self::create_table_reader).
    pub fn open_table_reader(&self) -> Result<TableReader<T>, AttachError> {
        self.read(Creation::MustFind)
    }

    /// Finds the table, or the channel of one value, which must exist, and attaches it read-only: no seat, no
    /// sleep, and no way to change a byte.
    ///
    /// # Errors
    /// As [`open_table_reader`](Self::open_table_reader), except that no seat is needed.
    pub fn open_observer(&self) -> Result<Observer<T>, AttachError> {
        let (domain, region, geometry) = observe::attach_read_only(&self.request())?;
        let ring = Mapped::of_any(region, &geometry);
        let ring = ring.map_err(|error| self.request().explain(error, side_of(Role::Reader)))?;
        Ok(Observer::new(domain, ring))
    }

    fn request(&self) -> Request<'_> {
        Request {
            settings: &self.settings,
            kind: Kind::Latest,
            fingerprint: self.settings.fingerprint::<T>(),
            element: Some(core::any::type_name::<T>()),
            usual_capacity: 1,
            geometry: &Mapped::<T>::geometry,
            slots_offset: CELLS_OFFSET,
            mode: None,
            takers: Some(TAKERS),
        }
    }

    fn read(&self, creation: Creation) -> Result<TableReader<T>, AttachError> {
        self.attach(Role::Reader, creation).map(|end| TableReader::new(end, self))
    }

    fn attach(&self, role: Role, creation: Creation) -> Result<End<Of<T>>, AttachError> {
        open::attach(&self.request(), creation, side_of(role), |locked, domain, found| {
            let ring = Mapped::<T>::new(found.region.clone(), &found.geometry)?;
            let mut end = End::take_seat(locked, domain, (found, ring), role, self.settings.strategy)?;
            end.place.settle(&self.settings);
            Ok(end)
        })
    }
}
