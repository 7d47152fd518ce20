//! `publish`: one publisher and many subscribers.

use std::process::ExitCode;

use super::{USAGE, fail, measure};
use crate::cli;
use crate::measure::Cell;
use crate::wait::Wait;
use crate::workload::Workload;

/// Measures with the requested numbers of subscribers: what it costs the publisher while they read now and
/// then, and the age of a message when sleeping subscribers receive it.
pub(crate) fn run(asked: &cli::Publish) -> ExitCode {
    let ends = |readers: &[u32]| readers.iter().map(|readers| (1, *readers)).collect::<Vec<_>>();
    let published = measure::cells(Workload::Publish, &asked.measurement, &[None], &ends(&asked.readers));
    let rates = [Some(asked.rate)];
    // Those of the requested ways to wait that sleep.
    let mut sleeping = asked.measurement.clone();
    sleeping.wait.retain(|wait| matches!(wait, Wait::Sleep | Wait::SpinSleep));
    let received = measure::cells(Workload::Receipt, &sleeping, &rates, &ends(&asked.sleepers));
    match published.and_then(|published| Ok((published, received?))) {
        Ok((mut cells, received)) => {
            let can = |cell: &Cell, workload| cell.mechanism.workloads().contains(&workload);
            // A mechanism with rows of one sort needs no explanation for the other.
            cells.retain(|cell| can(cell, Workload::Publish) || !can(cell, Workload::Receipt));
            cells.extend(received.into_iter().filter(|cell| can(cell, Workload::Receipt)));
            measure::run_cells(&cells, &asked.measurement, false)
        }
        Err(reason) => fail(USAGE, &reason),
    }
}
