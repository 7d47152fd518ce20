//! How a channel is made or found.

use super::end::{End, TAKERS, settle_mode};
use super::options::{Broadcasting, Readers};
use super::{Broadcast, Publisher, Subscriber, Watcher};
use crate::channel::builder::{self, Attach, Bounded, MANY_ENDS, Observable, has_elements};
use crate::channel::open::{self, Creation, Found, Request};
use crate::channel::successor::Side;
use crate::domain::{Domain, Locked};
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Message;
use crate::ring::broadcast::words::{MODE, SLOTS_OFFSET};
use crate::ring::broadcast::{self as ring, Mapped};
use crate::wait::WaitStrategy;

/// Options for making and finding a channel of `T`.
pub type Builder<T> = builder::Builder<Broadcast<T>>;

/// The settings that only a channel of messages has.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(super) readers: Readers,
    /// The capacity when none was chosen, if it is not the usual one.
    pub(super) usual_capacity: Option<u64>,
}

impl<T: Message> Attach for Broadcast<T> {
    type Sender = Publisher<T>;
    type Receiver = Subscriber<T>;
    type Options = Options;

    const WAIT: WaitStrategy = MANY_ENDS;

    fn sender(builder: &Builder<T>, creation: Creation) -> Result<Publisher<T>, AttachError> {
        builder.publish(creation, |(ring, end)| Publisher::new(ring, end))
    }

    fn receiver(builder: &Builder<T>, creation: Creation) -> Result<Subscriber<T>, AttachError> {
        let Readers { mode, start, resume } = builder.options.readers;
        let settings = &builder.settings;
        let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
            let mode = settle_mode(&found.region, mode)?;
            let start = start.check(found.entry.generation)?;
            let ring = Mapped::<T>::new(found.region.clone(), &found.geometry, found.barrier, mode)?;
            let (mut end, seat) = End::subscribe(locked, domain, found, ring.front(), settings.strategy)?;
            end.place.settle(settings);
            // A publisher whose state is unknown counts as alive.
            let is_publishing = || matches!(end.publisher(), Ok(PeerState::Alive { .. }) | Err(_));
            Ok(match ring::Subscriber::join(ring, seat, start, resume, is_publishing) {
                Ok(ring) => Ok(Subscriber::new(ring, end)),
                Err((error, seat)) => Err((end, error, seat)),
            })
        };
        open::attach(&builder.request(), creation, Side::Takes, seat, |joined| match joined {
            Ok(subscriber) => Ok(subscriber.opened_by(builder, Builder::open_receiver)),
            // An unused seat is given back when the lock is free again.
            Err((mut end, error, seat)) => {
                end.leave(Some(seat));
                Err(error.into())
            }
        })
    }
}

impl<T: Message> Bounded for Broadcast<T> {}
has_elements!(Broadcast);

impl<T: Message> Broadcasting for Broadcast<T> {
    fn readers(options: &mut Options) -> &mut Readers {
        &mut options.readers
    }
}

impl<T: Message> Observable for Broadcast<T> {
    type Observer = Watcher<T>;

    fn observe(builder: &Builder<T>) -> Result<Watcher<T>, AttachError> {
        Watcher::attach(&builder.request(), builder.options.readers)
    }
}

impl<T: Message> Builder<T> {
    pub(super) fn request(&self) -> Request<'_> {
        let (geometry, options) = (&Mapped::<T>::geometry, &self.options);
        let usual =
            Request::of_elements::<T>(&self.settings, Kind::Broadcast, geometry, SLOTS_OFFSET, TAKERS);
        Request {
            usual_capacity: options.usual_capacity.unwrap_or(usual.usual_capacity),
            mode: options.readers.mode.map(|mode| (MODE, mode as u32)),
            ..usual
        }
    }

    /// Takes the publisher's seat; `end` makes the end of it.
    pub(super) fn publish<E>(
        &self,
        creation: Creation,
        end: impl FnOnce((Mapped<T>, End)) -> Result<E, AttachError>,
    ) -> Result<E, AttachError> {
        let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
            let mode = settle_mode(&found.region, self.options.readers.mode)?;
            let ring = Mapped::<T>::new(found.region.clone(), &found.geometry, found.barrier, mode)?;
            let mut end = End::publish(locked, domain, found, ring.front(), self.settings.strategy)?;
            end.place.settle(&self.settings);
            Ok((ring, end))
        };
        open::attach(&self.request(), creation, Side::Gives, seat, end)
    }
}
