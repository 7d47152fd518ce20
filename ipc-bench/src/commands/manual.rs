//! `completions` and `man`: made from the same description as the command line itself.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{RUN_TIME_ERROR, fail};
use crate::cli::Cli;

/// Prints the completion script of `shell`.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    clap_complete::generate(shell, &mut Cli::command(), "ipc-bench", &mut std::io::stdout());
    ExitCode::SUCCESS
}

/// Prints the manual page, in roff.
pub(crate) fn page() -> ExitCode {
    match clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(RUN_TIME_ERROR, &format!("writing the manual page: {error}")),
    }
}
