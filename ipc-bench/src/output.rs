//! Lines on stdout. A reader that has gone away, such as `head`, is no reason to fail: the rest is dropped.

use std::fmt::Arguments;
use std::io::Write;

/// Prints one line.
pub(crate) fn line(text: Arguments<'_>) {
    // Nobody reads it any more.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// As `println!`, but for readers that may go away.
macro_rules! say {
    () => { $crate::output::line(format_args!("")) };
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

pub(crate) use say;
