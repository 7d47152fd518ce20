//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::topology::Pin;
use crate::wait::Wait;

mod values;

pub(crate) use values::parse_ends;
use values::{parse_count, parse_gap, parse_rate, parse_readers, parse_size};

/// What the exit codes mean.
const EXIT_CODES: &str = "\
Exit codes: 0 success; 1 a run, a check of its messages or writing failed; 2 the command line cannot be done; 3 compare: worse \
than allowed; 4 --strict: something makes the numbers less trustworthy; 5 the only mechanism asked for is not on this machine; \
6 compare: undecided; 128 and its number: ended by a signal.";

/// The form of the file of `matrix`.
pub(crate) const SUITE: &str = "\
The file is TOML. Each [[run]] table is measured in interleaved rounds and gives a row for each combination of its lists:

  workload    required: pingpong, stream, load, wake or fan
  sizes       required: message sizes in bytes, such as [8, 64]
  mechanisms  names from `list`; all but checks when absent
  wait        ways of waiting: spin, spin_yield, spin_sleep, sleep; each mechanism's own when absent
  rates       load and wake, required there: messages a second, such as [1000.0, 1e6]
  ends        fan, required there: producers x consumers, such as [\"2x2\", \"8x1\"]

Example:

  [[run]]
  workload = \"pingpong\"
  mechanisms = [\"flag-ring\", \"spsc\", \"sysv-msg\"]
  sizes = [8, 64]

  [[run]]
  workload = \"load\"
  mechanisms = [\"spsc\"]
  sizes = [64]
  rates = [1e4, 1e6]

What is done is kept in the file of --json after each table; --resume goes on from there.";

/// Measures ways for processes on one machine to pass messages.
///
/// Without a command: a short matrix of this project's rings and the kernel's mechanisms, 64 bytes, round
/// trips and streams, next to the baselines of the machine, in about a minute.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
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
    /// Round trips with one message in flight; reported as half of a round trip
    Pingpong(Measurement),
    /// One way, as many messages as go through
    Stream(Measurement),
    /// Sends at a fixed rate; latency counts from the intended time of sending
    Load(Load),
    /// Rare messages: the time to reach a consumer that was idle for a while
    Wake(Wake),
    /// Several producers and several consumers at one queue
    Fan(Fan),
    /// Kills partners and measures the time until the others know, and until they continue
    Deaths(Deaths),
    /// One publisher and subscribers that read now and then: what a publication costs
    Publish(Publish),
    /// Many rows from a file that lists them
    #[command(after_help = SUITE)]
    Matrix(Matrix),
    /// Compares two result files; exit code 3 when the second is worse, 6 when that cannot be decided
    Compare(Compare),
    /// Writes other forms of a result file, such as a page with plots
    Report(Report),
    /// Whether this machine gives reliable numbers, and what would help
    Doctor(Doctor),
    /// Which mechanisms there are, and why one is not
    List {
        /// As a JSON array, for programs
        #[arg(long)]
        json: bool,
    },
    /// Prints the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the manual page, of the program or of one command
    Man {
        /// The command
        command: Option<String>,
    },
    /// One side of a round
    #[command(hide = true)]
    Worker,
    /// One side of a round, its system calls counted
    #[command(hide = true)]
    Tally,
    /// Waits for its death
    #[command(hide = true)]
    Victim {
        /// What it does until then
        scene: String,
        /// The kind of channel
        ring: String,
        /// The channel's name
        channel: String,
    },
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

/// `load`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// Messages a second; several make several rows; 100k and 2M are understood. Without any: a scan from 1k
    /// upwards until a mechanism cannot keep up
    #[arg(short = 'R', long, value_delimiter = ',', value_parser = parse_rate, value_name = "RATE,…")]
    pub(crate) rate: Vec<f64>,
    #[command(flatten)]
    pub(crate) measurement: Measurement,
}

/// `wake`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Wake {
    /// Idle time between two messages; 10us, 1ms and 1s are understood
    #[arg(short, long, value_delimiter = ',', value_parser = parse_gap, default_value = "10us,100us,1ms,10ms", value_name = "TIME,…")]
    pub(crate) gap: Vec<f64>,
    #[command(flatten)]
    pub(crate) measurement: Measurement,
}

/// `fan`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Fan {
    /// Producers and consumers, such as 8x1; several make several rows
    #[arg(short, long, value_delimiter = ',', value_parser = parse_ends, default_value = "2x2,4x4,8x1,1x8", value_name = "PxC,…")]
    pub(crate) ends: Vec<(u32, u32)>,
    /// Producers: one row, in place of --ends
    #[arg(long, requires = "consumers", conflicts_with = "ends", value_name = "COUNT", value_parser = parse_count)]
    pub(crate) producers: Option<u32>,
    /// Consumers: one row, in place of --ends
    #[arg(long, requires = "producers", conflicts_with = "ends", value_name = "COUNT", value_parser = parse_count)]
    pub(crate) consumers: Option<u32>,
    #[command(flatten)]
    pub(crate) measurement: Measurement,
}

