//! How a channel is made or found.

use super::end::{End, Role, TAKERS, side_of};
use super::{Consumer, Mpmc, Observer, Producer};
use crate::channel::builder::{self, Attach, Bounded, MANY_ENDS, Observable, has_elements};
use crate::channel::open::{self, Creation, Request};
use crate::channel::settings::Settings;
use crate::domain::{Domain, Locked};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::memory::Of;
use crate::message::Message;
use crate::ring::mpmc::{Mapped, SLOTS_OFFSET, Seat};
use crate::wait::WaitStrategy;

/// Options for making and finding a channel of `T`.
pub type Builder<T> = builder::Builder<Mpmc<T>>;

impl<T: Message> Attach for Mpmc<T> {
    type Sender = Producer<T>;
    type Receiver = Consumer<T>;
    type Options = ();

    const WAIT: WaitStrategy = MANY_ENDS;

    fn sender(builder: &Builder<T>, creation: Creation) -> Result<Producer<T>, AttachError> {
        attach(&builder.settings, Role::Producer, creation, |seated| Ok(Producer::new(seated)))
    }

    fn receiver(builder: &Builder<T>, creation: Creation) -> Result<Consumer<T>, AttachError> {
        let end = |seated| Ok(Consumer::new(seated).opened_by(builder, Builder::open_receiver));
        attach(&builder.settings, Role::Consumer, creation, end)
    }
}

impl<T: Message> Bounded for Mpmc<T> {}
has_elements!(Mpmc);

impl<T: Message> Observable for Mpmc<T> {
    type Observer = Observer;

    fn observe(builder: &Builder<T>) -> Result<Observer, AttachError> {
        Observer::attach(&request::<T>(&builder.settings))
    }
}

fn request<T: Message>(settings: &Settings) -> Request<'_> {
    Request::of_elements::<T>(settings, Kind::Mpmc, &Mapped::<T>::geometry, SLOTS_OFFSET, TAKERS)
}

fn attach<T: Message, E>(
    settings: &Settings,
    role: Role,
    creation: Creation,
    end: impl FnOnce((End<Of<T>>, Seat)) -> Result<E, AttachError>,
) -> Result<E, AttachError> {
    let seat = |locked: &Locked<'_>, domain: &Domain, found: open::Found| {
        let ring = Mapped::<T>::new(found.region.clone(), &found.geometry)?;
        let (mut end, seat) = End::take_seat(locked, domain, (found, ring), role, settings.strategy)?;
        end.place.settle(settings);
        Ok((end, seat))
    };
    open::attach(&request::<T>(settings), creation, side_of(role), seat, end)
}
