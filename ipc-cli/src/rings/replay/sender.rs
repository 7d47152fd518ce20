//! The sending ends of a replay: channels as they were recorded, made or joined.

use std::time::{Duration, Instant};

use ipc_cli_support::interrupt;
use ipc_ring::broadcast::{Mode, frames, payloads};
use ipc_ring::control::{ChannelInfo, Named};
use ipc_ring::pool::{Loan, Pool, Route};
use ipc_ring::raw::Kind;
use ipc_ring::raw::{self, RawSender, SendError};
use ipc_ring::{AttachError, AttachErrorKind, Domain, ElementType, PushError, bytes};

use super::payloads::{Payload, Pools, Shared, Stopped, put};
use super::recording::Shape;
use crate::exit::{FAILED, Failure, REFUSED};

/// A wait for room looks this often whether it was interrupted.
const SLICE: Duration = Duration::from_millis(50);

pub(super) enum Sender {
    /// With the payloads that were shared.
    Elements(RawSender, Shared),
    Payloads(Box<payloads::Publisher>),
    Frames(Box<bytes::Producer>),
    PublishedFrames(Box<frames::Publisher>),
}

impl Sender {
    /// Takes the sending end of this channel, and makes it if it is not there. `pool` is that of a channel of
    /// payloads.
    ///
    /// # Errors
    /// A living process has the end; the channel that is there has messages of another type.
    pub(super) fn open(
        domain: &Domain,
        name: &str,
        shape: &Shape,
        pool: Option<&Pool>,
    ) -> Result<Sender, Failure> {
        let found = match domain.look_up(name)?.map(|info| info.what) {
            None => None,
            Some(Named::Channel(channel)) => Some(channel),
            Some(_) => return Err(refused(name, &"another process listens under that name, or hides it")),
        };
        let failed = |error: AttachError| failure(name, &error);
        match shape.kind {
            Kind::Bytes => {
                let mut builder = bytes::Builder::new(name).domain(domain);
                if let Some(text) = &shape.text {
                    builder = builder.description(text);
                }
                if found.is_none() {
                    builder = builder.capacity(shape.capacity);
                }
                Ok(Sender::Frames(Box::new(builder.create_sender().map_err(failed)?)))
            }
            Kind::BroadcastBytes => {
                let mut builder = frames::Builder::new(name).domain(domain);
                if let Some(text) = &shape.text {
                    builder = builder.description(text);
                }
                if found.is_none() {
                    builder = builder.capacity(shape.capacity).mode(mode(shape));
                }
                Ok(Sender::PublishedFrames(Box::new(builder.create_sender().map_err(failed)?)))
            }
            Kind::Broadcast if shape.fingerprint == payloads::fingerprint().to_string() && pool.is_some() => {
                let Some(pool) = pool else { unreachable!("checked above") };
                let mut builder = payloads::Builder::new(name, pool).domain(domain);
                if found.is_none() {
                    builder = builder.capacity(shape.capacity).mode(mode(shape));
                }
                Ok(Sender::Payloads(Box::new(builder.create_sender().map_err(failed)?)))
            }
            _ => elements(domain, name, shape, found.as_ref())
                .map(|sender| Sender::Elements(sender, Shared::default())),
        }
    }

