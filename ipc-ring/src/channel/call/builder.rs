//! How a channel is made or found.

use ipc_describe::Describe;

use super::{Call, Caller, Responder};
use crate::channel::attached::attach;
use crate::channel::builder::{self, Attach, Describable};
use crate::channel::described::Described;
use crate::channel::end::Seats;
use crate::channel::open::{Creation, Found, Request};
use crate::channel::record::Record;
use crate::channel::settings::Settings;
use crate::channel::successor::{self, Side, Takers};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::{Fingerprint, Message};
use crate::ring::call::{
    CALLER_FENCES, CALLER_RECORD, CALLER_SIGNAL, CALLER_WAKES, LINE_OFFSET, Mapped, RESPONDER_FENCES,
    RESPONDER_RECORD, RESPONDER_SIGNAL, RESPONDER_WAKES,
};
use crate::wait::signal::CLOSED;

const CALLER: Seats = Seats {
    own: Record::at(CALLER_RECORD),
    peer: Record::at(RESPONDER_RECORD),
    own_signal: CALLER_SIGNAL,
    peer_signal: RESPONDER_SIGNAL,
    own_fences: CALLER_FENCES,
    peer_fences: RESPONDER_FENCES,
    own_wakes: CALLER_WAKES,
};

const RESPONDER: Seats = Seats {
    own: CALLER.peer,
    peer: CALLER.own,
    own_signal: RESPONDER_SIGNAL,
    peer_signal: CALLER_SIGNAL,
    own_fences: RESPONDER_FENCES,
    peer_fences: CALLER_FENCES,
    own_wakes: RESPONDER_WAKES,
};

/// The responder, which leaves the channel's parameters to a caller, and how it learns that the channel has
/// ended.
const TAKERS: Takers =
    Takers { closed: (CALLER_SIGNAL, CLOSED), seats: successor::Seats::One(RESPONDER.own, RESPONDER_SIGNAL) };

/// Options for making and finding a channel for requests `Req` and replies `Rep`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{Domain, call};
///
/// let domain = Domain::open("doc-example-call")?;
/// let double = call::Builder::<u32, u64>::new("double").domain(&domain);
/// let mut caller = double.create_sender()?;
/// let mut responder = double.open_receiver()?;
/// let answering = std::thread::spawn(move || responder.serve_all(|number, _| u64::from(number) * 2));
/// assert_eq!(caller.call(21)?, 42);
/// drop(caller); // closes the channel
/// answering.join().expect("no panic")?;
/// # Ok(()) }
/// ```
pub type Builder<Req, Rep> = builder::Builder<Call<Req, Rep>>;

/// The settings that only a channel of calls has.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The fingerprint of the channel, where it was learned from its header in place of being computed from
    /// the types.
    learned: Option<Fingerprint>,
}

impl<Req: Message, Rep: Message> Attach for Call<Req, Rep> {
    type Sender = Caller<Req, Rep>;
    type Receiver = Responder<Req, Rep>;
    type Options = Options;

    fn sender(builder: &Builder<Req, Rep>, creation: Creation) -> Result<Self::Sender, AttachError> {
        attach(&builder.request(), (CALLER, Side::Gives), creation, ring, Caller::new)
    }

    fn receiver(builder: &Builder<Req, Rep>, creation: Creation) -> Result<Self::Receiver, AttachError> {
        let end = |attached| Ok(Responder::new(attached)?.of(builder));
        attach(&builder.request(), (RESPONDER, Side::Takes), creation, ring, end)
    }
}

impl<Req: Message + Describe, Rep: Message + Describe> Describable for Call<Req, Rep> {
    fn described() -> Described {
        Described::of_call::<Req, Rep>()
    }
}

impl<Req: Message, Rep: Message> Builder<Req, Rep> {
    /// Options for a channel whose header has this fingerprint, whatever its types are: `Req` and `Rep` are
    /// the bytes of a whole line.
    pub(in crate::channel) fn of_any(settings: Settings, learned: Fingerprint) -> Self {
        Self { settings, options: Options { learned: Some(learned) } }
    }

    fn request(&self) -> Request<'_> {
        let described = self.settings.described.as_ref().and_then(Described::fingerprint);
        Request {
            settings: &self.settings,
            kind: Kind::Call,
            fingerprint: described.or(self.options.learned).unwrap_or_else(Mapped::<Req, Rep>::fingerprint),
            element: Some(core::any::type_name::<(Req, Rep)>()),
            usual_capacity: 1,
            geometry: &Mapped::<Req, Rep>::geometry,
            slots_offset: LINE_OFFSET,
            mode: None,
            takers: Some(TAKERS),
        }
    }
}

/// The ring in a channel's memory.
fn ring<Req: Message, Rep: Message>(found: &Found) -> Result<Mapped<Req, Rep>, AttachError> {
    Mapped::new(found.region.clone(), found.barrier)
}
