//! Domains and what is in them, as lines of JSON.

use ipc_ring::control::{EndInfo, EndRole, NameInfo, Named, ProcessInfo};
use serde::Serialize;

use super::domains::Found;
use super::observe::Sample;
use crate::json;
use crate::sysv::Processes;
use crate::units::moment;

#[derive(Serialize)]
struct DomainLine<'a> {
    domain: &'a str,
    key: String,
    segment: Option<i32>,
    alive: usize,
    /// Members that had died and were not swept when this looked.
    dead: usize,
    channels: usize,
    evidence: &'a str,
    /// Why it could not be looked into; null when it was.
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct ProcessLine<'a> {
    domain: &'a str,
    pid: u32,
    name: Option<String>,
    joined_at: String,
    alive: bool,
    /// Why it does nothing although it is alive, such as `stopped`; null when nothing is known against it.
    halted: Option<&'static str>,
}

#[derive(Serialize)]
struct ChannelLine<'a> {
    domain: &'a str,
    channel: &'a str,
    kind: &'a str,
    capacity: u64,
    element_bytes: u64,
    bytes: u64,
    persistent: bool,
    created_at: String,
    fingerprint: String,
    /// The text that describes its messages; null when it carries none.
    description: Option<&'a str>,
    ends: Vec<EndLine>,
}

#[derive(Serialize)]
struct EndLine {
    role: &'static str,
    pid: u32,
    name: Option<String>,
    alive: bool,
}

#[derive(Serialize)]
struct ListenerLine<'a> {
    domain: &'a str,
    listener: &'a str,
    pid: u32,
    name: Option<String>,
    alive: bool,
    queue: i32,
}

#[derive(Serialize)]
struct UnreadableLine<'a> {
    domain: &'a str,
    channel: &'a str,
    kind: u32,
}

#[derive(Serialize)]
struct CounterLine<'a> {
    domain: &'a str,
    channel: &'a str,
    counter: &'a str,
    value: u64,
}

/// The side of an end.
pub(super) fn role(role: EndRole) -> &'static str {
    match role {
        EndRole::Producer => "producer",
        EndRole::Consumer => "consumer",
        EndRole::Member => "member",
    }
}

pub(super) fn domain(found: &Found) {
    let (alive, dead, channels) = found.members();
    let line = DomainLine {
        domain: &found.name,
        key: found.finding.key.to_string(),
        segment: found.finding.segment.map(|id| id.as_raw()),
        alive,
        dead,
        channels,
        evidence: &found.finding.evidence,
        error: found.domain.as_ref().err().map(String::as_str),
    };
    json::line("domain", &line);
}

pub(super) fn process(domain: &str, process: &ProcessInfo, processes: &mut Processes) {
    let line = ProcessLine {
        domain,
        pid: process.pid,
        name: Some(process.pid).filter(|_| process.is_alive).and_then(|pid| processes.name(pid)),
        joined_at: moment(process.joined),
        alive: process.is_alive,
        halted: Some(process.pid).filter(|_| process.is_alive).and_then(|pid| processes.halt(pid)),
    };
    json::line("process", &line);
}

pub(super) fn name(domain: &str, info: &NameInfo, processes: &mut Processes) {
    match &info.what {
        Named::Channel(channel) => {
            let end = |end: &EndInfo| EndLine {
                role: role(end.role),
                pid: end.pid,
                name: Some(end.pid).filter(|_| end.is_alive).and_then(|pid| processes.name(pid)),
                alive: end.is_alive,
            };
            let line = ChannelLine {
                domain,
                channel: &info.name,
                kind: channel.kind_name(),
                capacity: channel.capacity,
                element_bytes: channel.element_size,
                bytes: channel.bytes,
                persistent: channel.is_persistent,
                created_at: moment(channel.created),
                fingerprint: channel.fingerprint.to_string(),
                description: channel.description.as_deref(),
                ends: channel.ends.iter().map(end).collect(),
            };
            json::line("channel", &line);
        }
        Named::Listener(listener) => {
            let line = ListenerLine {
                domain,
                listener: &info.name,
                pid: listener.pid,
                name: processes.name(listener.pid),
                alive: listener.is_alive,
                queue: listener.queue,
            };
            json::line("listener", &line);
        }
        Named::Unreadable { kind } => {
            json::line("unreadable", &UnreadableLine { domain, channel: &info.name, kind: *kind });
        }
        // What a later version of the library knows.
        _ => {}
    }
}

/// All counters of a sample by their names.
pub(super) fn counters(sample: &Sample) -> Vec<(&'static str, u64)> {
    let mut counters = Vec::new();
    counters.extend(sample.pushed.map(|value| ("pushed", value)));
    counters.extend(sample.popped.map(|value| ("popped", value)));
    counters.extend(sample.waiting.map(|value| ("waiting", value)));
    if let Some((pushed, popped)) = sample.bytes {
        counters.extend([("bytes_pushed", pushed), ("bytes_popped", popped)]);
    }
    counters.extend(sample.others.iter().copied());
    counters
}

pub(super) fn sample(domain: &str, channel: &str, sample: &Sample) {
    for (counter, value) in counters(sample) {
        json::line("counter", &CounterLine { domain, channel, counter, value });
    }
}
