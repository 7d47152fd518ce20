//! `fan`: several producers and consumers.

use std::process::ExitCode;

use super::measure;
use crate::cli;
use crate::workload::Workload;

/// Measures with the requested number of ends.
pub(crate) fn run(asked: &cli::Fan) -> ExitCode {
    let one = asked.producers.zip(asked.consumers);
    let ends = one.map_or_else(|| asked.ends.clone(), |one| vec![one]);
    measure::run_at(Workload::Fan, &asked.measurement, &[None], &ends, false)
}
