//! How a channel is made or found.

use std::marker::PhantomData;

use ipc_describe::Describe;

use super::{Caller, Responder};
use crate::channel::described::Described;
use crate::channel::end::{End, Seats};
use crate::channel::open::{self, Creation, Request};
use crate::channel::record::Record;
use crate::channel::settings::{Settings, common_settings};
use crate::channel::successor::{self, Side, Takers};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::{Fingerprint, Message};
use crate::ring::call::{
    CALLER_FENCES, CALLER_RECORD, CALLER_SIGNAL, CALLER_WAKES, LINE_OFFSET, Mapped, RESPONDER_FENCES,
    RESPONDER_RECORD, RESPONDER_SIGNAL, RESPONDER_WAKES,
};
use crate::wait::WaitStrategy;
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

/// Options for creating and opening a channel for requests `Req` and replies `Rep`.
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
#[derive(Clone, Debug)]
pub struct Builder<Req, Rep> {
    settings: Settings,
    /// That of the channel, where it was learned from its header in place of being computed from the types.
    learned: Option<Fingerprint>,
    messages: PhantomData<fn(Req) -> Rep>,
}

impl<Req: Message, Rep: Message> Builder<Req, Rep> {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { settings: Settings::new(name, WaitStrategy::DEFAULT), learned: None, messages: PhantomData }
    }

    /// Options for a channel whose header has this fingerprint, whatever its types are: `Req` and `Rep` are
    /// the bytes of a whole line.
    pub(in crate::channel) fn of_any(settings: Settings, learned: Fingerprint) -> Self {
        Self { settings, learned: Some(learned), messages: PhantomData }
    }

    common_settings!();

    /// The fields of requests and replies, and their described names instead of their own. As
    /// [`spsc::Builder::described`](crate::spsc::Builder::described), for two types.
    #[must_use]
    pub fn described(mut self) -> Self
    where
        Req: Describe,
        Rep: Describe,
    {
        self.settings.described = Some(Described::of_call::<Req, Rep>());
        self
    }

    /// Makes the channel, or finds it, and takes the caller's end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the channel found is of other types, or the kernel refused.
    pub fn create_sender(&self) -> Result<Caller<Req, Rep>, AttachError> {
        self.call(Creation::MakeOrFind)
    }

    /// Finds the channel, which must exist, and takes the caller's end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<Caller<Req, Rep>, AttachError> {
        self.call(Creation::MustFind)
    }

    /// Makes the channel, or finds it, and takes the responder's end.
    ///
    /// # Errors
    /// As [`create_sender`](Self::create_sender).
    pub fn create_receiver(&self) -> Result<Responder<Req, Rep>, AttachError> {
        self.respond(Creation::MakeOrFind)
    }

    /// Finds the channel, which must exist, and takes the responder's end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_receiver(&self) -> Result<Responder<Req, Rep>, AttachError> {
        self.respond(Creation::MustFind)
    }

    fn call(&self, creation: Creation) -> Result<Caller<Req, Rep>, AttachError> {
        let caller = self.attach(CALLER, Side::Gives, creation).and_then(Caller::new);
        caller.map_err(|error| self.request().explain(error, Side::Gives))
    }

    fn respond(&self, creation: Creation) -> Result<Responder<Req, Rep>, AttachError> {
        let responder = self.attach(RESPONDER, Side::Takes, creation).and_then(Responder::new);
        let responder = responder.map_err(|error| self.request().explain(error, Side::Takes))?;
        Ok(responder.of(self))
    }

    fn attach(
        &self,
        seats: Seats,
        side: Side,
        creation: Creation,
    ) -> Result<Attached<Req, Rep>, AttachError> {
        open::attach(&self.request(), creation, side, |locked, domain, found| {
            let ring = Mapped::new(found.region.clone(), found.barrier)?;
            let mut end = End::take_seat_at(locked, domain, found, seats, self.settings.strategy)?;
            end.settle(&self.settings);
            Ok(Attached { ring, end })
        })
    }

    fn request(&self) -> Request<'_> {
        let described = self.settings.described.as_ref().and_then(Described::fingerprint);
        Request {
            settings: &self.settings,
            kind: Kind::Call,
            fingerprint: described.or(self.learned).unwrap_or_else(Mapped::<Req, Rep>::fingerprint),
            element: Some(core::any::type_name::<(Req, Rep)>()),
            usual_capacity: 1,
            geometry: &Mapped::<Req, Rep>::geometry,
            slots_offset: LINE_OFFSET,
            mode: None,
            takers: Some(TAKERS),
        }
    }
}

/// A ring and a seat at it.
pub(super) struct Attached<Req, Rep> {
    pub(super) ring: Mapped<Req, Rep>,
    pub(super) end: End,
}
