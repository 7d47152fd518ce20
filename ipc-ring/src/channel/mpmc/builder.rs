//! How a channel is made or found.

use std::marker::PhantomData;
use std::time::Duration;

use super::end::{End, Role, TAKERS, side_of};
use super::{Consumer, Producer};
use crate::channel::open::{self, Creation, Request};
use crate::channel::settings::{Settings, common_settings, element_settings};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::memory::Of;
use crate::message::Message;
use crate::ring::mpmc::{Mapped, SLOTS_OFFSET, Seat};
use crate::wait::WaitStrategy;

/// Payload bytes of a channel without a chosen capacity.
const USUAL_BYTES: usize = 1 << 20;
/// With more ends than CPUs, a polling end takes CPU time from the end it waits for, so polling is short.
const USUAL_SPIN: Duration = Duration::from_micros(10);

/// Options for creating and opening a channel of `T`.
#[derive(Clone, Debug)]
pub struct Builder<T> {
    settings: Settings,
    element: PhantomData<fn() -> T>,
}

impl<T: Message> Builder<T> {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            settings: Settings::new(name, WaitStrategy::SpinSleep { spin: USUAL_SPIN }),
            element: PhantomData,
        }
    }

    common_settings!();
    element_settings!("md.Order/2");

    /// Number of slots, rounded up to a power of two. A creator's default is 1 MiB of messages, 16 to 1024
    /// slots; an opener without this setting takes the ring as it is, one that gives a number insists on it.
    /// Consumers that attached first without it leave the choice to the producer, and continue at the ring
    /// that the producer makes.
    #[must_use]
    pub fn capacity(mut self, slots: u64) -> Self {
        self.settings.capacity = Some(slots);
        self
    }

    /// Makes the channel, or finds it, and takes a seat as a producer.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the ring found is of another type or capacity, or the kernel
    /// refused.
    pub fn create_sender(&self) -> Result<Producer<T>, AttachError> {
        self.attach(Role::Producer, Creation::MakeOrFind).map(Producer::new)
    }

    /// Finds the channel, which must exist, and takes a seat as a producer.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<Producer<T>, AttachError> {
        self.attach(Role::Producer, Creation::MustFind).map(Producer::new)
    }

    /// Makes the channel, or finds it, and takes a seat as a consumer.
    ///
    /// # Errors
    /// As [`create_sender`](Self::create_sender).
    pub fn create_receiver(&self) -> Result<Consumer<T>, AttachError> {
        Ok(Consumer::new(self.attach(Role::Consumer, Creation::MakeOrFind)?).of(self))
    }

    /// Finds the channel, which must exist, and takes a seat as a consumer.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_receiver(&self) -> Result<Consumer<T>, AttachError> {
        Ok(Consumer::new(self.attach(Role::Consumer, Creation::MustFind)?).of(self))
    }

    fn attach(&self, role: Role, creation: Creation) -> Result<(End<Of<T>>, Seat), AttachError> {
        let slots = (USUAL_BYTES / size_of::<T>().max(1)).clamp(16, 1024);
        let request = Request {
            settings: &self.settings,
            kind: Kind::Mpmc,
            fingerprint: self.settings.fingerprint::<T>(),
            element: Some(core::any::type_name::<T>()),
            usual_capacity: 1 << slots.ilog2(),
            geometry: &Mapped::<T>::geometry,
            slots_offset: SLOTS_OFFSET,
            mode: None,
            takers: Some(TAKERS),
        };
        open::attach(&request, creation, side_of(role), |locked, domain, found| {
            let ring = Mapped::<T>::new(found.region.clone(), &found.geometry)?;
            let taken = End::take_seat(locked, domain, (found, ring), role, self.settings.strategy)?;
            let (mut end, seat) = taken;
            end.place.settle(&self.settings);
            Ok((end, seat))
        })
    }
}
