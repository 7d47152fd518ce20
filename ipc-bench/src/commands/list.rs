//! `list`: which mechanisms there are, and why one is not.

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};

use crate::clock::{Clock, Source};
use crate::mechanism;
use crate::output::say;
use crate::process::{Failure, Faults, Plan};

/// Prints the mechanisms; each is tried by making what one round needs and removing it again.
pub(crate) fn run() -> ExitCode {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["mechanism", "kind", "here", "waits", "workloads", "what"]);
    for mechanism in mechanism::ALL {
        let waits: Vec<_> = mechanism.waits().iter().map(|wait| wait.name()).collect();
        let workloads: Vec<_> = mechanism.workloads().iter().map(|workload| workload.name()).collect();
        let plan = Plan {
            mechanism: mechanism.name().into(),
            wait: mechanism.waits()[0],
            workload: mechanism.workloads()[0],
            size: 64,
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
        let here = match mechanism.prepare(&plan) {
            Ok(_) => "yes".to_owned(),
            Err(Failure::Unavailable(reason)) => format!("no: {reason}"),
            Err(failure) => format!("no: {failure}"),
        };
        table.add_row([
            mechanism.name().to_owned(),
            mechanism.kind().to_string(),
            here,
            waits.join(" "),
            workloads.join(" "),
            mechanism.about().to_owned(),
        ]);
    }
    say!("{table}");
    ExitCode::SUCCESS
}
