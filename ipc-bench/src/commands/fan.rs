//! `fan`: several producers and consumers.

use std::process::ExitCode;

use super::measure;
use crate::cli;
use crate::workload::Workload;

/// Measures with the requested number of ends.
pub(crate) fn run(asked: &cli::Fan) -> ExitCode {
    let one = asked.producers.zip(asked.consumers);
    let crowds = one.map_or_else(|| asked.ends.clone(), |crowd| vec![crowd]);
    measure::run_at(Workload::Fan, &asked.measurement, &[None], &crowds, false)
}
