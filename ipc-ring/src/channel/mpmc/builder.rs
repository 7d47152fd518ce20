//! How a channel is made or found.

use std::marker::PhantomData;
use std::time::Duration;

use super::end::{End, Role};
use super::{Consumer, Producer};
use crate::channel::open::{self, Creation, Request};
use crate::domain::Domain;
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::{Fingerprint, Message};
use crate::platform::Barrier;
use crate::ring::mpmc::{Mapped, SLOTS_OFFSET};
use crate::wait::WaitStrategy;

/// Payload bytes of a channel whose capacity nobody chose.
const USUAL_BYTES: usize = 1 << 20;
/// With more ends than CPUs whoever polls takes the time of whoever it waits for, so polling is short.
const USUAL_SPIN: Duration = Duration::from_micros(10);

/// Options for creating and opening a channel of `T`.
#[derive(Clone, Debug)]
pub struct Builder<T> {
    name: String,
    domain: Option<Domain>,
    capacity: Option<u64>,
    strategy: WaitStrategy,
    fingerprint: Option<Fingerprint>,
    barrier: Option<Barrier>,
    element: PhantomData<fn() -> T>,
}

impl<T: Message> Builder<T> {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            domain: None,
            capacity: None,
            strategy: WaitStrategy::SpinSleep { spin: USUAL_SPIN },
            fingerprint: None,
            barrier: None,
            element: PhantomData,
        }
    }

    /// Where to look for the name and put it. The default is the user's own domain.
    #[must_use]
    pub fn domain(mut self, domain: &Domain) -> Self {
        self.domain = Some(domain.clone());
        self
    }

    /// Number of slots, rounded up to a power of two. A creator's default is 1 MiB of messages, 16 to 1024 slots; an opener
    /// that says nothing takes the ring as it is, one that says a number insists on it.
    #[must_use]
    pub fn capacity(mut self, slots: u64) -> Self {
        self.capacity = Some(slots);
        self
    }

    /// How this end waits. Each end has its own way; the default polls for 10 µs, then sleeps.
    #[must_use]
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// A name for the element type that all agree on, such as `"md.Tick/2"`, in place of the type's own.
    #[must_use]
    pub fn type_name(mut self, name: &str) -> Self {
        self.fingerprint = Some(Fingerprint::named::<T>(name));
        self
    }

    /// How sleepers and wakers agree, for a creator; the default is [`Barrier::Asymmetric`] where the kernel has it.
    #[must_use]
    pub fn barrier(mut self, barrier: Barrier) -> Self {
        self.barrier = Some(barrier);
        self
    }

    /// Makes the channel, or finds it, and takes a seat as a producer.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the ring found is of another type or capacity, or the kernel refused.
    pub fn create_producer(&self) -> Result<Producer<T>, AttachError> {
        self.attach(Role::Producer, Creation::MakeOrFind).map(Producer::new)
    }

    /// Finds the channel, which must exist, and takes a seat as a producer.
    ///
    /// # Errors
    /// [`AttachError::NotFound`], and as [`create_producer`](Self::create_producer).
    pub fn open_producer(&self) -> Result<Producer<T>, AttachError> {
        self.attach(Role::Producer, Creation::MustFind).map(Producer::new)
    }

    /// Makes the channel, or finds it, and takes a seat as a consumer.
    ///
    /// # Errors
    /// As [`create_producer`](Self::create_producer).
    pub fn create_consumer(&self) -> Result<Consumer<T>, AttachError> {
        self.attach(Role::Consumer, Creation::MakeOrFind).map(Consumer::new)
    }

    /// Finds the channel, which must exist, and takes a seat as a consumer.
    ///
    /// # Errors
    /// [`AttachError::NotFound`], and as [`create_producer`](Self::create_producer).
    pub fn open_consumer(&self) -> Result<Consumer<T>, AttachError> {
        self.attach(Role::Consumer, Creation::MustFind).map(Consumer::new)
    }

    fn attach(&self, role: Role, creation: Creation) -> Result<End<T>, AttachError> {
        let slots = (USUAL_BYTES / size_of::<T>().max(1)).clamp(16, 1024);
        let request = Request {
            name: &self.name,
            domain: self.domain.as_ref(),
            kind: Kind::Mpmc,
            fingerprint: self.fingerprint.unwrap_or_else(Fingerprint::of::<T>),
            capacity: self.capacity,
            usual_capacity: 1 << slots.ilog2(),
            geometry: Mapped::<T>::geometry,
            slots_offset: SLOTS_OFFSET,
            barrier: self.barrier,
        };
        open::attach(&request, creation, |locked, domain, found| {
            End::take_seat(locked, domain, found, role, self.strategy)
        })
    }
}
