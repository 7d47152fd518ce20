//! The command line.

pub(crate) mod sysv;

use clap::{Parser, Subcommand};

use crate::exit::MEANINGS;

/// Looks into running systems: System V objects, and the channels of ipc-ring that are made of them.
///
/// Tables on a terminal, one JSON object a line with --json. Nothing is changed but by the commands that say so.
#[derive(Debug, Parser)]
#[command(name = "ipcr", version, after_help = MEANINGS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Segments, semaphore sets and message queues, whatever programs made them
    Sysv {
        #[command(subcommand)]
        command: sysv::Sysv,
    },
    /// Prints the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the manual page of the program, or of a command such as `sysv ls`
    Man {
        /// The command
        command: Vec<String>,
    },
}
