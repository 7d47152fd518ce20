//! `send`: messages into a channel, as its sender.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_cli_support::interrupt;
use ipc_cli_support::output::say;
use ipc_cli_support::style::paint;
use ipc_cli_support::text::harmless;
use ipc_ring::control::{ChannelInfo, NameInfo};
use ipc_ring::latest::PublishError;
use ipc_ring::raw::Kind;
use ipc_ring::raw::{self, RawSender, SendError};
use ipc_ring::{AttachError, AttachErrorKind, Domain, PushError};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use serde::Serialize;

use super::encode::{from_fields, from_hex};
use super::observe::channel;
use super::show::find_one;
use super::tail::description;
use crate::cli::rings::Send;
use crate::exit::{DONE, FAILED, Failure, Outcome, REFUSED, USAGE};
use crate::json;
use crate::units::count;

/// A wait for room looks this often whether it was interrupted.
const SLICE: Duration = Duration::from_millis(50);
const KINDS: [Kind; 4] = [Kind::Spsc, Kind::Mpmc, Kind::Broadcast, Kind::Latest];

#[derive(Serialize)]
struct Sent<'a> {
    domain: &'a str,
    channel: &'a str,
    messages: u64,
    /// Bytes of a message.
    length: usize,
    key: Option<u32>,
}

pub(crate) fn run(asked: &Send) -> Outcome {
    let (observer, info) = find_one(&asked.channel, &asked.domain.place())?;
    let shape = shape(&info)?;
    check_key(asked, &info, shape)?;
    let size = usize::try_from(shape.element_size)
        .map_err(|_| Failure::new(USAGE, format!("no message can have {} bytes", shape.element_size)))?;
    // The first message is whole before the end is taken: a mistake costs the channel nothing.
    let mut messages = Messages::of(asked, &info, size)?;
    let Some(first) = messages.next()? else {
        return Err(Failure::new(USAGE, "standard input has no message"));
    };
    let domain = Domain::open(observer.name()).map_err(Failure::from)?;
    let mut sender = open(asked, &info, &domain)?;
    let mut sent = 0;
    let outcome = each(asked, &mut sender, first, &mut messages, &mut sent);
    sender.detach();
    if sent > 0 {
        tell(asked, domain.name(), size, sent);
    }
    outcome.map(|()| DONE)
}

/// The channel, if its messages can be sent as bytes of one size.
fn shape(info: &NameInfo) -> Result<&ChannelInfo, Failure> {
    let name = &info.name;
    let Some(shape) = channel(info) else {
        return Err(Failure::new(USAGE, format!("{name:?} is no channel with messages")));
    };
    if !KINDS.iter().any(|kind| shape.kind == *kind as u32) {
        let kind = shape.kind_name();
        let reason =
            format!("{name:?} is of the kind {kind}; messages are sent to spsc, mpmc, broadcast and latest");
        return Err(Failure::new(USAGE, reason));
    }
    Ok(shape)
}

fn check_key(asked: &Send, info: &NameInfo, shape: &ChannelInfo) -> Result<(), Failure> {
    let (name, keys) = (&info.name, shape.capacity);
    let reason = match asked.key {
        Some(_) if shape.kind != Kind::Latest as u32 => {
            format!("{name:?} has no keys: it is of the kind {}, and --key is for latest", shape.kind_name())
        }
        Some(key) if u64::from(key) >= keys => {
            format!("{name:?} has no key {key}: its keys are 0 to {}", keys.saturating_sub(1))
        }
        None if shape.kind == Kind::Latest as u32 && keys > 1 => {
            format!("{name:?} has {keys} values: --key says which to set")
        }
        _ => return Ok(()),
    };
    Err(Failure::new(USAGE, reason))
}

/// The messages to send.
enum Messages {
    Given(std::vec::IntoIter<Vec<u8>>),
    /// From standard input, each of this many bytes.
    Read(File, usize),
}

impl Messages {
    /// Those that are given are complete and checked: all are right, or none is sent.
    fn of(asked: &Send, info: &NameInfo, size: usize) -> Result<Messages, Failure> {
        let wrong = |reason: String| Failure::new(USAGE, reason);
        if !asked.fields.is_empty() {
            let description = description(info).ok_or_else(|| {
                wrong(format!(
                    "{:?} carries no description that its fields could be found by; --hex takes bytes",
                    info.name
                ))
            })?;
            let message = from_fields(&description, &asked.fields, asked.zeros).map_err(wrong)?;
            return Ok(Messages::Given(vec![message].into_iter()));
        }
        let mut given = Vec::new();
        for text in &asked.hex {
            let message = from_hex(text).map_err(wrong)?;
            if message.len() != size {
                return Err(wrong(format!(
                    "--hex has {}, and a message of {:?} has {size}",
                    count(message.len() as u64, "byte", "bytes"),
                    info.name
                )));
            }
            given.push(message);
        }
        if !given.is_empty() {
            return Ok(Messages::Given(given.into_iter()));
        }
        if std::io::stdin().is_terminal() {
            return Err(wrong(
                "no message: give FIELD=VALUE, --hex, or raw bytes on standard input".to_owned(),
            ));
        }
        let input = std::io::stdin().as_fd().try_clone_to_owned();
        let input =
            input.map_err(|error| Failure::new(FAILED, format!("opening standard input: {error}")))?;
        // Without a buffer, which `poll` would not see into.
        Ok(Messages::Read(File::from(input), size))
    }

