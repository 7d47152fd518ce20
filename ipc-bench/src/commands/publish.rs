//! `publish`: one publisher and many subscribers.

use std::process::ExitCode;

use super::measure;
use crate::cli;
use crate::workload::Workload;

/// Measures with as many subscribers as asked for.
pub(crate) fn run(asked: &cli::Publish) -> ExitCode {
    let crowds: Vec<_> = asked.readers.iter().map(|readers| (1, *readers)).collect();
    measure::run_at(Workload::Publish, &asked.measurement, &[None], &crowds, false)
}
