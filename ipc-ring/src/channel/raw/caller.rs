//! The calling end of a channel of calls whose requests and replies are bytes.

use std::time::{Duration, Instant};

use ipc_describe::Description;

use super::AskError;
use crate::channel::call::{Builder, Caller};
use crate::channel::described::Described;
use crate::channel::observe;
use crate::channel::settings::Settings;
use crate::domain::Entry;
use crate::end::pair::PeerState;
use crate::error::{AttachError, CallError};
use crate::layout::{self, Kind};
use crate::region::Region;
use crate::ring::call::{LINE_OFFSET, MAX_CALL_SIZE, Mapped};

/// A request or a reply of any type: all bytes of a line behind its word. A responder reads the first ones.
type Line = [u64; MAX_CALL_SIZE / 8];

const _: () = assert!(size_of::<Line>() == MAX_CALL_SIZE);

/// The calling end of a [`call`](crate::call) channel, whatever the types of its requests and replies.
///
/// The channel's header does not have the sizes of the two types; its description does, if it carries one.
/// Otherwise a request may have up to [`MAX_CALL_SIZE`] bytes and is padded with zeros, and a reply is
/// everything in the line: behind a shorter reply lies what the line held before.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it to a
/// successor.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, Instant};
/// use ipc_ring::{Domain, call, raw};
///
/// let domain = Domain::open("doc-example-raw-caller")?;
/// let double = call::Builder::<u32, u64>::new("double").domain(&domain).described();
/// let mut responder = double.create_receiver()?;
/// let answering = std::thread::spawn(move || responder.serve_all(|number, _| u64::from(number) * 2));
///
/// let mut caller = raw::Builder::new("double").domain(&domain).open_caller()?;
/// assert_eq!((caller.request_size(), caller.reply_size()), (Some(4), Some(8)));
/// caller.ask(&21_u32.to_ne_bytes())?;
/// let reply = caller.wait_deadline(Instant::now() + Duration::from_secs(5))?;
/// assert_eq!(reply[..8], 42_u64.to_ne_bytes());
/// drop(caller); // closes the channel
/// answering.join().expect("no panic")?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RawCaller {
    caller: Caller<Line, Line>,
    /// Of request and reply.
    descriptions: Option<Box<[Description; 2]>>,
}

impl RawCaller {
    /// Finds the channel, learns its types from its header, and takes the caller's end.
    pub(super) fn open(settings: &Settings) -> Result<Self, AttachError> {
        let (domain, until) = settings.whereabouts()?;
        let look = |region: &Region, entry: &Entry| {
            let generation = Some(entry.generation);
            let seen = layout::look_with(region, Kind::Call, LINE_OFFSET, generation, |header| {
                Mapped::<Line, Line>::geometry(header.capacity).ok()
            })?;
            let header = layout::read(region, Kind::Call)?;
            let text = header.description(region)?;
            let described = text.map(|text| header.element().parse(&text)).transpose()?;
            Ok((seen.fingerprint, described.and_then(|both| <[Description; 2]>::try_from(both).ok())))
        };
        let name = settings.name.clone();
        let (_, (fingerprint, descriptions)) =
            observe::observe_with(&name, (&domain, until), Kind::Call, look)?;
        let descriptions = descriptions.map(Box::new);
        let mut settings = settings.clone();
        // One that was made anew since, with other types, is refused.
        settings.described = descriptions.clone().map(Described::Call);
        let caller = Builder::of_any(settings, fingerprint).open_sender()?;
        Ok(Self { caller, descriptions })
    }

    /// The fields of a request, if the channel was described. As stated by the program that made it.
    #[must_use]
    pub fn request_description(&self) -> Option<&Description> {
        self.descriptions.as_ref().map(|both| &both[0])
    }

    /// The fields of a reply, as [`request_description`](Self::request_description).
    #[must_use]
    pub fn reply_description(&self) -> Option<&Description> {
        self.descriptions.as_ref().map(|both| &both[1])
    }

    /// Bytes of a request, if the channel was described.
    #[must_use]
    pub fn request_size(&self) -> Option<usize> {
        self.request_description().map(|request| request.element().size() as usize)
    }

    /// Bytes of a reply, if the channel was described.
    #[must_use]
    pub fn reply_size(&self) -> Option<usize> {
        self.reply_description().map(|reply| reply.element().size() as usize)
    }

    /// Asks without waiting for the reply.
    ///
    /// # Errors
    /// [`AskError::WrongSize`]; as [`Caller::ask`].
    ///
    /// # Blocking
    /// Never. One system call when the responder sleeps, to wake it.
    pub fn ask(&mut self, request: &[u8]) -> Result<(), AskError> {
        let size = self.request_size();
        if request.len() > MAX_CALL_SIZE || size.is_some_and(|size| size != request.len()) {
            let (given, request) = (request.len(), size.unwrap_or(MAX_CALL_SIZE));
            return Err(AskError::WrongSize { given, request });
        }
        let mut line = [0_u8; MAX_CALL_SIZE];
        line[..request.len()].copy_from_slice(request);
        Ok(self.caller.ask(zerocopy::transmute!(line))?)
    }

    /// Waits for the reply to the call in flight, until a deadline. The reply is in the first
    /// [`reply_size`](Self::reply_size) bytes.
    ///
    /// # Errors
    /// As [`Caller::wait_deadline`].
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<[u8; MAX_CALL_SIZE], CallError> {
        Ok(zerocopy::transmute!(self.caller.wait_deadline(deadline)?))
    }

    /// As [`Caller::abandon`].
    ///
    /// # Errors
    /// As [`Caller::abandon`].
    ///
    /// # Blocking
    /// As [`Caller::abandon`].
    pub fn abandon(&mut self) -> Result<bool, CallError> {
        self.caller.abandon()
    }

    /// As [`Caller::peer`].
    ///
    /// # Errors
    /// As [`Caller::peer`].
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.caller.peer()
    }

    /// As [`Caller::wait_for_peer`].
    ///
    /// # Errors
    /// As [`Caller::wait_for_peer`].
    ///
    /// # Blocking
    /// As [`Caller::wait_for_peer`].
    pub fn wait_for_peer(&self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        self.caller.wait_for_peer(timeout)
    }

    /// Number of calls since the channel was made, by this holder and its predecessors.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.caller.calls()
    }

    /// Ends the channel: the responder learns that no more calls come.
    pub fn close(self) {
        self.caller.close();
    }

    /// Detaches and leaves the channel to a successor.
    pub fn detach(self) {
        self.caller.detach();
    }
}
