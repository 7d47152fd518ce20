//! Lines and tables on stdout. A reader that has gone away, such as `head`, is no reason to fail: the rest is dropped.

use std::fmt::Arguments;
use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use terminal_size::{Width, terminal_size_of};

/// Prints one line.
pub(crate) fn line(text: Arguments<'_>) {
    // Nobody reads it any more.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A table as wide as the terminal; as wide as it needs where stdout is none.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    if let Some((Width(columns), _)) = terminal_size_of(std::io::stdout()) {
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
