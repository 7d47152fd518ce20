//! What every measuring command shares: settings before, results after.

use std::process::ExitCode;

use super::{RUN_TIME_ERROR, STRICT_WARNING, UNAVAILABLE, USAGE, fail, interrupted};
use crate::against;
use crate::cli::{Forms, Output, RunOptions};
use crate::clock::Clock;
use crate::doctor;
use crate::environment::Environment;
use crate::measure::{self, Cell, Settings};
use crate::process::{Failure, Faults};
use crate::progress::Progress;
use crate::report;
use crate::result::{Measured, Results, SCHEMA_VERSION};
use crate::topology;

/// A measuring command under way.
pub(super) struct Session<'a> {
    options: &'a RunOptions,
    output: &'a Output,
    pub(super) settings: Settings,
    environment: Environment,
}

impl<'a> Session<'a> {
    /// Finds the processors and the clock, and examines the machine.
    ///
    /// # Errors
    /// The exit code when the requested processors are unavailable.
    pub(super) fn open(options: &'a RunOptions, output: &'a Output) -> Result<Session<'a>, ExitCode> {
        let seats = topology::choose(options.pin).map_err(|reason| fail(USAGE, &reason))?;
        let clock = Clock::detect();
        let mut environment = Environment::observe(clock, seats);
        environment.warnings = doctor::warnings(&environment);
        let settings = Settings {
            clock,
            seats,
            repetitions: options.reps,
            warm_up_ns: options.warm_up * 1_000_000,
            measure_ns: options.duration * 1_000_000,
            messages: options.messages,
            slots: None,
            faults: Faults::default(),
            stop_at_knee: false,
            count_calls: !options.no_syscalls,
        };
        Ok(Session { options, output, settings, environment })
    }

    /// Measures the cells, writes the results, prints them with `print` when stdout is free for them.
    pub(super) fn run(self, cells: &[Cell], print: impl FnOnce(&Results)) -> ExitCode {
        if let Some(reference) = self.reference()
            && cells.iter().all(|cell| cell.mechanism.name() != reference)
        {
            return fail(USAGE, &format!("--against {reference}: it is not among what is to be measured"));
        }
        match self.measure(cells) {
            Ok(measured) => self.finish(&measured, print),
            Err(code) => code,
        }
    }

    /// Measures the cells.
    ///
    /// # Errors
    /// The exit code when the user interrupted.
    pub(super) fn measure(&self, cells: &[Cell]) -> Result<Vec<Measured>, ExitCode> {
        let rounds = self.settings.repetitions + u32::from(self.settings.count_calls);
        let steps = cells.len() as u64 * u64::from(rounds);
        let progress = Progress::new(steps, self.output.quiet);
        measure::run(cells, &self.settings, &progress).map_err(|failure| match failure {
            Failure::Interrupted => interrupted(),
            failure => fail(RUN_TIME_ERROR, &failure.to_string()),
        })
    }

    /// Writes what has been measured so far into the JSON file, if there is one.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub(super) fn keep(&self, measured: &[Measured]) -> Result<(), String> {
        let json = self.output.forms.json.clone().filter(|path| path.as_os_str() != "-");
        let forms = Forms { json, csv: None, md: None, html: None };
        report::write_forms(&self.results(measured), &forms).map(drop)
    }

    /// The mechanism that the others are compared with.
    fn reference(&self) -> Option<&str> {
        self.output.reference.against.as_deref()
    }

    fn results(&self, measured: &[Measured]) -> Results {
        let rows: Vec<_> = measured.iter().map(|measured| measured.row.clone()).collect();
        let mut environment = self.environment.clone();
        let seen = doctor::disturbances(&rows, self.settings.measure_ns);
        environment.disturbances = doctor::contention(&environment).chain(seen.iter().cloned()).collect();
        environment.warnings.extend(seen);
        Results { schema_version: SCHEMA_VERSION, environment, command: command_line(), rows }
    }

    /// Writes the results, prints them with `print` when stdout is free for them, and gives the exit code.
    pub(super) fn finish(self, measured: &[Measured], print: impl FnOnce(&Results)) -> ExitCode {
        if let Some(folder) = &self.output.hdr
            && let Err(reason) = report::hgrm::write(folder, measured, self.settings.clock)
        {
            return fail(RUN_TIME_ERROR, &reason);
        }
        let mut results = self.results(measured);
        let related =
            self.reference().map_or(Ok(()), |reference| against::relate(&mut results.rows, reference));
        match report::write_forms(&results, &self.output.forms) {
            Ok(report::Stdout::Free) => print(&results),
            Ok(report::Stdout::Taken) => {}
            Err(reason) => return fail(RUN_TIME_ERROR, &reason),
        }
        for warning in &results.environment.warnings {
            eprintln!("warning: {warning}");
        }
        if let Err(reason) = related {
            return fail(RUN_TIME_ERROR, &reason);
        }
        let code = exit_code(&results);
        if code == 0 && self.options.strict && !results.environment.warnings.is_empty() {
            return ExitCode::from(STRICT_WARNING);
        }
        ExitCode::from(code)
    }
}

/// 0 when every mechanism that is here was measured; 5 when all rows are of one mechanism that is not here.
fn exit_code(results: &Results) -> u8 {
    let failed = results.rows.iter().any(|row| {
        let lossy = row.may_lose && row.error.as_deref().is_some_and(|error| error.starts_with("void"));
        row.error.is_some() && !row.unavailable && !lossy
    });
    let one_mechanism = results.rows.windows(2).all(|rows| rows[0].mechanism == rows[1].mechanism);
    let nothing = results.rows.iter().all(|row| row.unavailable);
    match (failed, nothing, one_mechanism) {
        (true, ..) => RUN_TIME_ERROR,
        (false, true, true) => UNAVAILABLE,
        (false, true, false) => RUN_TIME_ERROR,
        (false, false, _) => 0,
    }
}

fn command_line() -> String {
    let words = std::env::args().skip(1).map(|word| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=,./:+%".contains(c);
        if word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
    });
    std::iter::once("ipc-bench".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
