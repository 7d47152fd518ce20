//! Without a command: the short matrix, then what it means in plain sentences.

use std::process::ExitCode;

use super::session::Session;
use crate::cli::{Output, RunOptions};
use crate::measure::{Cell, PAIR};
use crate::mechanism;
use crate::report::{summary, table};
use crate::workload::Workload;

/// The mechanisms of the short matrix, where they are built in, each in all its usual ways of waiting.
const MECHANISMS: &[&str] = &["cache-line", "flag-ring", "spsc", "sysv-msg", "pipe", "unix-stream"];
/// Further rings of ours: in their first way of waiting only, so that the matrix takes about a minute.
const FURTHER: &[&str] = &["bytes", "mpmc", "broadcast", "broadcast-gated", "latest", "pool"];
/// A call and its floor, which carry a little less.
const CALLS: &[&str] = &["one-line", "call"];
/// The message size of the short matrix, in bytes.
const SIZE: usize = 64;
/// The most that a call carries.
const CALL_SIZE: usize = 56;

/// Measures the short matrix.
pub(crate) fn run(options: &RunOptions, output: &Output) -> ExitCode {
    let session = match Session::open(options, output) {
        Ok(session) => session,
        Err(code) => return code,
    };
    let mut cells = Vec::new();
    for workload in [Workload::Pingpong, Workload::Stream] {
        let all = MECHANISMS.iter().map(|name| (name, usize::MAX, SIZE));
        let all = all.chain(FURTHER.iter().map(|name| (name, 1, SIZE)));
        let all = all.chain(CALLS.iter().map(|name| (name, 1, CALL_SIZE)));
        for (name, ways, size) in all {
            let Some(mechanism) = mechanism::find(name) else { continue };
            // Mechanisms that may lose messages lose them in a stream; those that never do have a lossy
            // counterpart for round trips.
            let fits =
                if workload == Workload::Stream { !mechanism.may_lose() } else { *name != "broadcast-gated" };
            if fits && mechanism.workloads().contains(&workload) {
                let waits = mechanism.default_waits(workload).iter();
                cells.extend(waits.take(ways).map(|wait| Cell {
                    mechanism,
                    wait: *wait,
                    workload,
                    size,
                    rate: None,
                    ends: PAIR,
                }));
            }
        }
    }
    session.run(&cells, |results| {
        table::print(results);
        summary::print(results);
    })
}
