//! `matrix`: many rows from a file. Results are saved after each part, so that a run can be resumed.

use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;

use super::measure::{chosen, waits};
use super::session::Session;
use super::{USAGE, fail};
use crate::cli;
use crate::histogram::Histogram;
use crate::measure::{Cell, PAIR};
use crate::report::{summary, table};
use crate::result::{Measured, Results, Row};
use crate::wait::Wait;
use crate::workload::Workload;

/// The file: parts, each measured in interleaved rounds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    run: Vec<Part>,
}

/// One part: all combinations of what it lists.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    workload: Workload,
    /// All but checks when absent.
    #[serde(default)]
    mechanisms: Vec<String>,
    sizes: Vec<usize>,
    /// Each mechanism's own when absent.
    #[serde(default)]
    wait: Vec<Wait>,
    /// Messages a second, for `load`, `wake` and `receipt`.
    #[serde(default)]
    rates: Vec<f64>,
    /// Producers and consumers, such as `8x1`, for `fan`; `1x8` for `receipt`.
    #[serde(default)]
    ends: Vec<String>,
}

impl Part {
    fn cells(&self) -> Result<Vec<Cell>, String> {
        let open_loop = matches!(self.workload, Workload::Load | Workload::Wake | Workload::Receipt);
        if open_loop == self.rates.is_empty() {
            let name = self.workload.name();
            return Err(format!("{name}: rates are for load, wake and receipt, and needed there"));
        }
        if let Some(rate) = self.rates.iter().find(|rate| !(0.01..=1e9).contains(*rate)) {
            return Err(format!("a rate is between 0.01 and 1e9 a second, not {rate}"));
        }
        if matches!(self.workload, Workload::Fan | Workload::Receipt) == self.ends.is_empty() {
            return Err(format!("{}: ends are for fan and receipt, and needed there", self.workload.name()));
        }
        let mut numbers_of_ends: Vec<_> =
            self.ends.iter().map(|ends| cli::parse_ends(ends)).collect::<Result<_, _>>()?;
        if numbers_of_ends.is_empty() {
            numbers_of_ends.push(PAIR);
        }
        let rates: Vec<_> =
            if open_loop { self.rates.iter().copied().map(Some).collect() } else { vec![None] };
        let mut cells = Vec::new();
        for size in &self.sizes {
            for mechanism in chosen(&self.mechanisms, self.workload)? {
                for wait in waits(mechanism, self.workload, &self.wait) {
                    for ends in &numbers_of_ends {
                        let cell = |rate: &_| Cell {
                            mechanism,
                            wait,
                            workload: self.workload,
                            size: *size,
                            rate: *rate,
                            ends: *ends,
                        };
                        cells.extend(rates.iter().map(cell));
                    }
                }
            }
        }
        Ok(cells)
    }
}

/// Measures the parts of the file one after the other.
pub(crate) fn run(asked: &cli::Matrix) -> ExitCode {
    let parts = match read(&asked.suite) {
        Ok(parts) => parts,
        Err(reason) => return fail(USAGE, &format!("{}: {reason}", asked.suite.display())),
    };
    let mut done = match earlier(asked) {
        Ok(done) => done,
        Err(reason) => return fail(USAGE, &reason),
    };
    let session = match Session::open(&asked.run, &asked.output) {
        Ok(session) => session,
        Err(code) => return code,
    };
    for cells in parts {
        let missing: Vec<_> = cells
            .into_iter()
            .filter(|cell| !done.iter().any(|measured| is_row_of(&measured.row, cell)))
            .collect();
        if missing.is_empty() {
            continue;
        }
        match session.measure(&missing) {
            Ok(measured) => done.extend(measured),
            Err(code) => return code,
        }
        if let Err(reason) = session.keep(&done) {
            return fail(super::RUN_TIME_ERROR, &reason);
        }
    }
    session.finish(&done, |results| {
        table::print(results);
        summary::print(results);
    })
}

fn read(path: &Path) -> Result<Vec<Vec<Cell>>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let suite: Suite = toml::from_str(&text).map_err(|error| error.to_string())?;
    suite.run.iter().map(Part::cells).collect()
}

/// The rows of an earlier, unfinished run that need not be measured again: those with figures, and those that
/// this machine does not support.
fn earlier(asked: &cli::Matrix) -> Result<Vec<Measured>, String> {
    let Some(path) = asked.resume.then_some(asked.output.forms.json.as_deref()).flatten() else {
        return if asked.resume {
            Err("--resume needs --json FILE to go on from".into())
        } else {
            Ok(Vec::new())
        };
    };
    if !path.exists() {
        return Ok(Vec::new());
    }
    let rows = Results::read(path)?.rows.into_iter();
    let kept = rows.filter(|row| row.error.is_none() || row.unavailable);
    Ok(kept.map(|row| Measured { row, histogram: Histogram::new() }).collect())
}

fn is_row_of(row: &Row, cell: &Cell) -> bool {
    row.workload == cell.workload
        && row.mechanism == cell.mechanism.name()
        && row.wait == cell.wait
        && row.size_bytes == cell.size
        && row.target_rate == cell.rate
        && (row.producers.unwrap_or(1), row.consumers.unwrap_or(1)) == cell.ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<usize, String> {
        let suite: Suite = toml::from_str(text).map_err(|error| error.to_string())?;
        suite.run.iter().map(|part| part.cells().map(|cells| cells.len())).sum()
    }

    #[test]
    fn a_suite_lists_combinations() {
        let text = "[[run]]\nworkload = \"pingpong\"\nmechanisms = [\"pipe\", \"spsc\"]\nsizes = [8, 64]\n\
                    wait = [\"spin\", \"sleep\"]\n[[run]]\nworkload = \"load\"\nmechanisms = [\"pipe\"]\n\
                    sizes = [64]\nrates = [1000.0, 2000.0]\n";
        assert_eq!(parsed(text), Ok(2 * 2 * 2 + 2));
        let text = "[[run]]\nworkload = \"fan\"\nmechanisms = [\"sysv-msg\"]\nsizes = [8]\nends = [\"2x2\", \"8x1\"]\n";
        assert_eq!(parsed(text), Ok(2));
    }

    #[test]
    fn the_example_in_the_help_is_a_suite() {
        let (_, example) = cli::SUITE.split_once("Example:").expect("the help has an example");
        let (example, _) = example.split_once("What is done").expect("something follows the example");
        // flag-ring, spsc with its three ways of waiting, sysv-msg; two sizes. spsc at two rates.
        let rows = parsed(example).expect("a suite");
        assert!(rows > 2 * 3 + 2, "{rows}");
    }

    #[test]
    fn mistakes_in_a_suite_are_told() {
        assert!(parsed("[[run]]\nworkload = \"stream\"\nsizes = [8]\nrates = [1.0]\n").is_err());
        assert!(parsed("[[run]]\nworkload = \"load\"\nsizes = [8]\n").is_err());
        assert!(parsed("[[run]]\nworkload = \"fan\"\nsizes = [8]\n").is_err());
        assert!(parsed("[[run]]\nworkload = \"stream\"\nsizes = [8]\nsise = 8\n").is_err());
        assert!(parsed("[[run]]\nworkload = \"stream\"\nmechanisms = [\"x\"]\nsizes = [8]\n").is_err());
    }
}
