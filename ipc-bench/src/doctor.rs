//! What on this machine makes numbers less reliable, and the remedies.

use ipc_cli_support::room::{self, Room};

use crate::environment::Environment;
use crate::result::Row;
use crate::topology::Placement;
use crate::units::time;
use crate::workload::Workload;

/// The warnings, each with a remedy.
pub(crate) fn warnings(environment: &Environment) -> Vec<String> {
    let checks = [
        placement(environment),
        load(environment),
        real_time(environment),
        governor(environment),
        clock(environment),
        semaphores(environment),
        debug_build(),
    ];
    checks.into_iter().flatten().collect()
}

/// Those of the warnings that make the figures of spinning rows meaningless: an end that spins needs a
/// processor to itself.
pub(crate) fn contention(environment: &Environment) -> impl Iterator<Item = String> {
    [placement(environment), load(environment), real_time(environment)].into_iter().flatten()
}

/// The objections to the run that follow from the rows themselves.
pub(crate) fn disturbances(rows: &[Row], measured_ns: u64) -> Vec<String> {
    switches(rows, measured_ns).into_iter().chain(moving_floor(rows)).collect()
}

fn switches(rows: &[Row], measured_ns: u64) -> Option<String> {
    // A pair on one processor alternates, and so do many ends; there it does not indicate other load. Deaths
    // have no duration.
    let pairs = [Workload::Pingpong, Workload::Stream, Workload::Load, Workload::Wake];
    let alone = |row: &&Row| row.placement != Placement::SameCpu && pairs.contains(&row.workload);
    let rows = || rows.iter().filter(alone);
    let seconds: f64 = rows().map(|row| f64::from(row.repetitions) * measured_ns as f64 / 1e9).sum();
    let switches: u64 = rows().filter_map(|row| row.involuntary_switches).sum();
    let per_second = switches as f64 / seconds.max(1e-9);
    (per_second > 25.0).then(|| {
        format!(
            "other programs took the processors away {per_second:.0} times a second while measuring: \
             rates and high percentiles are worse than this machine's"
        )
    })
}

/// The hand-off of the machine is a property of two cores. When it changed from round to round, the cores
/// did.
fn moving_floor(rows: &[Row]) -> Option<String> {
    let floors = rows.iter().filter(|row| row.mechanism == "cache-line");
    let moved = floors.filter_map(|row| row.one_way_p50_ns).find(|p50| p50.max > 1.5 * p50.min)?;
    Some(format!(
        "the floor cache-line itself moved between {} and {} from round to round: the processors were shared, slowed, or \
         moved by a hypervisor; look at the rounds of a row in the JSON before comparing rows",
        time(moved.min),
        time(moved.max)
    ))
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

fn real_time(environment: &Environment) -> Option<String> {
    (!environment.real_time.is_empty()).then(|| {
        let names = environment.real_time.join(", ");
        format!("programs with real-time priority keep a processor to themselves: {names}")
    })
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

fn semaphores(environment: &Environment) -> Option<String> {
    let allowed: u32 = environment.ipc_limits.get("sem")?.split_whitespace().next()?.parse().ok()?;
    let (least, full) = (room::LEAST, room::FULL);
    (allowed < full).then(|| {
        let means = match room::of(allowed) {
            None => format!("the rings need one of {least} at least: their rows will be missing"),
            Some(Room { processes, ends }) => {
                format!("a domain of rings has room for {processes} processes and {ends} ends: large rows may be missing")
            }
        };
        format!(
            "a set may have {allowed} semaphores only: {means}; `sysctl kernel.sem` shows the limits, its first number is \
             this one, and {full} make full domains"
        )
    })
}

fn debug_build() -> Option<String> {
    cfg!(debug_assertions).then(|| "this is a debug build; use cargo run --release".into())
}

/// What a reader should know, but need not fix.
pub(crate) fn remarks(environment: &Environment) -> Vec<String> {
    let mut remarks = Vec::new();
    if environment.virtualisation != "none seen" {
        remarks.push(
            "this is a virtual machine: waking a sleeping process costs more than on the bare machine, the topology \
             may be made up, and other guests may disturb"
                .into(),
        );
    }
    if environment.isolated_cpus.is_empty() {
        remarks.push(
            "no processor is isolated (isolcpus, nohz_full): timer interrupts appear in the highest percentiles".into(),
        );
    }
    if environment.clock_step_ns > 1.0 {
        remarks.push(format!(
            "the clock moves in steps of {} ns: half of that is the resolution of a one-way time",
            environment.clock_step_ns
        ));
    }
    let default_queue = environment.ipc_limits.get("msgmnb").map_or("16384", String::as_str);
    remarks.push(format!(
        "message queues hold {default_queue} bytes by default (kernel.msgmnb); as root this program asks for 1 MiB, \
         and each row tells what it had"
    ));
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::result::Spread;
    use crate::wait::Wait;

    #[test]
    fn hyper_thread_siblings_are_warned_of() {
        let environment = Environment { placement: Some(Placement::Smt), ..Environment::default() };
        assert!(warnings(&environment).iter().any(|warning| warning.contains("siblings")));
    }

    #[test]
    fn too_few_semaphores_are_warned_of() {
        let with = |limits: &str| Environment {
            ipc_limits: [("sem".to_owned(), limits.to_owned())].into(),
            ..Environment::default()
        };
        let told = |limits| warnings(&with(limits)).iter().any(|warning| warning.contains("semaphores"));
        assert!(told("250\t32000\t32\t128") && !told("32000\t1024000000\t500\t32000"));
        let small = warnings(&with("250\t32000\t100\t128")).join("\n");
        assert!(small.contains("49 processes and 180 ends"), "{small}");
        assert!(warnings(&with("20\t32000\t100\t128")).join("\n").contains("rows will be missing"));
    }

    #[test]
    fn a_floor_that_moves_is_warned_of() {
        let mut row = sample::pingpong("cache-line", Wait::Spin, 60.0);
        row.one_way_p50_ns = Spread::of([60.0, 61.0, 240.0]);
        assert!(disturbances(&[row.clone()], 1).iter().any(|warning| warning.contains("240 ns")));
        row.one_way_p50_ns = Spread::of([60.0, 61.0, 65.0]);
        assert!(!disturbances(&[row], 1).iter().any(|warning| warning.contains("cache-line")));
    }

    #[test]
    fn others_at_work_are_warned_of_but_not_the_many_of_a_row() {
        let mut row = sample::row();
        row.involuntary_switches = Some(1000);
        let warned = |row: &Row| {
            let second = 1_000_000_000 / u64::from(row.repetitions);
            disturbances(std::slice::from_ref(row), second)
                .iter()
                .any(|warning| warning.contains("other programs"))
        };
        assert!(warned(&row));
        for workload in [Workload::Fan, Workload::Publish, Workload::DeathRepaired] {
            row.workload = workload;
            assert!(!warned(&row), "{workload:?}");
        }
    }

    #[test]
    fn a_slow_clock_and_a_busy_machine_are_warned_of() {
        let environment =
            Environment { clock_cost_ns: 700.0, load: "3.5 1 1 2/99 1".into(), ..Environment::default() };
        let warnings = warnings(&environment).join("\n");
        assert!(warnings.contains("700 ns") && warnings.contains("3.5"), "{warnings}");
    }
}
