//! Deaths: a process is killed with SIGKILL, and the time is measured until the survivors know, or continue.
//!
//! The parent is the survivor, on the consumer's processor; each victim is a process of its own on the
//! producer's. Before it is killed it has exchanged messages with the survivor, as partners do. The time runs
//! from just before the call that kills.

mod rings;
mod scenes;
mod victim;

use std::sync::mpsc;
use std::time::Duration;

pub(crate) use victim::run as run_victim;

use crate::clock::Clock;
use crate::histogram::Histogram;
use crate::measure::{Cell, Settings, empty_row, void_if_late};
use crate::process::Failure;
use crate::result::{Measured, RoundFigures, Spread};
use crate::wait::Wait;
use crate::workload::Workload;
use ipc_cli_support::interrupt;
use victim::Victim;

/// What is measured with which ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// The producer dies while the consumer sleeps in a pop.
    Told(Ring),
    /// A consumer dies while it holds a message and others are busy.
    Repaired,
    /// The consumer dies while the producer sleeps in a push.
    Replaced(Ring),
}

/// The kinds of channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    Pipe,
    Spsc,
    Bytes,
    Mpmc,
}

impl Scene {
    /// The scene of a workload with a mechanism, if there is one.
    pub(crate) fn of(workload: Workload, mechanism: &str) -> Option<Scene> {
        let ring = match mechanism {
            "pipe" => Ring::Pipe,
            "spsc" => Ring::Spsc,
            "bytes" => Ring::Bytes,
            "mpmc" => Ring::Mpmc,
            _ => return None,
        };
        match (workload, ring) {
            (Workload::DeathTold, ring) => Some(Scene::Told(ring)),
            (Workload::DeathRepaired, Ring::Mpmc) => Some(Scene::Repaired),
            // Writing to a pipe without a reader is an error, which ends the loop.
            (Workload::DeathReplaced, ring) if ring != Ring::Pipe => Some(Scene::Replaced(ring)),
            _ => None,
        }
    }

    /// How the survivors wait.
    pub(crate) fn wait(self) -> Wait {
        if self == Scene::Repaired { Wait::Spin } else { Wait::Sleep }
    }
}

/// The time that survivors have to fall asleep before the victim is killed.
const NAP: Duration = Duration::from_millis(4);

/// Kills this number of victims.
///
/// # Errors
/// The user interrupted. Other failures are reported in the row.
pub(crate) fn measure(
    scene: Scene,
    cell: &Cell,
    deaths: u32,
    settings: &Settings,
) -> Result<Measured, Failure> {
    let mut row = empty_row(cell, settings);
    let mut histogram = Histogram::new();
    // Survivors are threads of this process.
    let late_sleeps = || ipc_ring::wait::late::count() + victim::late_sleeps();
    let before = late_sleeps();
    for number in 0..deaths {
        if interrupt::came() {
            return Err(Failure::Interrupted);
        }
        match scenes::play(scene, number, settings) {
            Ok(ticks) => histogram.record(ticks),
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(failure) => {
                row.error = Some(format!("death {number}: {failure}"));
                return Ok(Measured { row, histogram: Histogram::new() });
            }
        }
    }
    row.repetitions = 1;
    row.count = histogram.count();
    row.one_way_ns = histogram.percentiles(settings.clock, 1.0);
    row.one_way_p50_ns = Spread::of(row.one_way_ns.map(|figures| figures.p50));
    row.curve =
        histogram.curve(settings.clock, 1.0).into_iter().map(|(quantile, ns, _)| (quantile, ns)).collect();
    row.rounds =
        vec![RoundFigures { count: row.count, one_way_ns: row.one_way_ns, messages_per_second: None }];
    row.syscalls_uncounted = Some("a death is no message".into());
    row.late_sleeps = late_sleeps() - before;
    void_if_late(&mut row);
    Ok(Measured { row, histogram })
}

/// Kills a victim shortly, and meanwhile runs `wait`, which ends by the death; returns the ticks between the
/// two.
fn time<R>(
    clock: Clock,
    victim: Victim,
    wait: impl FnOnce() -> Result<R, Failure>,
) -> Result<(u64, R), Failure> {
    let (tell, told) = mpsc::channel();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(NAP);
        let at = clock.now();
        victim.kill();
        // There is no listener when the wait failed.
        let _ = tell.send(at);
    });
    let waited = wait();
    let now = clock.now();
    let killed = killer.join();
    let result = waited?;
    match (killed, told.try_recv()) {
        (Ok(()), Ok(at)) if at <= now => Ok((now - at, result)),
        _ => Err(Failure::Failed("the wait ended before the death".into())),
    }
}
