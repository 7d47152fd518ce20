//! Lines and tables on stdout. A closed pipe, as left by `head`, is not a failure: the rest is dropped. Any
//! other failure, such as a full disk, makes the program fail at its end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use terminal_size::{Width, terminal_size_of};

use crate::style::{Look, paint};

/// Why something could not be written.
static FAILURE: OnceLock<io::Error> = OnceLock::new();
/// The reader has gone away.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Prints one line.
pub fn line(text: Arguments<'_>) {
    note(writeln!(io::stdout(), "{text}"));
}

/// Prints bytes as they are.
pub fn bytes(text: &[u8]) {
    note(io::stdout().write_all(text));
}

/// Flushes the output so far.
pub fn flush() {
    note(io::stdout().flush());
}

fn note(written: io::Result<()>) {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // The first failure is the one to report.
            let _ = FAILURE.set(error);
        }
        // Relaxed: a flag, and nothing else is published by it.
        Err(_) => CLOSED.store(true, Ordering::Relaxed),
        Ok(()) => {}
    }
}

/// Whether further output is useless: the reader has closed the pipe, or writing has failed. A program that
/// prints until it is stopped ends then.
#[must_use]
pub fn is_over() -> bool {
    CLOSED.load(Ordering::Relaxed) || FAILURE.get().is_some()
}

/// Why something could not be written, after a final flush. `None` also when the reader has closed the pipe.
#[must_use]
pub fn failure() -> Option<String> {
    flush();
    FAILURE.get().map(|error| format!("writing to stdout: {error}"))
}

/// The columns of the terminal on stdout; `None` where stdout is not a terminal.
#[must_use]
pub fn width() -> Option<u16> {
    terminal_size_of(io::stdout()).map(|(Width(columns), _)| columns)
}

/// A table as wide as the terminal, or as wide as necessary where stdout is not a terminal.
#[must_use]
pub fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    fit(table)
}

/// The same without lines: a row is a line as long as the terminal is wide enough.
#[must_use]
pub fn bare_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = bare_rows(N);
    table.set_header(header.map(|title| Look::Heading.of(title)));
    table
}

/// The same with this number of columns, whose headings are set later.
#[must_use]
pub fn bare_rows(columns: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(vec![""; columns]);
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        // Only the last column is wrapped.
        if number + 1 < columns {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    fit(table)
}

/// Several entries for a table's last column: one per line where the terminal is narrow, otherwise one after
/// the other.
#[must_use]
pub fn entries(entries: &[String]) -> String {
    const WIDE: u16 = 120;
    let separator = if width().is_some_and(|width| width < WIDE) { "\n" } else { ", " };
    entries.join(separator)
}

/// Prints a table, its marks turned into colours, without blanks at the ends of lines.
pub fn print_table(table: &Table) {
    for line in paint(&table.to_string()).lines() {
        say!("{}", line.trim_end());
    }
}

fn fit(mut table: Table) -> Table {
    if let Some(columns) = width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    table
}

/// Like `println!`, for readers that may close the pipe.
#[macro_export]
macro_rules! say {
    () => { $crate::output::line(format_args!("")) };
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub use say;