/// `deaths`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Deaths {
    /// Mechanisms, by name; all that can be measured so when absent: pipe, spsc, bytes, mpmc
    #[arg(short, long, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) mechanisms: Vec<String>,
    /// Deaths in each row
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) deaths: u32,
    /// Processors: as for the other commands; the victim runs on the producer's
    #[arg(long, default_value = "auto", value_name = "WHERE")]
    pub(crate) pin: Pin,
    /// Fail with exit code 4 when something makes the numbers less reliable
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `publish`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Publish {
    /// Subscribers that are attached; several make several rows
    #[arg(long, value_delimiter = ',', value_parser = parse_readers, default_value = "1,10,50,200", value_name = "COUNT,…")]
    pub(crate) readers: Vec<u32>,
    /// Subscribers that sleep until a message comes, for rows with its age at receipt
    #[arg(long, value_delimiter = ',', value_parser = parse_readers, default_value = "1,3,8,64", value_name = "COUNT,…")]
    pub(crate) sleepers: Vec<u32>,
    /// Messages a second to those that sleep
    #[arg(long, value_parser = parse_rate, default_value = "250", value_name = "RATE")]
    pub(crate) rate: f64,
    #[command(flatten)]
    pub(crate) measurement: Measurement,
}

/// `matrix`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Matrix {
    /// The file that lists the rows
    pub(crate) suite: PathBuf,
    /// Continues from the JSON file of an earlier run: its rows are not measured again
    #[arg(long)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) run: RunOptions,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `compare`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Compare {
    /// The results to measure against
    pub(crate) before: PathBuf,
    /// The results to judge
    pub(crate) after: PathBuf,
    /// What counts as worse, such as p99>+5% or rate<-10%; metrics: p50 p90 p99 p999 p9999 max mean rate
    #[arg(long, value_delimiter = ',', default_value = "p50>+10%,rate<-10%", value_name = "RULE,…")]
    pub(crate) fail_on: Vec<crate::rule::Rule>,
}

/// `doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Doctor {
    /// Processors: as for the measuring commands
    #[arg(long, default_value = "auto", value_name = "WHERE")]
    pub(crate) pin: Pin,
    /// Fail with exit code 4 when there is a warning
    #[arg(long)]
    pub(crate) strict: bool,
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
    /// Ends a row's round after this number of messages, if that comes first
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) messages: Option<u64>,
    /// Processors: auto, none, same-cpu, smt, same-llc, cross-llc, cross-node, or two numbers
    #[arg(long, default_value = "auto", value_name = "WHERE")]
    pub(crate) pin: Pin,
    /// Leaves out the short last round that counts system calls
    #[arg(long)]
    pub(crate) no_syscalls: bool,
    /// Fail with exit code 4 when something makes the numbers less reliable
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Where the results go. `-` is stdout, which then carries nothing else.
#[derive(Clone, Debug, Args)]
pub(crate) struct Output {
    #[command(flatten)]
    pub(crate) forms: Forms,
    /// Writes each row's latency distribution as an .hgrm file into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) hdr: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reference: Reference,
    /// No progress on stderr
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What to compare with.
#[derive(Clone, Debug, Args)]
pub(crate) struct Reference {
    /// Adds each row as a part of this mechanism's, round by round: what the machine does to both is no
    /// difference then
    #[arg(long, value_name = "NAME")]
    pub(crate) against: Option<String>,
}

/// The forms of a result.
#[derive(Clone, Debug, Args)]
pub(crate) struct Forms {
    /// Writes everything as JSON, version 1
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the rows as CSV
    #[arg(long, value_name = "FILE|-")]
    pub(crate) csv: Option<PathBuf>,
    /// Writes the rows as a Markdown table
    #[arg(long, value_name = "FILE|-")]
    pub(crate) md: Option<PathBuf>,
    /// Writes a page with plots that needs nothing else
    #[arg(long, value_name = "FILE|-")]
    pub(crate) html: Option<PathBuf>,
}

impl Forms {
    /// Whether no form was asked for.
    pub(crate) fn none(&self) -> bool {
        self.json.is_none() && self.csv.is_none() && self.md.is_none() && self.html.is_none()
    }
}

/// `report`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Report {
    /// The result file
    pub(crate) results: PathBuf,
    /// Writes each plot as an SVG file into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) forms: Forms,
    #[command(flatten)]
    pub(crate) reference: Reference,
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
    /// null: every how many messages one changes places with its successor
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) null_swap_every: u64,
    /// null: every how many messages one is damaged
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) null_damage_every: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
