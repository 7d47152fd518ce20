//! How a channel is made or found.

use super::{Consumer, Producer, Spsc};
use crate::channel::builder::{self, Attach, Bounded, has_elements};
use crate::channel::end::End;
use crate::channel::open::{self, Creation, Found, Request};
use crate::channel::pair::{self, Role};
use crate::channel::settings::Settings;
use crate::domain::{Domain, Locked};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Message;
use crate::ring::spsc::{Mapped, SLOTS_OFFSET};
use crate::wait::WaitStrategy;

/// Options for making and finding a channel of `T`.
pub type Builder<T> = builder::Builder<Spsc<T>>;

impl<T: Message> Attach for Spsc<T> {
    type Sender = Producer<T>;
    type Receiver = Consumer<T>;
    type Options = ();

    fn sender(builder: &Builder<T>, creation: Creation) -> Result<Producer<T>, AttachError> {
        attach(&builder.settings, Role::Producer, creation, Producer::new)
    }

    fn receiver(builder: &Builder<T>, creation: Creation) -> Result<Consumer<T>, AttachError> {
        let end = |attached| Ok(Consumer::new(attached).opened_by(builder, Builder::open_receiver));
        attach(&builder.settings, Role::Consumer, creation, end)
    }
}

impl<T: Message> Bounded for Spsc<T> {}
has_elements!(Spsc);

fn attach<T: Message, E>(
    settings: &Settings,
    role: Role,
    creation: Creation,
    end: impl FnOnce(Attached<T>) -> Result<E, AttachError>,
) -> Result<E, AttachError> {
    let seat = |locked: &Locked<'_>, domain: &Domain, found| {
        let mut attached = seat(locked, domain, found, role, settings.strategy)?;
        attached.end.settle(settings);
        Ok(attached)
    };
    open::attach(&request::<T>(settings), creation, role.side(), seat, end)
}

pub(in crate::channel) fn request<T: Message>(settings: &Settings) -> Request<'_> {
    Request::of_elements::<T>(settings, Kind::Spsc, &Mapped::<T>::geometry, SLOTS_OFFSET, pair::TAKERS)
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
