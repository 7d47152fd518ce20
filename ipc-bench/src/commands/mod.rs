//! The commands: each decides what to measure and what to say; exit codes are here.

pub(crate) mod compare;
pub(crate) mod deaths;
pub(crate) mod doctor;
pub(crate) mod fan;
pub(crate) mod list;
pub(crate) mod manual;
pub(crate) mod matrix;
pub(crate) mod measure;
pub(crate) mod open_loop;
pub(crate) mod publish;
pub(crate) mod report;
mod session;
pub(crate) mod suite;

use std::process::ExitCode;

/// Something went wrong while running.
pub(crate) const RUN_TIME_ERROR: u8 = 1;
/// The command line cannot be done; the same number that the parser of the command line uses.
pub(crate) const USAGE: u8 = 2;
/// A comparison found a row that is worse than allowed.
pub(crate) const THRESHOLD_FAILED: u8 = 3;
/// `--strict` found a reason for distrust.
pub(crate) const STRICT_WARNING: u8 = 4;
/// The only mechanism asked for is not on this machine.
pub(crate) const UNAVAILABLE: u8 = 5;
/// A comparison in which a row could not be judged.
pub(crate) const UNDECIDED: u8 = 6;

/// A signal ended the run: 128 + its number, as shells report it.
pub(crate) fn interrupted() -> ExitCode {
    fail(crate::process::interrupt::exit_code(), "interrupted; nothing is left behind")
}

/// Says on stderr why, and gives the exit code.
pub(crate) fn fail(code: u8, reason: &str) -> ExitCode {
    eprintln!("ipc-bench: {reason}");
    ExitCode::from(code)
}
