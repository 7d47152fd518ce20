//! `call`: one request to a service, as its caller, and the reply.

use std::time::{Duration, Instant};

use ipc_cli_support::interrupt;
use ipc_cli_support::output::say;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::{harmless, hex, hex_dump};
use ipc_ring::call::{CallError, MAX_CALL_SIZE};
use ipc_ring::control::{ChannelInfo, NameInfo};
use ipc_ring::describe::Description;
use ipc_ring::raw::Kind;
use ipc_ring::raw::{self, AskError, RawCaller};
use ipc_ring::{AttachError, AttachErrorKind, Domain};
use serde::Serialize;
use serde_json::Map;

use super::encode::{from_fields, from_hex, from_json};
use super::observe::channel;
use super::show::find_one;
use super::tail::{field_map, field_text};
use crate::cli::looking::Call;
use crate::exit::{DONE, FAILED, Failure, NOT_FOUND, Outcome, REFUSED, USAGE};
use crate::json;
use crate::units::{count, span};

/// A wait looks this often whether it was interrupted.
const SLICE: Duration = Duration::from_millis(50);
/// Between two looks whether the call of a predecessor is over.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Serialize)]
struct Reply<'a> {
    domain: &'a str,
    channel: &'a str,
    /// From the request to the reply.
    nanoseconds: u64,
    length: usize,
    hex: String,
    /// By path; null when the channel carries no description.
    fields: Option<Map<String, serde_json::Value>>,
}

pub(crate) fn run(asked: &Call) -> Outcome {
    let (observer, info) = find_one(&asked.service, &asked.domain.place())?;
    let shape = shape(&info)?;
    let (requests, replies) = match shape.descriptions().ok().as_deref() {
        Some([requests, replies]) => (Some(requests.clone()), Some(replies.clone())),
        _ => (None, None),
    };
    // Whole before the end is taken: a mistake costs the service nothing.
    let request = request(asked, requests.as_ref())?;
    let domain = Domain::open(observer.name()).map_err(Failure::from)?;
    let opened = raw::Builder::new(&info.name).domain(&domain).open_caller();
    let mut caller = opened.map_err(|error| refused(&error))?;
    let began = Instant::now();
    let reply = ask(&mut caller, &request, asked.timeout);
    let took = began.elapsed();
    caller.detach();
    if let Some(reply) = reply? {
        let size = replies.as_ref().map_or(MAX_CALL_SIZE, |replies| replies.element().size() as usize);
        tell(asked, domain.name(), took, &reply[..size.min(MAX_CALL_SIZE)], replies.as_ref());
    }
    Ok(DONE)
}

fn shape(info: &NameInfo) -> Result<&ChannelInfo, Failure> {
    let name = &info.name;
    match channel(info) {
        Some(shape) if shape.kind == Kind::Call as u32 => Ok(shape),
        Some(shape) => {
            let reason = format!(
                "{name:?} is of the kind {}, and calls go to channels of the kind call; `ipcr send` sends messages",
                shape.kind_name()
            );
            Err(Failure::new(USAGE, reason))
        }
        None => Err(Failure::new(USAGE, format!("{name:?} is no channel of calls"))),
    }
}

/// The bytes of the request.
fn request(asked: &Call, described: Option<&Description>) -> Result<Vec<u8>, Failure> {
    let wrong = |reason: String| Failure::new(USAGE, reason);
    let name = &asked.service;
    if let Some(text) = &asked.hex {
        let request = from_hex(text).map_err(wrong)?;
        let size = described.map(|described| described.element().size() as usize);
        let given = count(request.len() as u64, "byte", "bytes");
        return match size {
            Some(size) if size != request.len() => {
                Err(wrong(format!("--hex has {given}, and a request of {name:?} has {size}")))
            }
            None if request.len() > MAX_CALL_SIZE => {
                Err(wrong(format!("--hex has {given}, and a request has {MAX_CALL_SIZE} at most")))
            }
            _ => Ok(request),
        };
    }
    if asked.fields.is_empty() {
        return Err(wrong("no request: give FIELD=VALUE, a JSON object, or --hex".to_owned()));
    }
    let described = described.ok_or_else(|| {
        wrong(format!("{name:?} carries no description that its fields could be found by; --hex takes bytes"))
    })?;
    match asked.fields.as_slice() {
        [text] if text.trim_start().starts_with('{') => {
            let fields = from_json(text).map_err(wrong)?;
            from_fields(described, &fields, asked.zeros).map_err(wrong)
        }
        fields => from_fields(described, fields, asked.zeros).map_err(wrong),
    }
}

