//! `list`: which mechanisms there are, and why one is not.

use std::process::ExitCode;

use serde::Serialize;

use super::{RUN_TIME_ERROR, fail};
use crate::clock::{Clock, Source};
use crate::mechanism::{self, Mechanism};
use crate::process::{Failure, Faults, Plan};
use ipc_cli_support::output::{self, say};

/// One mechanism.
#[derive(Debug, Serialize)]
struct Entry {
    mechanism: &'static str,
    kind: String,
    /// Why it cannot be used here; null if it can.
    missing: Option<String>,
    waits: Vec<&'static str>,
    workloads: Vec<&'static str>,
    about: &'static str,
}

/// Prints the mechanisms; each is tried by making what one round needs and removing it again.
pub(crate) fn run(json: bool) -> ExitCode {
    let entries: Vec<_> = mechanism::ALL.iter().map(|mechanism| entry(*mechanism)).collect();
    if json {
        return match serde_json::to_string_pretty(&entries) {
            Ok(text) => {
                say!("{text}");
                ExitCode::SUCCESS
            }
            Err(error) => fail(RUN_TIME_ERROR, &format!("JSON: {error}")),
        };
    }
    let mut table = output::table();
    table.set_header(["mechanism", "kind", "here", "waits", "workloads", "what"]);
    for entry in entries {
        table.add_row([
            entry.mechanism.to_owned(),
            entry.kind,
            entry.missing.map_or_else(|| "yes".into(), |reason| format!("no: {reason}")),
            entry.waits.join(" "),
            entry.workloads.join(" "),
            entry.about.to_owned(),
        ]);
    }
    say!("{table}");
    ExitCode::SUCCESS
}

fn entry(mechanism: &'static dyn Mechanism) -> Entry {
    let plan = Plan {
        mechanism: mechanism.name().into(),
        wait: mechanism.waits()[0],
        workload: mechanism.workloads()[0],
        // The smallest: everything with an upper bound is listed for that. `kind` and `what` tell of bounds.
        size: 8,
        slots: 64,
        warm_up_ns: 0,
        measure_ns: 0,
        messages: None,
        interval_ns: 0.0,
        clock: Clock { source: Source::MonotonicRaw, ns_per_tick: 1.0 },
        faults: Faults::default(),
        producers: 1,
        consumers: 1,
        count_calls: false,
    };
    Entry {
        mechanism: mechanism.name(),
        kind: mechanism.kind().to_string(),
        missing: match mechanism.prepare(&plan) {
            Ok(_) => None,
            Err(Failure::Unavailable(reason)) => Some(reason),
            Err(failure) => Some(failure.to_string()),
        },
        waits: mechanism.waits().iter().map(|wait| wait.name()).collect(),
        workloads: mechanism.workloads().iter().map(|workload| workload.name()).collect(),
        about: mechanism.about(),
    }
}
