//! `replay`: what was recorded, sent to channels as they were.

mod plan;
mod recording;
mod sender;

use std::collections::BTreeMap;
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
use plan::{Plan, Target, target};
use recording::{Recording, Topic};
use sender::Sender;

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
    for ((domain, name), shape) in &plan.targets {
        if !domains.contains_key(domain) {
            domains.insert(domain.clone(), Domain::open(domain)?);
        }
        let end = Sender::open(&domains[domain], name, shape)?;
        ends.insert((domain.clone(), name.clone()), End { sender: end, sent: 0 });
    }
    begin(asked, &plan);
    let outcome = send(asked, &plan, &mut ends);
    let mut all = 0;
    for ((domain, channel), end) in ends {
        all += end.sent;
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
}

/// Sends all messages at their times, until a signal comes.
fn send(asked: &Replay, plan: &Plan, ends: &mut BTreeMap<Target, End>) -> Result<(), String> {
    if !interrupt::sleep_until(Instant::now() + asked.delay) {
        return Ok(());
    }
    let first = plan.span.unwrap_or_default().0;
    let rate = if asked.as_fast_as_possible { None } else { Some(asked.rate.unwrap_or(1.0)) };
    for _ in 0..asked.times {
        let begun = Instant::now();
        let mut recording = Recording::open(&asked.file).map_err(|error| error.reason().to_owned())?;
        while let Some(message) = recording.next().map_err(|error| error.reason().to_owned())? {
            let Topic::Channel { shape, key, is_cdr } = recording.topic(message.topic) else { continue };
            if !plan.includes(asked, shape, message.log_time) {
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
            let Some(end) = ends.get_mut(&target(asked, shape)) else { continue };
            match end.sender.send(*key, bytes, asked.room.timeout) {
                Ok(true) => end.sent += 1,
                Ok(false) => return Ok(()),
                Err(reason) => return Err(format!("{:?}: {reason}", shape.channel)),
            }
        }
    }
    Ok(())
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
