//! How a channel is made or found.

use super::{Consumer, Producer};
use crate::channel::described::Described;
use crate::channel::end::End;
use crate::channel::open::{self, Creation, Found, Request};
use crate::channel::pair::{self, Role};
use crate::channel::settings::{Settings, common_settings};
use crate::domain::{Domain, Locked};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Fingerprint;
use crate::ring::bytes::Mapped;
use crate::ring::bytes::header;
use crate::ring::bytes::words::SLOTS_OFFSET;
use crate::wait::WaitStrategy;

/// Size in bytes of a ring without a chosen capacity.
const USUAL_BYTES: u64 = 1 << 20;

/// Options for creating and opening a channel of frames.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{WaitStrategy, bytes};
///
/// let domain = ipc_ring::Domain::open("doc-example-bytes-builder")?;
/// let channel = bytes::Builder::new("log").domain(&domain).capacity(4096).wait(WaitStrategy::Spin);
/// let mut producer = channel.create_sender()?;
/// let mut consumer = channel.open_receiver()?;
/// producer.push(b"hello")?;
/// assert_eq!(consumer.pop()?, b"hello");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    settings: Settings,
    fingerprint: Fingerprint,
}

impl Builder {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            settings: Settings::new(name, WaitStrategy::DEFAULT),
            fingerprint: Fingerprint::named::<u8>("bytes"),
        }
    }

    common_settings!();

    /// Bytes of the ring, rounded up to a power of two, 64 bytes to 1 GiB. A frame takes its length rounded
    /// up to 8, and 8 more; the longest one half the ring. A creator's default is 1 MiB; an opener without
    /// this setting takes the ring as it is, one that gives a number insists on it. A consumer that attached
    /// first without it leaves the choice to the producer, and continues at the ring that the producer makes.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.settings.capacity = Some(bytes);
        self
    }

    /// A [`capacity`](Self::capacity) that holds `count` frames of up to `len` bytes each at any time,
    /// whatever the position in the ring: it includes their headers, and the remainder before the end of the
    /// ring into which a frame does not fit. At least as much as a frame of `len` bytes takes.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let domain = ipc_ring::Domain::open("doc-example-capacity-frames")?;
    /// let builder = ipc_ring::bytes::Builder::new("log").domain(&domain).capacity_frames(3, 1000);
    /// let mut producer = builder.create_sender()?;
    /// assert_eq!(producer.capacity(), 4096);
    /// (0..3).try_for_each(|_| producer.try_push(&[0; 1000]))?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn capacity_frames(self, count: u64, len: u64) -> Self {
        let record = header::record(len.min(u64::MAX / 2));
        self.capacity(record.saturating_mul(count.max(1).saturating_add(1)))
    }

    /// A name for the contents of the frames that both sides agree on, such as `"md.Quote/2"`. Ends with
    /// different names, or of which one has none, do not meet.
    #[must_use]
    pub fn type_name(mut self, name: &str) -> Self {
        self.fingerprint = Fingerprint::named::<u8>(name);
        self.settings.type_name = Some(name.to_owned());
        self
    }

    /// A description of the frames, in words or as canonical text of a type that each of them begins with: up
    /// to 32 KiB of text. The creator of the channel stores it there, where
    /// [`Domain::list`](crate::Domain::list) and tools find it. An end whose text differs from the channel's
    /// gets [`Description`](crate::AttachErrorKind::Description); one without a text accepts any.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        self.settings.described = Some(Described::of_frames(text));
        self
    }

    /// Makes the channel, or finds it, and takes the producer's end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the ring found is of another kind or capacity, or the kernel
    /// refused.
    pub fn create_sender(&self) -> Result<Producer, AttachError> {
        self.produce(Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes the producer's end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_sender`](Self::create_sender).
    pub fn create_new_sender(&self) -> Result<Producer, AttachError> {
        self.produce(Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes the producer's end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<Producer, AttachError> {
        self.produce(Creation::MustFind)
    }

    /// Makes the channel, or finds it, and takes the consumer's end.
    ///
    /// # Errors
    /// As [`create_sender`](Self::create_sender).
    pub fn create_receiver(&self) -> Result<Consumer, AttachError> {
        self.consume(Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes the consumer's end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_sender`](Self::create_sender).
    pub fn create_new_receiver(&self) -> Result<Consumer, AttachError> {
        self.consume(Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes the consumer's end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_receiver(&self) -> Result<Consumer, AttachError> {
        self.consume(Creation::MustFind)
    }

    fn produce(&self, creation: Creation) -> Result<Producer, AttachError> {
        let producer = self.attach(Role::Producer, creation).and_then(Producer::new);
        producer.map_err(|error| self.request().explain(error, Role::Producer.side()))
    }

    fn consume(&self, creation: Creation) -> Result<Consumer, AttachError> {
        let consumer = self.attach(Role::Consumer, creation).and_then(Consumer::new);
        let consumer = consumer.map_err(|error| self.request().explain(error, Role::Consumer.side()))?;
        Ok(consumer.of(self))
    }

    fn attach(&self, role: Role, creation: Creation) -> Result<Attached, AttachError> {
        open::attach(&self.request(), creation, role.side(), |locked, domain, found| {
            let mut attached = seat(locked, domain, found, role, self.settings.strategy)?;
            attached.end.settle(&self.settings);
            Ok(attached)
        })
    }

    fn request(&self) -> Request<'_> {
        Request { fingerprint: self.fingerprint, ..nameless(&self.settings) }
    }
}

/// The request of ends that need no fingerprint of their own.
pub(in crate::channel) fn nameless(settings: &Settings) -> Request<'_> {
    Request {
        settings,
        kind: Kind::Bytes,
        fingerprint: Fingerprint::named::<u8>("bytes"),
        element: Some("bytes"),
        usual_capacity: USUAL_BYTES,
        geometry: &Mapped::geometry,
        slots_offset: SLOTS_OFFSET,
        mode: None,
        takers: Some(pair::TAKERS),
    }
}

/// Takes a seat at a ring. The domain's lock is held.
pub(in crate::channel) fn seat(
    locked: &Locked<'_>,
    domain: &Domain,
    found: Found,
    role: Role,
    strategy: WaitStrategy,
) -> Result<Attached, AttachError> {
    let ring = Mapped::new(found.region.clone(), &found.geometry, found.barrier)?;
    let end = End::take_seat_at(locked, domain, found, role.seats(), strategy)?;
    Ok(Attached { ring, end })
}

/// A ring and a seat at it.
#[derive(Debug)]
pub struct Attached {
    pub(in crate::channel) ring: Mapped,
    pub(in crate::channel) end: End,
}
