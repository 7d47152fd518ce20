//! How a channel is made or found.

use super::{Consumer, Observer, Producer, Spsc};
use crate::channel::attached::attach;
use crate::channel::builder::{self, Attach, Bounded, Observable, has_elements};
use crate::channel::open::{Creation, Found, Request};
use crate::channel::pair::{self, Role};
use crate::channel::settings::Settings;
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Message;
use crate::ring::spsc::{Mapped, SLOTS_OFFSET};

/// Options for making and finding a channel of `T`.
pub type Builder<T> = builder::Builder<Spsc<T>>;

impl<T: Message> Attach for Spsc<T> {
    type Sender = Producer<T>;
    type Receiver = Consumer<T>;
    type Options = ();

    fn sender(builder: &Builder<T>, creation: Creation) -> Result<Producer<T>, AttachError> {
        attach(&request::<T>(&builder.settings), Role::Producer.place(), creation, ring, Producer::new)
    }

    fn receiver(builder: &Builder<T>, creation: Creation) -> Result<Consumer<T>, AttachError> {
        let end = |attached| Ok(Consumer::new(attached).opened_by(builder, Builder::open_receiver));
        attach(&request::<T>(&builder.settings), Role::Consumer.place(), creation, ring, end)
    }
}

impl<T: Message> Bounded for Spsc<T> {}
has_elements!(Spsc);

impl<T: Message> Observable for Spsc<T> {
    type Observer = Observer;

    fn observe(builder: &Builder<T>) -> Result<Observer, AttachError> {
        Observer::attach(&request::<T>(&builder.settings))
    }
}

pub(in crate::channel) fn request<T: Message>(settings: &Settings) -> Request<'_> {
    Request::of_elements::<T>(settings, Kind::Spsc, &Mapped::<T>::geometry, SLOTS_OFFSET, pair::TAKERS)
}

/// The ring in a channel's memory.
pub(in crate::channel) fn ring<T: Message>(found: &Found) -> Result<Mapped<T>, AttachError> {
    Mapped::new(found.region.clone(), &found.geometry, found.barrier)
}
