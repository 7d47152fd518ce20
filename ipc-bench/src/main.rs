//! ipc-bench: measures ways for processes on one machine to pass messages.
//!
//! Separate processes, pinned; percentiles; the machine's baselines next to each number; sleeping and
//! spinning never mixed; every message checked; a mechanism that fails is a row with its reason.

mod against;
mod cli;
mod clock;
mod commands;
mod deaths;
mod doctor;
mod environment;
mod histogram;
mod measure;
mod mechanism;
mod payload;
mod pin;
mod process;
mod progress;
mod report;
mod result;
mod rule;
mod timeline;
mod topology;
mod units;
mod wait;
mod workload;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use cli::{Cli, Command};

fn main() -> ExitCode {
    ipc_cli_support::interrupt::watch();
    let cli = Cli::parse();
    let code = match cli.command {
        None => commands::matrix::run(&cli.run, &cli.output),
        Some(Command::Pingpong(asked)) => commands::measure::run(workload::Workload::Pingpong, &asked),
        Some(Command::Stream(asked)) => commands::measure::run(workload::Workload::Stream, &asked),
        Some(Command::Load(asked)) => commands::open_loop::load(&asked),
        Some(Command::Wake(asked)) => commands::open_loop::wake(&asked),
        Some(Command::Fan(asked)) => commands::fan::run(&asked),
        Some(Command::Deaths(asked)) => commands::deaths::run(&asked),
        Some(Command::Publish(asked)) => commands::publish::run(&asked),
        Some(Command::Matrix(asked)) => commands::suite::run(&asked),
        Some(Command::Compare(asked)) => commands::compare::run(&asked),
        Some(Command::Report(asked)) => commands::report::run(&asked),
        Some(Command::Doctor(asked)) => commands::doctor::run(&asked),
        Some(Command::List { json }) => commands::list::run(json),
        Some(Command::Completions { shell }) => {
            ipc_cli_support::output::bytes(&ipc_cli_support::manual::completions(Cli::command(), shell));
            ExitCode::SUCCESS
        }
        Some(Command::Man { command }) => commands::manual(command.as_deref()),
        Some(Command::Worker) => process::run_worker(),
        Some(Command::Victim { scene, ring, channel }) => deaths::run_victim(&scene, &ring, &channel),
        Some(Command::Tally) => process::run_tally(),
        Some(Command::Janitor) => process::run_janitor(),
    };
    commands::end(code)
}
