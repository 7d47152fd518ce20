//! How a channel is made or found.

use super::end::{End, Role, TAKERS, side_of};
use super::{Latest, Observer, Reader, Table, TableReader, TableWriter, Writer};
use crate::channel::builder::{self, Attach, Observable, has_elements};
use crate::channel::observe;
use crate::channel::open::{self, Creation, Found, Request};
use crate::domain::{Domain, Locked};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::memory::Of;
use crate::message::Message;
use crate::ring::latest::{CELLS_OFFSET, Mapped};

/// Options for making and finding a channel of one `T`.
pub type Builder<T> = builder::Builder<Latest<T>>;

/// Options for making and finding a table of `T`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{WaitStrategy, latest};
///
/// let domain = ipc_ring::Domain::open("doc-example-latest")?;
/// let prices = latest::TableBuilder::<u64>::new("prices").domain(&domain).keys(500).wait(WaitStrategy::Sleep);
/// let mut writer = prices.create_sender()?;
/// let mut reader = prices.open_receiver()?;
/// writer.publish(17, 995)?;
/// assert_eq!(reader.get(17)?.map(|newest| newest.value), Some(995));
/// assert!(reader.get(18)?.is_none());
/// # Ok(()) }
/// ```
pub type TableBuilder<T> = builder::Builder<Table<T>>;

impl<T: Message> Builder<T> {
    /// The table of one key that such a channel is.
    fn table(&self) -> TableBuilder<T> {
        TableBuilder { settings: self.settings.clone(), options: () }.keys(1)
    }
}

impl<T: Message> Attach for Latest<T> {
    type Sender = Writer<T>;
    type Receiver = Reader<T>;
    type Options = ();

    fn sender(builder: &Builder<T>, creation: Creation) -> Result<Writer<T>, AttachError> {
        Table::sender(&builder.table(), creation).map(Writer::new)
    }

    fn receiver(builder: &Builder<T>, creation: Creation) -> Result<Reader<T>, AttachError> {
        Table::receiver(&builder.table(), creation).map(Reader::new)
    }
}

has_elements!(Latest);

impl<T: Message> Observable for Latest<T> {
    type Observer = Observer<T>;

    fn observe(builder: &Builder<T>) -> Result<Observer<T>, AttachError> {
        Table::observe(&builder.table())
    }
}

impl<T: Message> TableBuilder<T> {
    /// Number of keys of the table, 1 to [`MAX_KEYS`](super::MAX_KEYS). An opener that gives a number insists
    /// on it; one without this setting takes the table as it is. A writer without it makes one key. A reader
    /// without it that comes before any writer leaves the number to the writer: until then
    /// [`keys`](TableReader::keys) is 1, and no key has a value yet.
    #[must_use]
    pub fn keys(mut self, keys: u32) -> Self {
        self.settings.capacity = Some(u64::from(keys));
        self
    }

    fn request(&self) -> Request<'_> {
        let geometry = &Mapped::<T>::geometry;
        let elements =
            Request::of_elements::<T>(&self.settings, Kind::Latest, geometry, CELLS_OFFSET, TAKERS);
        Request { usual_capacity: 1, ..elements }
    }

    fn attach<E>(
        &self,
        role: Role,
        creation: Creation,
        end: impl FnOnce(End<Of<T>>) -> E,
    ) -> Result<E, AttachError> {
        let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
            let ring = Mapped::<T>::new(found.region.clone(), &found.geometry)?;
            let mut end = End::take_seat(locked, domain, (found, ring), role, self.settings.strategy)?;
            end.place.settle(&self.settings);
            Ok(end)
        };
        open::attach(&self.request(), creation, side_of(role), seat, |seated| Ok(end(seated)))
    }
}

impl<T: Message> Attach for Table<T> {
    type Sender = TableWriter<T>;
    type Receiver = TableReader<T>;
    type Options = ();

    fn sender(builder: &TableBuilder<T>, creation: Creation) -> Result<TableWriter<T>, AttachError> {
        builder.attach(Role::Writer, creation, TableWriter::new)
    }

    fn receiver(builder: &TableBuilder<T>, creation: Creation) -> Result<TableReader<T>, AttachError> {
        builder.attach(Role::Reader, creation, |end| TableReader::new(end, builder))
    }
}

has_elements!(Table);

impl<T: Message> Observable for Table<T> {
    type Observer = Observer<T>;

    fn observe(builder: &TableBuilder<T>) -> Result<Observer<T>, AttachError> {
        let look = |found: Found| Mapped::of_any(found.region, &found.geometry);
        let (domain, ring) = observe::attach_read_only(&builder.request(), look)?;
        Ok(Observer::new(domain, ring))
    }
}
