//! The commands: each decides what to measure and what to print; exit codes are here.

pub(crate) mod compare;
pub(crate) mod deaths;
pub(crate) mod doctor;
pub(crate) mod fan;
pub(crate) mod list;
pub(crate) mod matrix;
pub(crate) mod measure;
pub(crate) mod open_loop;
pub(crate) mod publish;
pub(crate) mod report;
mod session;
pub(crate) mod suite;

use std::process::ExitCode;

use clap::CommandFactory as _;

/// Something went wrong while running.
pub(crate) const RUN_TIME_ERROR: u8 = 1;
/// The command line cannot be executed; the same number that the command-line parser uses.
pub(crate) const USAGE: u8 = 2;
/// A comparison found a row that is worse than allowed.
pub(crate) const THRESHOLD_FAILED: u8 = 3;
/// `--strict` found a warning.
pub(crate) const STRICT_WARNING: u8 = 4;
/// The only mechanism asked for is not on this machine.
pub(crate) const UNAVAILABLE: u8 = 5;
/// A comparison in which a row could not be judged.
pub(crate) const UNDECIDED: u8 = 6;

/// A signal ended the run: 128 + its number, as shells report it.
pub(crate) fn interrupted() -> ExitCode {
    fail(ipc_cli_support::interrupt::exit_code(), "interrupted; nothing is left behind")
}

/// Prints the manual page of the program or of one command.
pub(crate) fn manual(command: Option<&str>) -> ExitCode {
    let names: Vec<String> = command.map(str::to_owned).into_iter().collect();
    match ipc_cli_support::manual::page(crate::cli::Cli::command(), &names) {
        Ok(Some(page)) => {
            ipc_cli_support::output::bytes(&page);
            ExitCode::SUCCESS
        }
        Ok(None) => fail(USAGE, "no command is called so"),
        Err(error) => fail(RUN_TIME_ERROR, &format!("writing the manual page: {error}")),
    }
}

/// The exit code of a program that would end with `code`: a failure when something could not be written.
pub(crate) fn end(code: ExitCode) -> ExitCode {
    match ipc_cli_support::output::failure() {
        Some(reason) => fail(RUN_TIME_ERROR, &reason),
        None => code,
    }
}

/// Prints the reason on stderr, and returns the exit code.
pub(crate) fn fail(code: u8, reason: &str) -> ExitCode {
    eprintln!("ipc-bench: {reason}");
    ExitCode::from(code)
}
