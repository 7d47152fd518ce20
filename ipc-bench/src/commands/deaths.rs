//! `deaths`: the time until a death is known, and until the others continue.

use std::process::ExitCode;

use super::session::Session;
use super::{USAGE, fail, interrupted};
use crate::cli::{self, RunOptions};
use crate::deaths::{self, Scene};
use crate::measure::{Cell, PAIR};
use crate::mechanism;
use crate::process::{Failure, RegisteredDomain};
use crate::progress::Progress;
use crate::report::table;
use crate::workload::Workload;

/// The mechanisms with such scenes, in the order of the rows.
const MECHANISMS: [&str; 4] = ["pipe", "spsc", "bytes", "mpmc"];

/// Measures each scene with each mechanism.
pub(crate) fn run(asked: &cli::Deaths) -> ExitCode {
    if let Some(unknown) = asked.mechanisms.iter().find(|name| !MECHANISMS.contains(&name.as_str())) {
        return fail(USAGE, &format!("deaths are measured of {}, not {unknown}", MECHANISMS.join(", ")));
    }
    let options = RunOptions {
        reps: 1,
        duration: 0,
        warm_up: 0,
        messages: None,
        pin: asked.pin,
        no_syscalls: true,
        strict: asked.strict,
    };
    let session = match Session::open(&options, &asked.output) {
        Ok(session) => session,
        Err(code) => return code,
    };
    let _domain = match RegisteredDomain::join() {
        Ok(domain) => domain,
        Err(failure) => return fail(super::RUN_TIME_ERROR, &failure.to_string()),
    };
    let cells: Vec<(Scene, Cell)> = cells(&asked.mechanisms);
    let progress = Progress::new(cells.len() as u64, asked.output.quiet);
    let mut measured = Vec::new();
    for (scene, cell) in &cells {
        progress.next(&cell.label());
        match deaths::measure(*scene, cell, asked.deaths, &session.settings) {
            Ok(row) => measured.push(row),
            Err(Failure::Interrupted) => return interrupted(),
            Err(failure) => return fail(super::RUN_TIME_ERROR, &failure.to_string()),
        }
    }
    progress.finish();
    session.finish(&measured, table::print)
}

fn cells(asked: &[String]) -> Vec<(Scene, Cell)> {
    let mut cells = Vec::new();
    for workload in [Workload::DeathTold, Workload::DeathRepaired, Workload::DeathReplaced] {
        for name in MECHANISMS {
            let wanted = asked.is_empty() || asked.iter().any(|asked| asked == name);
            let scene = Scene::of(workload, name).filter(|_| wanted);
            let (Some(scene), Some(mechanism)) = (scene, mechanism::find(name)) else { continue };
            let wait = scene.wait();
            let cell = Cell { mechanism, wait, workload, size: 8, rate: None, ends: PAIR };
            cells.push((scene, cell));
        }
    }
    cells
}
