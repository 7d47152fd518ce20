//! ipcr: looks into System V objects and the rings of running processes.

mod cli;
mod exit;
mod json;
mod rings;
mod sysv;
mod units;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use ipc_cli_support::{interrupt, manual, output};

use cli::{Cli, Command};
use exit::{DONE, FAILED, Failure, Outcome, USAGE};

fn main() -> ExitCode {
    interrupt::watch();
    exit::end(run(&Cli::parse()))
}

fn run(cli: &Cli) -> Outcome {
    match &cli.command {
        Command::Ls(asked) => rings::ls(asked),
        Command::Show(asked) => rings::show(asked),
        Command::Hz(asked) => rings::rate(asked, rings::Of::Messages),
        Command::Bw(asked) => rings::rate(asked, rings::Of::Bytes),
        Command::Delay(asked) => rings::delay(asked),
        Command::Top(asked) => rings::top(asked),
        Command::Tail(asked) => rings::tail(asked),
        Command::Send(asked) => rings::send(asked),
        Command::Call(asked) => rings::call(asked),
        Command::Record(asked) => rings::record(asked),
        Command::Replay(asked) => rings::replay(asked),
        Command::Watch(asked) => rings::watch(asked),
        Command::Gc(asked) => rings::gc(asked),
        Command::Doctor(format) => rings::doctor(format.json),
        Command::Advise(asked) => rings::advise(asked),
        Command::Explain { error, format } => rings::explain(error, format.json),
        Command::Serve(asked) => rings::serve(asked),
        Command::Metrics(asked) => rings::metrics(asked),
        Command::Sysv { command } => sysv::run(command),
        Command::Completions { shell } => {
            output::bytes(&manual::completions(Cli::command(), *shell));
            Ok(DONE)
        }
        Command::Man { command } => match manual::page(Cli::command(), command) {
            Ok(Some(page)) => {
                output::bytes(&page);
                Ok(DONE)
            }
            Ok(None) => Err(Failure::new(USAGE, format!("no command is called {:?}", command.join(" ")))),
            Err(error) => Err(Failure::new(FAILED, format!("writing the manual page: {error}"))),
        },
    }
}
