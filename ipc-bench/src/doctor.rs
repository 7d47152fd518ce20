//! What on this machine makes numbers less trustworthy, and what helps.

use crate::environment::Environment;
use crate::topology::Placement;

/// The reasons for distrust, each with a remedy.
pub(crate) fn warnings(environment: &Environment) -> Vec<String> {
    let checks = [
        placement(environment),
        load(environment),
        governor(environment),
        clock(environment),
        debug_build(),
    ];
    checks.into_iter().flatten().collect()
}

fn placement(environment: &Environment) -> Option<String> {
    match environment.placement {
        Some(Placement::SameCpu) => Some(
            "both processes share one processor: spinning rows show the scheduler's time slice; give two processors"
                .into(),
        ),
        Some(Placement::Smt) => Some(
            "both processes share one core (hyper-thread siblings): messages never cross cores; use --pin same-llc"
                .into(),
        ),
        Some(Placement::Unpinned) => {
            Some("not pinned: the scheduler may move the processes; leave out --pin none".into())
        }
        _ => None,
    }
}

fn load(environment: &Environment) -> Option<String> {
    let load: f64 = environment.load.split_whitespace().next()?.parse().ok()?;
    (load > 0.5).then(|| format!("the load average is {load}: other programs are running; stop them or wait"))
}

fn governor(environment: &Environment) -> Option<String> {
    let governor = &environment.governor;
    (!governor.is_empty() && governor != "performance").then(|| {
        format!("the frequency governor is {governor}; `cpupower frequency-set -g performance` keeps the frequency up")
    })
}

fn clock(environment: &Environment) -> Option<String> {
    (environment.clock_cost_ns > 60.0).then(|| {
        format!(
            "reading the clock costs {} ns (kernel clock source: {}); short times include it",
            environment.clock_cost_ns, environment.clock_source
        )
    })
}

fn debug_build() -> Option<String> {
    cfg!(debug_assertions).then(|| "this is a debug build; use cargo run --release".into())
}
