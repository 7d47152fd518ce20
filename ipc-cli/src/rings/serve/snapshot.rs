//! What the page shows, as one JSON object.

use std::collections::BTreeMap;
use std::time::SystemTime;

use ipc_cli_support::text::ascii_json;
use serde::Serialize;

use crate::cli::looking::Serve;
use crate::cli::rings::Sort;
use crate::exit::{Failure, NOT_FOUND};
use crate::json::SCHEMA_VERSION;
use crate::rings::domains;
use crate::rings::lines::{counters, role};
use crate::rings::ls::size;
use crate::rings::observe::meaning;
use crate::rings::top::rows::{Row, Rows};
use crate::sysv::Processes;
use crate::units::moment;

#[derive(Serialize)]
struct Snapshot {
    schema_version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    at: String,
    interval_seconds: f64,
    channels: Vec<Channel>,
    domains: Vec<Domain>,
}

#[derive(Serialize)]
struct Domain {
    domain: String,
    alive: usize,
    dead: usize,
    /// Why it cannot be looked into; null when it can.
    error: Option<String>,
}

#[derive(Serialize)]
struct Channel {
    domain: String,
    channel: String,
    kind: &'static str,
    holds: String,
    bytes: u64,
    capacity: u64,
    persistent: bool,
    created_at: String,
    pushed_per_second: Option<f64>,
    popped_per_second: Option<f64>,
    bytes_pushed_per_second: Option<f64>,
    bytes_popped_per_second: Option<f64>,
    waiting: Option<u64>,
    fill: Option<f64>,
    missed: Option<u64>,
    lag: Option<u64>,
    /// Rates of the last looks, the newest last.
    lately: Vec<f64>,
    ends: Vec<End>,
    counters: Vec<Counter>,
}

#[derive(Serialize)]
struct End {
    role: &'static str,
    pid: u32,
    name: Option<String>,
    alive: bool,
    halted: Option<&'static str>,
    behind: Option<u64>,
}

#[derive(Serialize)]
struct Counter {
    counter: &'static str,
    value: u64,
    means: &'static str,
}

#[derive(Serialize)]
struct Failed<'a> {
    schema_version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    error: &'a str,
}

/// Everything as it was at the last look.
pub(super) fn text(rows: &Rows, asked: &Serve) -> Result<String, Failure> {
    let found = match domains::find(&asked.place) {
        Err(failure) if failure.code() == NOT_FOUND => Vec::new(),
        found => found?,
    };
    let domains = found.into_iter().map(|found| {
        let (alive, dead, _) = found.members();
        Domain { domain: found.name, alive, dead, error: found.domain.err() }
    });
    let mut processes = Processes::default();
    let snapshot = Snapshot {
        schema_version: SCHEMA_VERSION,
        kind: "snapshot",
        at: moment(SystemTime::now()),
        interval_seconds: asked.looks.interval.as_secs_f64(),
        channels: rows.sorted(Sort::Name).into_iter().map(|row| channel(row, &mut processes)).collect(),
        domains: domains.collect(),
    };
    Ok(written(&snapshot))
}

/// Why there is nothing to show.
pub(super) fn failed(error: &str) -> String {
    written(&Failed { schema_version: SCHEMA_VERSION, kind: "failed", error })
}

fn written(value: &impl Serialize) -> String {
    match serde_json::to_string(value) {
        Ok(text) => ascii_json(&text),
        Err(error) => unreachable!("numbers, texts, lists and structures of them can be written: {error}"),
    }
}

fn channel(row: &Row, processes: &mut Processes) -> Channel {
    let rates = row.passed.as_ref().map(|(rates, _)| rates);
    let ends = row.ends().into_iter().map(|(end, behind)| End {
        role: role(end.role),
        pid: end.pid,
        // The number of a dead one may be another's by now.
        name: Some(end.pid).filter(|_| end.is_alive).and_then(|pid| processes.name(pid)),
        alive: end.is_alive,
        halted: Some(end.pid).filter(|_| end.is_alive).and_then(|pid| processes.halt(pid)),
        behind,
    });
    // By name, once each.
    let counters: BTreeMap<_, _> = counters(&row.sample).into_iter().collect();
    Channel {
        domain: row.domain.clone(),
        channel: row.name.clone(),
        kind: row.shape.kind_name(),
        holds: size(&row.shape),
        bytes: row.shape.bytes,
        capacity: row.shape.capacity,
        persistent: row.shape.is_persistent,
        created_at: moment(row.shape.created),
        pushed_per_second: rates.and_then(|rates| rates.pushed),
        popped_per_second: rates.and_then(|rates| rates.popped),
        bytes_pushed_per_second: rates.and_then(|rates| rates.bytes_pushed),
        bytes_popped_per_second: rates.and_then(|rates| rates.bytes_popped),
        waiting: row.sample.waiting,
        fill: row.fill(),
        missed: row.missed(),
        lag: row.lag(),
        lately: row.history.iter().copied().collect(),
        ends: ends.collect(),
        counters: counters
            .into_iter()
            .map(|(counter, value)| Counter { counter, value, means: meaning(counter) })
            .collect(),
    }
}
