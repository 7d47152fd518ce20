//! Arguments that several commands have, each with one help text.

use std::time::Duration;

use clap::Args;

use crate::units::parse_duration;

/// Which domains.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// Only this domain; all of the user's when absent
    #[arg(short, long, value_name = "NAME")]
    pub(crate) domain: Vec<String>,
    /// The domains of another user, by name or number
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
}

/// Which domain, for the commands that take part: those of other users cannot be joined.
#[derive(Debug, Args)]
pub(crate) struct OwnDomain {
    /// Only this domain; all of the user's when absent
    #[arg(short, long, value_name = "NAME")]
    domain: Option<String>,
}

impl OwnDomain {
    /// The same for a look.
    pub(crate) fn place(&self) -> Where {
        Where { domain: self.domain.iter().cloned().collect(), user: None }
    }
}

/// How the output is written.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Format {
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// How often a command looks.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Looks {
    /// Time between two looks
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub(crate) interval: Duration,
}

/// The lines of a command that measures.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Lines {
    /// Time between two lines
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub(crate) interval: Duration,
    /// Ends after this many lines
    #[arg(short, long, value_name = "LINES")]
    pub(crate) count: Option<u64>,
}

/// How long a message may wait.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Room {
    /// How long to wait for room, for each message
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "2s")]
    pub(crate) timeout: Duration,
}
