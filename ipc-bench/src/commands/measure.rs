//! `pingpong`, `stream` and the like: one workload, the mechanisms and sizes asked for.

use std::process::ExitCode;

use super::session::Session;
use super::{USAGE, fail};
use crate::cli::Measurement;
use crate::measure::{Cell, Ends, PAIR};
use crate::mechanism::{self, Kind, Mechanism};
use crate::process::Faults;
use crate::report::{summary, table};
use crate::wait::Wait;
use crate::workload::Workload;

/// Measures `workload` as asked.
pub(crate) fn run(workload: Workload, asked: &Measurement) -> ExitCode {
    run_at(workload, asked, &[None], &[PAIR], false)
}

/// Measures `workload` as requested, at each of the rates, or up to the first rate that is too high.
pub(crate) fn run_at(
    workload: Workload,
    asked: &Measurement,
    rates: &[Option<f64>],
    ends: &[Ends],
    stop_at_knee: bool,
) -> ExitCode {
    match cells(workload, asked, rates, ends) {
        Ok(cells) => run_cells(&cells, asked, stop_at_knee),
        Err(reason) => fail(USAGE, &reason),
    }
}

/// Measures these rows.
pub(super) fn run_cells(cells: &[Cell], asked: &Measurement, stop_at_knee: bool) -> ExitCode {
    let mut session = match Session::open(&asked.run, &asked.output) {
        Ok(session) => session,
        Err(code) => return code,
    };
    session.settings.slots = asked.capacity;
    session.settings.stop_at_knee = stop_at_knee;
    session.settings.faults = Faults {
        delay_ns: asked.faults.null_delay_ns,
        lose_every: asked.faults.null_lose_every,
        repeat_every: asked.faults.null_repeat_every,
        swap_every: asked.faults.null_swap_every,
        damage_every: asked.faults.null_damage_every,
    };
    session.run(cells, |results| {
        table::print(results);
        summary::print(results);
    })
}

/// The rows of a workload, for each size, mechanism, way to wait, rate and number of ends that is asked for.
///
/// # Errors
/// A mechanism that is asked for does not exist.
pub(super) fn cells(
    workload: Workload,
    asked: &Measurement,
    rates: &[Option<f64>],
    ends: &[Ends],
) -> Result<Vec<Cell>, String> {
    let mechanisms = chosen(&asked.mechanisms, workload)?;
    let mut cells = Vec::new();
    for size in &asked.sizes {
        for mechanism in &mechanisms {
            for wait in waits(*mechanism, workload, &asked.wait) {
                for rate in rates {
                    let cell = |ends: &Ends| Cell {
                        mechanism: *mechanism,
                        wait,
                        workload,
                        size: *size,
                        rate: *rate,
                        ends: *ends,
                    };
                    cells.extend(ends.iter().map(cell));
                }
            }
        }
    }
    Ok(cells)
}

/// The mechanisms asked for by name; without names all that can do the workload and are no checks.
pub(super) fn chosen(names: &[String], workload: Workload) -> Result<Vec<&'static dyn Mechanism>, String> {
    if names.is_empty() {
        let all = mechanism::ALL.iter().copied();
        return Ok(all
            .filter(|mechanism| mechanism.kind() != Kind::Check && mechanism.workloads().contains(&workload))
            .collect());
    }
    let known = || mechanism::ALL.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        mechanism::find(name).ok_or_else(|| format!("no mechanism is called {name}; there are: {}", known()))
    };
    names.iter().map(find).collect()
}

/// The ways of waiting to measure: the requested ones that the mechanism has. If it has none, the first
/// requested one, so that the row explains the absence.
pub(super) fn waits(mechanism: &dyn Mechanism, workload: Workload, asked: &[Wait]) -> Vec<Wait> {
    if asked.is_empty() {
        return mechanism.default_waits(workload).to_vec();
    }
    let had: Vec<_> = asked.iter().copied().filter(|wait| mechanism.waits().contains(wait)).collect();
    if had.is_empty() { asked[..1].to_vec() } else { had }
}