    /// The next one; `None` at the end, and when a signal has come.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Messages::Given(messages) => Ok(messages.next()),
            Messages::Read(input, size) => read(input, *size),
        }
    }
}

/// Reads a message whole; `None` when the input ends before it, or a signal comes.
fn read(input: &mut (impl Read + AsFd), size: usize) -> Result<Option<Vec<u8>>, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::new(FAILED, format!("reading standard input: {error}"));
    let mut message = vec![0; size];
    let mut filled = 0;
    while filled < size {
        // Another thread notes signals, and does not end a read.
        let ready = poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], SLICE.as_millis() as u16);
        match ready {
            _ if interrupt::came() => return Ok(None),
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(failed(&errno)),
        }
        match input.read(&mut message[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => {
                let reason = format!(
                    "standard input ends after {} of a message of {size}, which is not sent",
                    count(filled as u64, "byte", "bytes")
                );
                return Err(Failure::new(USAGE, reason));
            }
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(Some(message))
}

/// Takes the sending end of the channel that was looked at.
fn open(asked: &Send, info: &NameInfo, domain: &Domain) -> Result<RawSender, Failure> {
    let mut builder = raw::Builder::new(&info.name).domain(domain);
    if let (false, Some(description)) = (asked.fields.is_empty(), description(info)) {
        // One that was made anew since, with other fields, is refused.
        builder = builder.description(&description);
    }
    builder.open_sender().map_err(|error| refused(&error))
}

fn refused(error: &AttachError) -> Failure {
    match error.kind() {
        AttachErrorKind::EndTaken { .. } | AttachErrorKind::Closed => {
            Failure::new(REFUSED, format!("nothing was sent: {error}"))
        }
        AttachErrorKind::NotFound => Failure::new(crate::exit::NOT_FOUND, error.to_string()),
        _ => Failure::new(FAILED, format!("nothing was sent: {error}")),
    }
}

fn each(
    asked: &Send,
    sender: &mut RawSender,
    first: Vec<u8>,
    messages: &mut Messages,
    sent: &mut u64,
) -> Result<(), Failure> {
    let mut next = Some(first);
    while let Some(message) = next {
        if !one(asked, sender, &message, sent)? || interrupt::came() {
            break;
        }
        next = messages.next()?;
    }
    Ok(())
}

/// Sends one, and counts it. False when a signal came while it waited for room.
fn one(asked: &Send, sender: &mut RawSender, message: &[u8], sent: &mut u64) -> Result<bool, Failure> {
    let end = Instant::now() + asked.room.timeout;
    loop {
        let tried = match asked.key {
            // A value is replaced: no wait for room.
            Some(key) => sender.send_to(key, message),
            None => sender.send_deadline(message, end.min(Instant::now() + SLICE)),
        };
        let error = match tried {
            Ok(()) => {
                *sent += 1;
                return Ok(true);
            }
            Err(error) => error,
        };
        let reason = match &error {
            SendError::Push(PushError::TimedOut(())) if interrupt::came() => return Ok(false),
            SendError::Push(PushError::TimedOut(())) if Instant::now() < end => continue,
            SendError::Push(PushError::TimedOut(())) => {
                format!("no room for {}: it is full", humantime::format_duration(asked.room.timeout))
            }
            SendError::Push(PushError::NotWoken(..)) | SendError::Publish(PublishError::NotWoken { .. }) => {
                *sent += 1;
                return Err(Failure::new(FAILED, error.to_string()));
            }
            error => error.to_string(),
        };
        return Err(if *sent == 0 {
            Failure::new(REFUSED, format!("nothing was sent: {reason}"))
        } else {
            Failure::new(FAILED, format!("{reason}; the messages before were sent"))
        });
    }
}

fn tell(asked: &Send, domain: &str, length: usize, messages: u64) {
    let (channel, key) = (asked.channel.as_str(), asked.key);
    if asked.format.json {
        return json::line("sent", &Sent { domain, channel, messages, length, key });
    }
    let messages = count(messages, "message", "messages");
    let line = format!("sent {messages} to \"{}\" in domain \"{}\"", harmless(channel), harmless(domain));
    say!("{}", paint(&line));
}
