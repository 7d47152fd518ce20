//! How a channel of frames is made or found.

use super::{Frames, Publisher, Subscriber, Watcher};
use crate::channel::broadcast::end::{End, TAKERS, settle_mode};
use crate::channel::broadcast::options::{Broadcasting, Readers};
use crate::channel::builder::{self, Attach, Bounded, Framed, MANY_ENDS, Observable};
use crate::channel::open::{self, Creation, Found, Request};
use crate::channel::successor::Side;
use crate::domain::{Domain, Locked};
use crate::end::pair::PeerState;
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Fingerprint;
use crate::ring::broadcast::frames::{self as ring, Mapped};
use crate::ring::broadcast::words::{MODE, SLOTS_OFFSET};
use crate::wait::WaitStrategy;

/// Size in bytes of a channel without a chosen capacity.
const USUAL_CAPACITY: u64 = 1 << 20;

/// Options for making and finding a channel of frames, of 64 bytes to 1 GiB.
pub type Builder = builder::Builder<Frames>;

impl Attach for Frames {
    type Sender = Publisher;
    type Receiver = Subscriber;
    type Options = Readers;

    const WAIT: WaitStrategy = MANY_ENDS;

    fn sender(builder: &Builder, creation: Creation) -> Result<Publisher, AttachError> {
        let Builder { settings, options } = builder;
        let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
            let mode = settle_mode(&found.region, options.mode)?;
            let ring = Mapped::new(found.region.clone(), &found.geometry, found.barrier, mode)?;
            let mut end = End::publish(locked, domain, found, ring.front(), settings.strategy)?;
            end.place.settle(settings);
            Ok((ring, end))
        };
        open::attach(&request(builder), creation, Side::Gives, seat, |(ring, end)| Publisher::new(ring, end))
    }

    fn receiver(builder: &Builder, creation: Creation) -> Result<Subscriber, AttachError> {
        let Builder { settings, options: Readers { mode, start, resume } } = builder;
        let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
            let mode = settle_mode(&found.region, *mode)?;
            let start = start.check_frames(found.entry.generation)?;
            let ring = Mapped::new(found.region.clone(), &found.geometry, found.barrier, mode)?;
            let (mut end, seat) = End::subscribe(locked, domain, found, ring.front(), settings.strategy)?;
            end.place.settle(settings);
            // A publisher whose state is unknown counts as alive.
            let is_publishing = || matches!(end.publisher(), Ok(PeerState::Alive { .. }) | Err(_));
            Ok(match ring::Subscriber::join(ring, seat, start, *resume, is_publishing) {
                Ok(ring) => Ok(Subscriber::new(ring, end)),
                Err((why, seat)) => Err((end, why, seat)),
            })
        };
        open::attach(&request(builder), creation, Side::Takes, seat, |joined| match joined {
            Ok(subscriber) => Ok(subscriber.opened_by(builder, Builder::open_receiver)),
            // An unused seat is given back when the lock is free again.
            Err((mut end, why, seat)) => {
                end.leave(Some(seat));
                Err(match why {
                    ring::Unjoined::NoSuchPosition => start.nowhere(),
                    ring::Unjoined::Barrier(error) => error.into(),
                })
            }
        })
    }
}

impl Bounded for Frames {}
impl Framed for Frames {}

impl Broadcasting for Frames {
    fn readers(options: &mut Readers) -> &mut Readers {
        options
    }
}

impl Observable for Frames {
    type Observer = Watcher;

    fn observe(builder: &Builder) -> Result<Watcher, AttachError> {
        Watcher::attach(&request(builder), builder.options)
    }
}

fn request(builder: &Builder) -> Request<'_> {
    Request {
        settings: &builder.settings,
        kind: Kind::BroadcastBytes,
        fingerprint: Fingerprint::of::<u8>(),
        element: Some("bytes"),
        usual_capacity: USUAL_CAPACITY,
        geometry: &Mapped::geometry,
        slots_offset: SLOTS_OFFSET,
        mode: builder.options.mode.map(|mode| (MODE, mode as u32)),
        takers: Some(TAKERS),
    }
}
