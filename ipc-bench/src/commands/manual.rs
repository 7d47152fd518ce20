//! `completions` and `man`: made from the same description as the command line itself.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{RUN_TIME_ERROR, USAGE, fail};
use crate::cli::Cli;
use crate::output;

/// Prints the completion script of `shell`.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ipc-bench", &mut script);
    print(&script)
}

/// Prints the manual page of the program or of one command, in roff.
pub(crate) fn page(command: Option<&str>) -> ExitCode {
    let mut whole = Cli::command();
    // Names the commands as they are called, with the program's name in front.
    whole.build();
    let described = match command {
        None => Some(&whole),
        Some(name) => whole.find_subcommand(name),
    };
    let Some(described) = described else {
        return fail(USAGE, "no command is called so");
    };
    let mut page = Vec::new();
    match clap_mangen::Man::new(described.clone()).render(&mut page) {
        Ok(()) => print(&page),
        Err(error) => fail(RUN_TIME_ERROR, &format!("writing the manual page: {error}")),
    }
}

fn print(text: &[u8]) -> ExitCode {
    output::bytes(text);
    ExitCode::SUCCESS
}
