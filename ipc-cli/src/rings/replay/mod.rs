//! `replay`: what was recorded, sent to channels as they were.

mod payloads;
mod plan;
mod recording;
mod sender;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_cli_support::interrupt;
use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_ring::Domain;
use serde::Serialize;

use crate::cli::record::Replay;
use crate::exit::{DONE, FAILED, Failure, Outcome, complain};
use crate::json;
use crate::units::count;
use payloads::{Payload, Pools, Stopped};
use plan::{Plan, Target, target};
use recording::{Message, Recording, Shape, Topic};
use sender::Sender;

/// How long the last payloads are there that are shared: receivers join this process's share.
const LINGER: Duration = Duration::from_millis(200);

#[derive(Serialize)]
struct Replaying {
    channels: usize,
    messages: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Replayed<'a> {
    domain: &'a str,
    channel: &'a str,
    messages: u64,
}

pub(crate) fn run(asked: &Replay) -> Outcome {
    let plan = Plan::of(asked)?;
    warn(&plan);
    let mut domains = BTreeMap::new();
    let mut ends = BTreeMap::new();
    let names = plan.targets.keys().chain(plan.pools.keys());
    for (domain, _) in names {
        if !domains.contains_key(domain) {
            domains.insert(domain.clone(), Domain::open(domain)?);
        }
    }
    let mut pools = Pools::default();
    for (target, classes) in &plan.pools {
        pools.open(&domains[&target.0], target, classes)?;
    }
    for ((domain, name), shape) in &plan.targets {
        let handles = plan.handles.get(&(domain.clone(), name.clone()));
        let pool = handles.and_then(|handles| pools.get(handles.get(&0)?));
        let end = Sender::open(&domains[domain], name, shape, pool)?;
        ends.insert((domain.clone(), name.clone()), End { sender: end, sent: 0, left_out: 0 });
    }
    begin(asked, &plan);
    let outcome = send(asked, &plan, &pools, &mut ends);
    if ends.values().any(|end| end.sender.shares()) {
        let _ = interrupt::sleep_until(Instant::now() + LINGER); // At the end of it, or at a signal.
    }
    let mut all = 0;
    for ((domain, channel), end) in ends {
        all += end.sent;
        if end.left_out > 0 {
            let messages = count(end.left_out, "message", "messages");
            complain(&format!("left out of {channel:?}: {messages} whose payload the recorder missed"));
        }
        tell(asked, &domain, &channel, end.sent);
        end.sender.detach();
    }
    output::flush();
    outcome.map(|()| DONE).map_err(|reason| {
        let of = plan.messages.saturating_mul(asked.times);
        Failure::new(FAILED, format!("{reason}; {all} of {of} messages were sent"))
    })
}

struct End {
    sender: Sender,
    sent: u64,
    /// Messages without their payloads.
    left_out: u64,
}

