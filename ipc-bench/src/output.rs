//! Lines and tables on stdout. A reader that has gone away, such as `head`, is no reason to fail: the rest is dropped. Any
//! other failure, such as a full disk, makes the program fail at its end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use comfy_table::{ContentArrangement, Table, presets};
use terminal_size::{Width, terminal_size_of};

/// Why something could not be written.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Prints one line.
pub(crate) fn line(text: Arguments<'_>) {
    note(writeln!(io::stdout(), "{text}"));
}

/// Prints bytes as they are.
pub(crate) fn bytes(text: &[u8]) {
    note(io::stdout().write_all(text));
}

fn note(written: io::Result<()>) {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // The first failure is the one to report.
            let _ = FAILURE.set(error);
        }
        _ => {}
    }
}

/// The exit code of a program that would end with `code`: a failure when something could not be written.
pub(crate) fn end(code: ExitCode) -> ExitCode {
    note(io::stdout().flush());
    match FAILURE.get() {
        Some(error) => {
            crate::commands::fail(crate::commands::RUN_TIME_ERROR, &format!("writing to stdout: {error}"))
        }
        None => code,
    }
}

/// A table as wide as the terminal; as wide as it needs where stdout is none.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    if let Some((Width(columns), _)) = terminal_size_of(io::stdout()) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    table
}

/// As `println!`, but for readers that may go away.
macro_rules! say {
    () => { $crate::output::line(format_args!("")) };
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

pub(crate) use say;