    /// Sends a message with its payloads, and waits for blocks and for room.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(super) fn send_all(
        &mut self,
        key: u32,
        message: &[u8],
        payloads: &[Payload],
        pools: &Pools,
        timeout: Duration,
    ) -> Result<(), Stopped> {
        match self {
            Sender::Payloads(publisher) => {
                let [payload] = payloads else {
                    return Err(Stopped::Failed("its payload is not in the recording".to_owned()));
                };
                let none = &mut Shared::default();
                let loan = pools.lend(payload, none, timeout, |_, len| publisher.loan(len))?;
                publish(publisher, loan, timeout)
            }
            Sender::Elements(sender, shared) if !payloads.is_empty() => {
                let (route, places) = (sender.route(), sender.capacity().saturating_mul(2));
                let mut message = message.to_vec();
                let mut loans = Vec::new();
                for payload in payloads {
                    let loan = pools.lend(payload, shared, timeout, Pool::loan)?;
                    loans.push((payload.offset, loan));
                }
                let Some(route) = route else {
                    let mut views = Vec::new();
                    for (offset, loan) in loans {
                        let (view, handle) = loan.share();
                        put(&handle, &mut message, offset);
                        views.push(view);
                    }
                    shared.keep(views, places);
                    return self.push(key, &message, timeout);
                };
                self.push_lent(key, &mut message, route, loans, timeout)
            }
            _ => self.push(key, message, timeout),
        }
    }

    /// Sends blocks to one receiver: each is this process's until the message was pushed.
    fn push_lent(
        &mut self,
        key: u32,
        message: &mut [u8],
        route: Route,
        mut loans: Vec<(usize, Loan)>,
        timeout: Duration,
    ) -> Result<(), Stopped> {
        let Some((offset, loan)) = loans.pop() else { return self.push(key, message, timeout) };
        let sent = loan.send_with(route, |handle| {
            put(&handle, message, offset);
            self.push_lent(key, message, route, loans, timeout)
        });
        sent.map_err(|failed| failed.error)
    }

    fn push(&mut self, key: u32, message: &[u8], timeout: Duration) -> Result<(), Stopped> {
        match self.send(key, message, timeout) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stopped::Interrupted),
            Err(reason) => Err(Stopped::Failed(reason)),
        }
    }

    /// Sends a message, and waits for room; whether it was sent, and not interrupted.
    ///
    /// # Errors
    /// Why not.
    fn send(&mut self, key: u32, message: &[u8], timeout: Duration) -> Result<bool, String> {
        let end = Instant::now() + timeout;
        loop {
            let slice = end.min(Instant::now() + SLICE);
            let sent = match self {
                // A value is replaced: no wait for room.
                Sender::Elements(sender, _) if sender.kind() == Kind::Latest => sender.send_to(key, message),
                Sender::Elements(sender, _) => sender.send_deadline(message, slice),
                Sender::Payloads(_) => return Err("a payload is published from its block".to_owned()),
                Sender::Frames(sender) => sender.push_deadline(message, slice).map_err(SendError::Push),
                Sender::PublishedFrames(sender) => {
                    sender.push_deadline(message, slice).map_err(SendError::Push)
                }
            };
            match sent {
                Ok(()) => return Ok(true),
                Err(SendError::Push(PushError::TimedOut(()))) if interrupt::came() => return Ok(false),
                Err(SendError::Push(PushError::TimedOut(()))) if Instant::now() < end => {}
                Err(SendError::Push(PushError::TimedOut(()))) => return Err(no_room(timeout)),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Whether payloads of its messages are there only as long as this process shares them.
    pub(super) fn shares(&self) -> bool {
        matches!(self, Sender::Elements(_, shared) if !shared.is_empty())
    }

    /// Leaves the stream open for the next sender.
    pub(super) fn detach(self) {
        match self {
            Sender::Elements(sender, _) => sender.detach(),
            Sender::Payloads(sender) => sender.detach(),
            Sender::Frames(sender) => sender.detach(),
            Sender::PublishedFrames(sender) => sender.detach(),
        }
    }
}

/// Publishes a payload, and waits for room.
fn publish(publisher: &mut payloads::Publisher, mut loan: Loan, timeout: Duration) -> Result<(), Stopped> {
    let end = Instant::now() + timeout;
    loop {
        match publisher.push_deadline(loan, end.min(Instant::now() + SLICE)) {
            Ok(()) => return Ok(()),
            Err(failed) if matches!(failed.error, PushError::TimedOut(())) => {
                if interrupt::came() {
                    return Err(Stopped::Interrupted);
                }
                if Instant::now() >= end {
                    return Err(Stopped::Failed(no_room(timeout)));
                }
                loan = failed.loan;
            }
            Err(failed) => return Err(Stopped::Failed(failed.error.to_string())),
        }
    }
}

fn no_room(timeout: Duration) -> String {
    let waited = humantime::format_duration(timeout);
    format!(
        "no room for {waited}: it is full, and no receiver takes messages out; start one, or leave the channel out"
    )
}

fn elements(
    domain: &Domain,
    name: &str,
    shape: &Shape,
    found: Option<&ChannelInfo>,
) -> Result<RawSender, Failure> {
    let mut builder = raw::Builder::new(name).domain(domain).kind(shape.kind);
    let is_described = match shape.description() {
        Some(description) => {
            builder = builder.description(&description);
            true
        }
        None => false,
    };
    if found.is_some() && is_described {
        return builder.open_sender().map_err(|error| failure(name, &error));
    }
    if let Some(channel) = found {
        let there = channel.fingerprint.to_string();
        if there != shape.fingerprint {
            let reason = format!(
                "its messages have the type {}, fingerprint {there}, and the recorded ones {}, fingerprint {}",
                channel.type_name.as_deref().unwrap_or("of an unknown name"),
                shape.type_name.as_deref().unwrap_or("of an unknown name"),
                shape.fingerprint
            );
            return Err(refused(name, &reason));
        }
        return builder.open_sender().map_err(|error| failure(name, &error));
    }
    if !is_described {
        let made = shape.type_name.as_deref().map(|name| ElementType::new(shape.size, shape.align, name));
        let element = made.and_then(Result::ok);
        let element = element.filter(|element| element.fingerprint().to_string() == shape.fingerprint);
        let Some(element) = element else {
            let reason = "the recording does not have the name of their type, so the channel cannot be made: start the \
                 program that makes it first";
            return Err(refused(name, &reason));
        };
        builder = builder.element(&element);
    }
    let builder = builder.capacity(shape.capacity).mode(mode(shape));
    builder.create_sender().map_err(|error| failure(name, &error))
}

fn mode(shape: &Shape) -> Mode {
    if shape.is_gated { Mode::Gated } else { Mode::Lossy }
}

fn refused(name: &str, reason: &dyn std::fmt::Display) -> Failure {
    Failure::new(REFUSED, format!("nothing was replayed: {name:?}: {reason}"))
}

fn failure(name: &str, error: &AttachError) -> Failure {
    match error.kind() {
        AttachErrorKind::System(_) => Failure::new(FAILED, format!("nothing was replayed: {error}")),
        _ => refused(name, error),
    }
}
