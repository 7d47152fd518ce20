//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::topology::Pin;
use crate::wait::Wait;

/// Measures ways for processes on one machine to pass messages.
///
/// Without a command: a short matrix of this project's rings and the kernel's mechanisms, 64 bytes, round trips and
/// streams, beside the floors of the machine, in about a minute.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunOptions,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Round trips with one message in flight; told as half of a round trip
    Pingpong(Measurement),
    /// One way, as many messages as go through
    Stream(Measurement),
    /// Which mechanisms there are
    List,
    /// One side of a round
    #[command(hide = true)]
    Worker,
    /// Removes kernel objects when the parent is gone
    #[command(hide = true)]
    Janitor,
}

/// What to measure.
#[derive(Clone, Debug, Args)]
pub(crate) struct Measurement {
    /// Mechanisms, by name (see `list`); all but checks when absent
    #[arg(short, long, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) mechanisms: Vec<String>,
    /// Message sizes in bytes, at least 8; 4K and 1M are understood
    #[arg(short, long, value_delimiter = ',', value_parser = parse_size, default_value = "64", value_name = "BYTES,…")]
    pub(crate) sizes: Vec<usize>,
    /// Ways of waiting; each mechanism's own when absent
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WAIT,…")]
    pub(crate) wait: Vec<Wait>,
    /// Slots of a ring; 1 MiB of payload within 16 and 1024 slots when absent, 64 at most for round trips
    #[arg(long, value_name = "SLOTS")]
    pub(crate) capacity: Option<usize>,
    #[command(flatten)]
    pub(crate) faults: FaultOptions,
    #[command(flatten)]
    pub(crate) run: RunOptions,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// How to measure.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunOptions {
    /// Rounds: each row is measured so often, in turn with the others, in fresh processes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) reps: u32,
    /// Measured time of a row in each round, in milliseconds
    #[arg(long, default_value_t = 400, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(crate) duration: u64,
    /// Time before it that is not measured, in milliseconds
    #[arg(long, default_value_t = 100, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=3_600_000))]
    pub(crate) warm_up: u64,
    /// Ends a row's round after so many messages, if that comes first
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) messages: Option<u64>,
    /// Processors: auto, none, same-cpu, smt, same-llc, cross-llc, cross-node, or two numbers
    #[arg(long, default_value = "auto", value_name = "WHERE")]
    pub(crate) pin: Pin,
    /// Fail with exit code 4 when something makes the numbers less trustworthy
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Where the results go. `-` is stdout, which then carries nothing else.
#[derive(Clone, Debug, Args)]
pub(crate) struct Output {
    /// Writes everything as JSON, version 1
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the rows as CSV
    #[arg(long, value_name = "FILE|-")]
    pub(crate) csv: Option<PathBuf>,
    /// Writes the rows as a Markdown table
    #[arg(long, value_name = "FILE|-")]
    pub(crate) md: Option<PathBuf>,
    /// Writes each row's latency distribution as an .hgrm file into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) hdr: Option<PathBuf>,
    /// No progress on stderr
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Faults of the `null` mechanism, for checking the harness itself.
#[derive(Clone, Debug, Args)]
pub(crate) struct FaultOptions {
    /// null: how long a message takes
    #[arg(long, hide = true, default_value_t = 500)]
    pub(crate) null_delay_ns: u64,
    /// null: every how many messages one is lost
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) null_lose_every: u64,
    /// null: every how many messages one is repeated
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) null_repeat_every: u64,
    /// null: every how many messages one changes places with its follower
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) null_swap_every: u64,
    /// null: every how many messages one is damaged
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) null_damage_every: u64,
}

fn parse_size(text: &str) -> Result<usize, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches("ib").trim_end_matches('b');
    let (digits, factor) = match digits.strip_suffix('k') {
        Some(digits) => (digits, 1 << 10),
        None => digits.strip_suffix('m').map_or((digits, 1), |digits| (digits, 1 << 20)),
    };
    let size = digits.trim().parse::<usize>().map_err(|error| error.to_string())?;
    let size = size.checked_mul(factor).ok_or("too large")?;
    if size < 8 { Err("a message has at least 8 bytes, for its sequence number".into()) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("64"), Ok(64));
        assert_eq!(parse_size("4K"), Ok(4096));
        assert_eq!(parse_size("4KiB"), Ok(4096));
        assert_eq!(parse_size("1M"), Ok(1 << 20));
        assert!(parse_size("7").is_err());
        assert!(parse_size("x").is_err());
    }
}
