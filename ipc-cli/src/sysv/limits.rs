//! `limits`: what the kernel allows, and how much of it is used.

use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_core::Limit;
use ipc_core::limits::Settings;
use serde::Serialize;

use crate::exit::{DONE, Outcome};
use crate::json;

/// All that bound objects of the IPC namespace.
const LIMITS: [Limit; 10] = [
    Limit::Segments,
    Limit::SegmentBytes,
    Limit::SegmentPages,
    Limit::SemaphoreSets,
    Limit::SemaphoresPerSet,
    Limit::Semaphores,
    Limit::OperationsPerCall,
    Limit::Queues,
    Limit::QueueBytes,
    Limit::MessageBytes,
];

#[derive(Serialize)]
struct Line {
    limit: &'static str,
    bounds: &'static str,
    value: Option<u64>,
    used: Option<u64>,
    file: Option<&'static str>,
    to_raise: &'static str,
}

#[derive(Serialize)]
struct SettingsLine {
    /// `kernel.shm_rmid_forced`
    removes_segments_at_last_detach: Option<bool>,
}

pub(super) fn run(for_programs: bool) -> Outcome {
    let lines = LIMITS.map(|limit| Line {
        limit: limit.name(),
        bounds: limit.meaning(),
        value: limit.value(),
        used: limit.used(),
        file: limit.path(),
        to_raise: limit.how_to_raise(),
    });
    let forced = Settings::read().remove_unattached_segments;
    if for_programs {
        for line in &lines {
            json::line("limit", line);
        }
        json::line("settings", &SettingsLine { removes_segments_at_last_detach: forced });
        return Ok(DONE);
    }
    let mut table = output::bare_table(["LIMIT", "BOUNDS", "VALUE", "USED", "USED %", "FILE"]);
    let mut tight = Vec::new();
    for line in lines {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let share = match (line.used, line.value) {
            (Some(used), Some(value)) if value > 0 => Some(used as f64 * 100.0 / value as f64),
            _ => None,
        };
        let percent = match share {
            None => "-".to_owned(),
            Some(share) if share > 0.0 && share < 1.0 => "<1".to_owned(),
            Some(share) if share >= 80.0 => {
                tight.push(format!("{} is nearly used up; {}", line.limit, line.to_raise));
                Look::Bad.of(&format!("{share:.0}"))
            }
            Some(share) => format!("{share:.0}"),
        };
        let file = line.file.unwrap_or("-").to_owned();
        table.add_row([
            line.limit.to_owned(),
            line.bounds.to_owned(),
            number(line.value),
            number(line.used),
            percent,
            file,
        ]);
    }
    output::print_table(&table);
    for line in tight {
        say!("{}", paint(&Look::Bad.of(&line)));
    }
    if forced == Some(true) {
        let text = "kernel.shm_rmid_forced is 1: a segment goes with its last mapping, and one that was never attached with the thread that made it";
        say!("{}", paint(&Look::Doubtful.of(text)));
    }
    Ok(DONE)
}
