//! Progress on stderr: a bar on a terminal, a line a round elsewhere.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// Shows the progress of a run on stderr. Nothing of it runs between two calls.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    last: RefCell<String>,
    quiet: bool,
}

impl Progress {
    /// Progress over this number of steps.
    pub(crate) fn new(steps: u64, quiet: bool) -> Progress {
        let bar = (std::io::stderr().is_terminal() && !quiet).then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  (about {eta} left)");
            ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Progress { bar, last: RefCell::new(String::new()), quiet }
    }

    /// Starts the next step, described as `round …: what`.
    pub(crate) fn next(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
            bar.inc(1);
        } else if !self.quiet {
            let round = what.split_once(':').map_or(what, |(round, _)| round);
            if *self.last.borrow() != round {
                // Failing to show progress is not an error.
                let _ = writeln!(std::io::stderr(), "{round}");
                *self.last.borrow_mut() = round.to_owned();
            }
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