fn refused(error: &AttachError) -> Failure {
    let code = match error.kind() {
        AttachErrorKind::EndTaken { .. } | AttachErrorKind::Closed => REFUSED,
        AttachErrorKind::NotFound => NOT_FOUND,
        _ => FAILED,
    };
    Failure::new(code, format!("nothing was asked: {error}"))
}

/// The reply; `None` when a signal came while it was waited for.
fn ask(
    caller: &mut RawCaller,
    request: &[u8],
    timeout: Duration,
) -> Result<Option<[u8; MAX_CALL_SIZE]>, Failure> {
    let end = Instant::now() + timeout;
    let waited = humantime::format_duration(timeout);
    let nothing = |reason: String| Failure::new(REFUSED, format!("nothing was asked: {reason}"));
    loop {
        match caller.ask(request) {
            // The responder finds the request at its next look.
            Ok(()) | Err(AskError::Call(CallError::NotWoken(_))) => break,
            Err(AskError::Call(CallError::Pending)) => {}
            Err(error) => return Err(nothing(error.to_string())),
        }
        // A call of an earlier caller is in flight. Without a responder it is taken back.
        if caller.abandon().map_err(|error| nothing(error.to_string()))? {
            continue;
        }
        if interrupt::came() {
            return Ok(None);
        }
        if Instant::now() >= end {
            return Err(nothing(format!("the service has been at an earlier call for {waited}")));
        }
        std::thread::sleep(PAUSE);
    }
    let error = loop {
        match caller.wait_deadline(end.min(Instant::now() + SLICE)) {
            Ok(reply) => return Ok(Some(reply)),
            Err(CallError::TimedOut) if interrupt::came() => break CallError::Interrupted,
            Err(CallError::TimedOut) if Instant::now() < end => {}
            Err(error) => break error,
        }
    };
    let reason = match &error {
        CallError::TimedOut => format!("no reply for {waited}"),
        error => error.to_string(),
    };
    let what_became = match caller.abandon() {
        Ok(true) => "the request was taken back: no process works on it".to_owned(),
        Ok(false) => {
            "the request was not taken back: the service is alive and may still act on it".to_owned()
        }
        Err(error) => format!("whether the service acts on the request is not known: {error}"),
    };
    Err(Failure::new(FAILED, format!("{reason}; {what_became}")))
}

fn tell(asked: &Call, domain: &str, took: Duration, reply: &[u8], described: Option<&Description>) {
    let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    if asked.format.json {
        let (channel, length) = (asked.service.as_str(), reply.len());
        let fields = described.map(|described| field_map(described, reply));
        let line = Reply { domain, channel, nanoseconds, length, hex: hex(reply), fields };
        return json::line("reply", &line);
    }
    let title = Look::Heading.of(&format!("reply after {}", span(nanoseconds)));
    match described {
        Some(described) => say!("{}", paint(&field_text(title, described, reply, usize::MAX))),
        None => {
            say!("{}", paint(&title));
            hex_dump(reply).iter().for_each(|line| say!("  {line}"));
            let name = harmless(&asked.service);
            let note = format!(
                "  \"{name}\" does not describe its replies: behind one that is shorter lies what the line held before"
            );
            say!("{}", paint(&Look::Faint.of(&note)));
        }
    }
}
