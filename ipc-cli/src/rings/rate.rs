//! `hz` and `bw`: messages and bytes a second, from the counters of the ends.

use std::time::{Duration, Instant};

use ipc_cli_support::interrupt;
use ipc_cli_support::output::{self, say};
use serde::Serialize;

use super::observe::{Observer, Sample, channel};
use super::show::find_one;
use crate::cli::rings::Rate;
use crate::exit::{DONE, Failure, Outcome, USAGE};
use crate::json;
use crate::units::{bytes, scaled};

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Messages,
    Bytes,
}

#[derive(Serialize)]
struct Line<'a> {
    domain: &'a str,
    channel: &'a str,
    seconds: f64,
    pushed_per_second: Option<f64>,
    popped_per_second: Option<f64>,
    bytes_pushed_per_second: Option<f64>,
    bytes_popped_per_second: Option<f64>,
    waiting: Option<u64>,
    capacity: u64,
}

pub(crate) fn run(asked: &Rate, of: Of) -> Outcome {
    let (domain, info) = find_one(&asked.channel, &asked.place)?;
    let Some(shape) = channel(&info) else {
        return Err(Failure::new(USAGE, format!("{:?} is no channel that counts its messages", info.name)));
    };
    let observer = Observer::open(&domain, &info.name, shape)?;
    let mut before = observer.sample();
    if before.pushed.is_none() {
        return Err(Failure::new(
            USAGE,
            format!("{:?} is of a kind that counts no messages ({})", info.name, shape.kind_name()),
        ));
    }
    let mut looked = Instant::now();
    let mut lines = 0;
    while asked.lines.count.is_none_or(|count| lines < count) && !output::is_over() {
        if !interrupt::sleep_until(looked + asked.lines.interval) {
            break;
        }
        let now = observer.sample();
        let passed = looked.elapsed();
        looked = Instant::now();
        let rates = Rates::of(&before, &now, passed, shape.element_size);
        if asked.format.json {
            rates.tell(domain.name(), &info.name, passed, &now, shape.capacity);
        } else {
            people(&rates, &now, of, shape.capacity);
        }
        output::flush();
        before = now;
        lines += 1;
    }
    Ok(DONE)
}

fn people(rates: &Rates, now: &Sample, of: Of, capacity: u64) {
    let (put, taken, unit) = match of {
        Of::Messages => (rates.pushed, rates.popped, "/s"),
        Of::Bytes => (rates.bytes_pushed, rates.bytes_popped, "B/s"),
    };
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| scaled(rate, unit));
    let taken = if taken.is_some() { format!(", out {}", rate(taken)) } else { String::new() };
    let waiting = now.waiting.map_or_else(String::new, |waiting| match now.bytes {
        Some(_) => format!(", waiting {} of {}", bytes(waiting), bytes(capacity)),
        None => format!(", waiting {waiting} of {capacity}"),
    });
    say!("in {}{taken}{waiting}", rate(put));
}

/// What passed a second, between two samples.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    pub(super) pushed: Option<f64>,
    pub(super) popped: Option<f64>,
    pub(super) bytes_pushed: Option<f64>,
    pub(super) bytes_popped: Option<f64>,
}

impl Rates {
    pub(super) fn of(before: &Sample, now: &Sample, passed: Duration, element_size: u64) -> Rates {
        let seconds = passed.as_secs_f64().max(1e-6);
        // Counters of others' memory: what runs backwards is no rate.
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        let of = |before: Option<u64>, now: Option<u64>| Some(rate(before?, now?));
        let (pushed, popped) = (of(before.pushed, now.pushed), of(before.popped, now.popped));
        // Where a message has a size of its own, the ring counts bytes, or nothing does.
        let by_size =
            |rate: Option<f64>| rate.filter(|_| element_size > 1).map(|rate| rate * element_size as f64);
        let (bytes_pushed, bytes_popped) = match (before.bytes, now.bytes) {
            (Some(before), Some(now)) => (Some(rate(before.0, now.0)), Some(rate(before.1, now.1))),
            _ => (by_size(pushed), by_size(popped)),
        };
        Rates { pushed, popped, bytes_pushed, bytes_popped }
    }

    /// Prints them as a line of JSON.
    pub(super) fn tell(&self, domain: &str, channel: &str, passed: Duration, now: &Sample, capacity: u64) {
        let line = Line {
            domain,
            channel,
            seconds: passed.as_secs_f64(),
            pushed_per_second: self.pushed,
            popped_per_second: self.popped,
            bytes_pushed_per_second: self.bytes_pushed,
            bytes_popped_per_second: self.bytes_popped,
            waiting: now.waiting,
            capacity,
        };
        json::line("rate", &line);
    }
}
