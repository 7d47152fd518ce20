//! Without a command: the short matrix, then what it means in plain sentences.

use std::process::ExitCode;

use super::session::Session;
use crate::cli::{Output, RunOptions};
use crate::measure::{Cell, PAIR};
use crate::mechanism;
use crate::report::{summary, table};
use crate::workload::Workload;

/// The rows of the short matrix, where they are built in.
const MECHANISMS: &[&str] = &["cache-line", "flag-ring", "spsc", "sysv-msg", "pipe", "unix-stream"];
/// The message size of the short matrix, in bytes.
const SIZE: usize = 64;

/// Measures the short matrix.
pub(crate) fn run(options: &RunOptions, output: &Output) -> ExitCode {
    let session = match Session::open(options, output) {
        Ok(session) => session,
        Err(code) => return code,
    };
    let mut cells = Vec::new();
    for workload in [Workload::Pingpong, Workload::Stream] {
        for mechanism in MECHANISMS.iter().filter_map(|name| mechanism::find(name)) {
            if mechanism.workloads().contains(&workload) {
                let waits = mechanism.default_waits(workload).iter();
                cells.extend(waits.map(|wait| Cell {
                    mechanism,
                    wait: *wait,
                    workload,
                    size: SIZE,
                    rate: None,
                    crowd: PAIR,
                }));
            }
        }
    }
    session.run(&cells, |results| {
        table::print(results);
        summary::print(results);
    })
}
