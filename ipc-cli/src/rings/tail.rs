//! `tail`: the messages of a channel as they come, read along without a seat.

mod payloads;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ipc_cli_support::interrupt;
use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::{harmless, hex, hex_dump};
use ipc_ring::control::{NameInfo, Named};
use ipc_ring::describe::{Description, Value};
use ipc_ring::observe::{DomainObserver, Tap, TapError, TapRead, TapStart};
use serde::Serialize;
use serde_json::{Map, Number};

use super::observe::channel;
use super::show::find_one;
use crate::cli::rings::{From, Tail};
use crate::exit::{DONE, FAILED, Failure, Outcome, USAGE, complain};
use crate::json;
use crate::units::count;
use payloads::{Payload, Payloads};

/// Between two looks while messages come, and while none does.
const BUSY: Duration = Duration::from_micros(200);
const IDLE: Duration = Duration::from_millis(5);
/// Between two looks at who has the channel, while no message comes.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Serialize)]
struct Message<'a> {
    domain: &'a str,
    channel: &'a str,
    /// How many were put in before it since the channel was made; of a value, which publication it is.
    sequence: u64,
    key: Option<u32>,
    length: usize,
    hex: String,
    /// By path; null when the channel carries no description.
    fields: Option<Map<String, serde_json::Value>>,
    /// What its handles name.
    payloads: Vec<Payload>,
}

#[derive(Serialize)]
struct Missed<'a> {
    domain: &'a str,
    channel: &'a str,
    count: u64,
}

