//! How a channel is made or found.

use std::marker::PhantomData;

use super::{Consumer, Producer};
use crate::channel::end::End;
use crate::channel::open::{self, Creation, Found, Request};
use crate::channel::pair::{self, Role};
use crate::channel::settings::{Settings, common_settings, element_settings};
use crate::domain::{Domain, Locked};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::{Fingerprint, Message};
use crate::ring::spsc::{Mapped, SLOTS_OFFSET};
use crate::wait::WaitStrategy;

/// Payload bytes of a channel without a chosen capacity.
const USUAL_BYTES: usize = 1 << 20;

/// Options for creating and opening a channel of `T`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{WaitStrategy, spsc};
///
/// let domain = ipc_ring::Domain::open("doc-example-builder")?;
/// let channel = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(256).wait(WaitStrategy::Spin);
/// let mut producer = channel.create_sender()?;
/// let mut consumer = channel.open_receiver()?;
/// producer.push(7)?;
/// assert_eq!(consumer.pop()?, 7);
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
    element_settings!("md.Tick/2");

    /// Number of slots, rounded up to a power of two. A creator's default is 1 MiB of messages, 16 to 1024
    /// slots; an opener without this setting takes the ring as it is, one that gives a number insists on it.
    /// Consumers that attached first without it leave the choice to the producer, and continue at the ring
    /// that the producer makes.
    #[must_use]
    pub fn capacity(mut self, slots: u64) -> Self {
        self.settings.capacity = Some(slots);
        self
    }

    /// Makes the channel, or finds it, and takes the producer's end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the ring found is of another type or capacity, or the kernel
    /// refused.
    pub fn create_sender(&self) -> Result<Producer<T>, AttachError> {
        self.produce(Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes the producer's end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_sender`](Self::create_sender).
    pub fn create_new_sender(&self) -> Result<Producer<T>, AttachError> {
        self.produce(Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes the producer's end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<Producer<T>, AttachError> {
        self.produce(Creation::MustFind)
    }

    /// Makes the channel, or finds it, and takes the consumer's end.
    ///
    /// # Errors
    /// As [`create_sender`](Self::create_sender).
    pub fn create_receiver(&self) -> Result<Consumer<T>, AttachError> {
        self.consume(Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes the consumer's end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_sender`](Self::create_sender).
    pub fn create_new_receiver(&self) -> Result<Consumer<T>, AttachError> {
        self.consume(Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes the consumer's end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_receiver(&self) -> Result<Consumer<T>, AttachError> {
        self.consume(Creation::MustFind)
    }

    fn produce(&self, creation: Creation) -> Result<Producer<T>, AttachError> {
        let producer = self.attach(Role::Producer, creation).and_then(Producer::new);
        producer.map_err(|error| self.request().explain(error, Role::Producer.side()))
    }

    fn consume(&self, creation: Creation) -> Result<Consumer<T>, AttachError> {
        Ok(Consumer::new(self.attach(Role::Consumer, creation)?).of(self))
    }

    fn attach(&self, role: Role, creation: Creation) -> Result<Attached<T>, AttachError> {
        open::attach(&self.request(), creation, role.side(), |locked, domain, found| {
            let mut attached = seat(locked, domain, found, role, self.settings.strategy)?;
            attached.end.settle(&self.settings);
            Ok(attached)
        })
    }

    fn request(&self) -> Request<'_> {
        Request { fingerprint: self.settings.fingerprint::<T>(), ..nameless::<T>(&self.settings) }
    }
}

/// The request of ends that need no fingerprint of their own.
pub(in crate::channel) fn nameless<T: Message>(settings: &Settings) -> Request<'_> {
    let slots = (USUAL_BYTES / size_of::<T>().max(1)).clamp(16, 1024);
    Request {
        settings,
        kind: Kind::Spsc,
        fingerprint: Fingerprint::of::<T>(),
        element: Some(core::any::type_name::<T>()),
        usual_capacity: 1 << slots.ilog2(),
        geometry: &Mapped::<T>::geometry,
        slots_offset: SLOTS_OFFSET,
        mode: None,
        takers: Some(pair::TAKERS),
    }
}

/// Takes a seat at a ring. The domain's lock is held.
pub(in crate::channel) fn seat<T: Message>(
    locked: &Locked<'_>,
    domain: &Domain,
    found: Found,
    role: Role,
    strategy: WaitStrategy,
) -> Result<Attached<T>, AttachError> {
    let ring = Mapped::new(found.region.clone(), &found.geometry, found.barrier)?;
    let end = End::take_seat_at(locked, domain, found, role.seats(), strategy)?;
    Ok(Attached { ring, end })
}

/// A ring and a seat at it.
#[derive(Debug)]
pub struct Attached<T> {
    pub(in crate::channel) ring: Mapped<T>,
    pub(in crate::channel) end: End,
}
