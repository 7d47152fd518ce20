//! `doctor`: whether this machine gives reliable numbers, and keeps objects that programs mean to keep.

use std::path::Path;
use std::process::ExitCode;

use super::{STRICT_WARNING, USAGE, fail};
use crate::cli;
use crate::clock::Clock;
use crate::doctor;
use crate::environment::Environment;
use crate::topology;
use ipc_cli_support::output::say;
use ipc_cli_support::removal;

/// Prints what was checked and the objections.
pub(crate) fn run(asked: &cli::Doctor) -> ExitCode {
    let seats = match topology::choose(asked.pin) {
        Ok(seats) => seats,
        Err(reason) => return fail(USAGE, &reason),
    };
    let environment = Environment::observe(Clock::detect(), seats);
    for (what, value) in facts(&environment) {
        say!("{what:<22} {}", if value.is_empty() { "not known" } else { &value });
    }
    say!();
    let warnings = doctor::warnings(&environment);
    let remarks = doctor::remarks(&environment);
    for warning in &warnings {
        say!("warning: {warning}");
    }
    for threat in removal::threats(Path::new("/")) {
        say!("warning, for persistent channels: {threat}");
    }
    for remark in &remarks {
        say!("note: {remark}");
    }
    match (warnings.is_empty(), asked.strict) {
        (true, _) => say!("Nothing here makes the numbers dishonest."),
        (false, true) => return ExitCode::from(STRICT_WARNING),
        (false, false) => {}
    }
    ExitCode::SUCCESS
}

fn facts(environment: &Environment) -> Vec<(&'static str, String)> {
    let placement = environment.placement.map(|placement| placement.to_string()).unwrap_or_default();
    vec![
        ("processor", environment.cpu_model.clone()),
        ("processors to use", environment.topology.join("; ")),
        ("placement", placement),
        ("clock", environment.clock.clone()),
        (
            "reading it",
            format!("{} ns, in steps of {} ns", environment.clock_cost_ns, environment.clock_step_ns),
        ),
        ("kernel clock source", environment.clock_source.clone()),
        ("governor", environment.governor.clone()),
        ("hyper-threads", environment.smt.clone()),
        ("isolated processors", environment.isolated_cpus.clone()),
        ("kernel", environment.kernel.clone()),
        ("virtualisation", environment.virtualisation.clone()),
        ("container", environment.container.clone()),
        ("load", environment.load.clone()),
        ("huge pages", environment.transparent_huge_pages.clone()),
    ]
}
