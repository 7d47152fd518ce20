//! `load` and `wake`: sends at intended times.

use std::process::ExitCode;

use super::measure;
use crate::cli;
use crate::measure::PAIR;
use crate::workload::Workload;

/// Rates of a scan, messages a second: three to a factor of ten.
const SCAN: &[f64] = &[1e3, 2e3, 5e3, 10e3, 20e3, 50e3, 100e3, 200e3, 500e3, 1e6, 2e6, 5e6, 10e6];

/// Measures at the requested rates, or at those of the scan.
pub(crate) fn load(asked: &cli::Load) -> ExitCode {
    let rates = if asked.rate.is_empty() { SCAN } else { &asked.rate };
    let rates: Vec<_> = rates.iter().copied().map(Some).collect();
    measure::run_at(Workload::Load, &asked.measurement, &rates, &[PAIR], asked.rate.is_empty())
}

/// Measures with the requested gaps.
pub(crate) fn wake(asked: &cli::Wake) -> ExitCode {
    let rates: Vec<_> = asked.gap.iter().map(|gap| Some(1.0 / gap)).collect();
    measure::run_at(Workload::Wake, &asked.measurement, &rates, &[PAIR], false)
}