pub(crate) fn run(asked: &Tail) -> Outcome {
    let (domain, mut info) = find_one(&asked.channel, &asked.place)?;
    let start = match asked.from {
        From::Oldest => TapStart::Oldest,
        From::Next => TapStart::Next,
    };
    let mut tap = open(&domain, &info, start)?;
    let mut description = description(&info);
    let mut payloads = Payloads::of(&domain, &info);
    let (mut message, mut lines) = (Vec::new(), 0);
    let mut looked = Instant::now();
    let mut pause = BUSY;
    while asked.count.is_none_or(|count| lines < count) && !output::is_over() && !interrupt::came() {
        let read = tap.try_read(&mut message).map_err(|error| failure(&error))?;
        match read {
            TapRead::Message { sequence, key } => {
                let named = payloads.read(&message, asked.bytes);
                print(asked, (&domain, &info), (sequence, key, &message), description.as_ref(), named);
                lines += 1;
                (pause, looked) = (BUSY, Instant::now());
                continue;
            }
            TapRead::Missed { count } => {
                missed(asked, (&domain, &info), count);
                continue;
            }
            TapRead::Nothing => output::flush(),
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            match state(&domain, &info)? {
                State::Same => {}
                State::Over => {
                    complain(&format!("no process has channel {:?} any more", info.name));
                    return Ok(DONE);
                }
                State::Another(new) => {
                    complain(&format!("channel {:?} was made anew", info.name));
                    info = *new;
                    tap = open(&domain, &info, TapStart::Oldest)?;
                    description = self::description(&info);
                    payloads = Payloads::of(&domain, &info);
                }
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(IDLE);
    }
    Ok(DONE)
}

pub(super) fn open(domain: &DomainObserver, info: &NameInfo, start: TapStart) -> Result<Tap, Failure> {
    if channel(info).is_none() {
        return Err(Failure::new(USAGE, format!("{:?} is no channel with messages", info.name)));
    }
    Tap::open(domain, &info.name, start).map_err(|error| failure(&error))
}

pub(super) fn failure(error: &TapError) -> Failure {
    let code = if matches!(error, TapError::Kind { .. }) { USAGE } else { FAILED };
    Failure::new(code, error.to_string())
}

/// The description of the messages, if the channel carries one that agrees with its header.
pub(super) fn description(info: &NameInfo) -> Option<Description> {
    let descriptions = channel(info)?.descriptions().ok()?;
    (descriptions.len() == 1).then(|| descriptions.into_iter().next()).flatten()
}

/// What has become of the channel.
pub(super) enum State {
    Same,
    /// No living process has an end of it: a tap that stayed would keep its memory.
    Over,
    Another(Box<NameInfo>),
}

pub(super) fn state(domain: &DomainObserver, info: &NameInfo) -> Result<State, Failure> {
    let now = match domain.look_up(&info.name) {
        Ok(now) => now,
        // The last member has left, and the domain went.
        Err(error) if matches!(error.kind(), ipc_ring::AttachErrorKind::System(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(match now {
        None => State::Over,
        Some(now) if now.generation != info.generation => State::Another(Box::new(now)),
        Some(now) => match &now.what {
            Named::Channel(channel) if channel.is_persistent => State::Same,
            Named::Channel(channel) if channel.ends.iter().any(|end| end.is_alive) => State::Same,
            _ => State::Over,
        },
    })
}

fn print(
    asked: &Tail,
    (domain, info): (&DomainObserver, &NameInfo),
    (sequence, key, bytes): (u64, Option<u32>, &[u8]),
    description: Option<&Description>,
    payloads: Vec<Payload>,
) {
    if asked.format.json {
        let fields = description.map(|description| field_map(description, bytes));
        let (length, hex) = (bytes.len(), hex(bytes));
        let (domain, channel) = (domain.name(), info.name.as_str());
        return json::line(
            "channel_message",
            &Message { domain, channel, sequence, key, length, hex, fields, payloads },
        );
    }
    let key = key.filter(|_| channel(info).is_some_and(|channel| channel.capacity > 1));
    let key = key.map_or_else(String::new, |key| format!(" key {key}"));
    let title = Look::Heading.of(&format!("#{sequence}{key}"));
    let Some(description) = description else {
        say!("{}", paint(&format!("{title} {}", count(bytes.len() as u64, "byte", "bytes"))));
        let shown = &bytes[..bytes.len().min(asked.bytes)];
        dump(shown, bytes.len());
        return payloads.iter().for_each(Payload::print);
    };
    say!("{}", paint(&field_text(title, description, bytes, asked.bytes.max(80))));
    payloads.iter().for_each(Payload::print);
}

/// The first bytes of this number.
pub(super) fn dump(shown: &[u8], length: usize) {
    hex_dump(shown).iter().for_each(|line| say!("  {line}"));
    if shown.len() < length {
        let more = count((length - shown.len()) as u64, "byte", "bytes");
        say!("  and {more} more; --bytes shows them");
    }
}

/// The numbers of a message by their paths.
pub(super) fn field_map(description: &Description, bytes: &[u8]) -> Map<String, serde_json::Value> {
    let mut fields = Map::new();
    each(description, bytes, |path, value| {
        fields.insert(path.to_owned(), number(value));
        ControlFlow::Continue(())
    });
    fields
}

/// The numbers of a message behind a title, about as many as fit into `most` characters.
pub(super) fn field_text(title: String, description: &Description, bytes: &[u8], most: usize) -> String {
    let (mut line, mut left) = (title, 0_u64);
    each(description, bytes, |path, value| {
        if line.len() < most {
            line.push_str(&format!("  {}={value}", harmless(path)));
        } else {
            left += 1;
        }
        ControlFlow::Continue(())
    });
    if left > 0 {
        line.push_str(&format!("  and {}", count(left, "number more", "numbers more")));
    }
    line
}

/// Gives each number of a message to `f`.
fn each(description: &Description, bytes: &[u8], mut f: impl FnMut(&str, Value) -> ControlFlow<()>) {
    let _ = description.for_each_leaf(|leaf| match leaf.value(bytes) {
        Some(value) => f(leaf.path, value),
        // Shorter than it says: the rest is not there.
        None => ControlFlow::Break(()),
    });
}

/// JSON has no infinity, and nothing that is no number.
fn number(value: Value) -> serde_json::Value {
    match value {
        Value::Unsigned(value) => value.into(),
        Value::Signed(value) => value.into(),
        Value::Single(value) => {
            // The digits of an f32, not those of the f64 next to it.
            let digits = value.to_string().parse().ok();
            digits.and_then(Number::from_f64).map_or(serde_json::Value::Null, Into::into)
        }
        Value::Double(value) => Number::from_f64(value).map_or(serde_json::Value::Null, Into::into),
    }
}

fn missed(asked: &Tail, (domain, info): (&DomainObserver, &NameInfo), missed: u64) {
    if asked.format.json {
        let (domain, channel) = (domain.name(), info.name.as_str());
        return json::line("missed", &Missed { domain, channel, count: missed });
    }
    say!("{}", paint(&Look::Doubtful.of(&format!("missed {}", count(missed, "message", "messages")))));
}