/// Sends all messages at their times, until a signal comes.
fn send(asked: &Replay, plan: &Plan, pools: &Pools, ends: &mut BTreeMap<Target, End>) -> Result<(), String> {
    if !interrupt::sleep_until(Instant::now() + asked.delay) {
        return Ok(());
    }
    let first = plan.span.unwrap_or_default().0;
    let rate = if asked.as_fast_as_possible { None } else { Some(asked.rate.unwrap_or(1.0)) };
    for _ in 0..asked.times {
        let begun = Instant::now();
        let mut recording = Recording::open(&asked.file).map_err(|error| error.reason().to_owned())?;
        let mut pending = Vec::new();
        while let Some(message) = recording.next().map_err(|error| error.reason().to_owned())? {
            let (shape, key, is_cdr) = match recording.topic(message.topic) {
                Topic::Channel { shape, key, is_cdr } => (shape, key, is_cdr),
                Topic::Payloads(topic) if plan.includes(asked, &topic.channel, message.log_time) => {
                    pending.push((Arc::clone(topic), message));
                    continue;
                }
                _ => continue,
            };
            if !plan.includes(asked, &shape.channel, message.log_time) {
                continue;
            }
            let after = Duration::from_nanos(message.log_time.saturating_sub(first));
            let due = rate.map(|rate| begun + scaled(after, rate));
            if interrupt::came() || due.is_some_and(|due| !interrupt::sleep_until(due)) {
                return Ok(());
            }
            let Some(bytes) = message.bytes(*is_cdr) else {
                return Err(format!("a recorded message of {:?} is not little-endian CDR", shape.channel));
            };
            let target = target(asked, &shape.domain, &shape.channel);
            let Some(end) = ends.get_mut(&target) else { continue };
            let payloads = take(&mut pending, asked, shape, *key);
            if let Some(handles) = plan.handles.get(&target)
                && !is_complete(bytes, handles, &payloads)
            {
                end.left_out += 1;
                continue;
            }
            match end.sender.send_all(*key, bytes, &payloads, pools, asked.room.timeout) {
                Ok(()) => end.sent += 1,
                Err(Stopped::Interrupted) => return Ok(()),
                Err(Stopped::Failed(reason)) => return Err(format!("{:?}: {reason}", shape.channel)),
            }
        }
    }
    Ok(())
}

/// The payloads of the next message of a channel, under this key.
fn take(
    pending: &mut Vec<(Arc<recording::Payloads>, Message)>,
    asked: &Replay,
    shape: &Shape,
    key: u32,
) -> Vec<Payload> {
    let is_its = |topic: &recording::Payloads| {
        topic.channel == shape.channel && topic.domain == shape.domain && topic.key == key
    };
    let its = pending.extract_if(.., |(topic, _)| is_its(topic));
    its.map(|(topic, message)| Payload {
        offset: topic.offset,
        pool: target(asked, &topic.domain, &topic.pool),
        bytes: message.into_bytes(),
    })
    .collect()
}

/// Whether the payload of each handle in a message was recorded, unless the handle names none.
fn is_complete(message: &[u8], handles: &BTreeMap<usize, Target>, payloads: &[Payload]) -> bool {
    handles.keys().all(|offset| {
        let pool = message.get(*offset..*offset + size_of::<u64>());
        pool.is_none_or(|pool| pool.iter().all(|byte| *byte == 0))
            || payloads.iter().any(|payload| payload.offset == *offset)
    })
}

/// A time of the recording at this rate; at most a year, so that sums stay in range.
fn scaled(after: Duration, rate: f64) -> Duration {
    const MOST: f64 = 86400.0 * 365.0;
    Duration::from_secs_f64((after.as_secs_f64() / rate).min(MOST))
}

fn warn(plan: &Plan) {
    if let Some(problem) = &plan.problem {
        complain(&format!("{problem}; its messages up to there are replayed"));
    }
    if plan.missed_records > 0 {
        let times = count(plan.missed_records, "time", "times");
        complain(&format!("the recorder missed messages {times} (topic {})", super::record::form::MISSED));
    }
    if plan.foreign > 0 {
        let messages = count(plan.foreign, "message", "messages");
        complain(&format!("not replayed: {messages} that ipcr did not record"));
    }
}

fn begin(asked: &Replay, plan: &Plan) {
    let (channels, messages) = (plan.targets.len(), plan.messages);
    if asked.format.json {
        json::line("replaying", &Replaying { channels, messages, seconds: plan.length().as_secs_f64() });
    } else {
        let channels = count(channels as u64, "channel", "channels");
        let messages = count(messages, "message", "messages");
        let length = plan.length();
        say!("{}", paint(&Look::Faint.of(&format!("replaying {messages} of {channels}, {length:.1?}"))));
    }
    output::flush();
}

fn tell(asked: &Replay, domain: &str, channel: &str, messages: u64) {
    if asked.format.json {
        return json::line("replayed", &Replayed { domain, channel, messages });
    }
    let messages = count(messages, "message", "messages");
    say!("replayed {messages} to \"{}\" in domain \"{}\"", harmless(channel), harmless(domain));
}
