//! The command line of `call`, `delay`, `advise` and `serve`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::parts::{Format, Lines, Looks, OwnDomain, Where};
use super::rings::parse_loopback;
use crate::units::parse_duration;

/// `call`.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The name of the channel of calls
    pub(crate) service: String,
    /// The numbers of the request, where the channel describes it: `angle=0.5 at[0]=-1`, or one JSON object
    /// such as `{"angle":0.5,"at":[-1,2]}`
    #[arg(value_name = "FIELD=VALUE|JSON")]
    pub(crate) fields: Vec<String>,
    /// Sets the fields that are not given to 0; otherwise all must be given
    #[arg(long, requires = "fields")]
    pub(crate) zeros: bool,
    /// The bytes of the request in hexadecimal
    #[arg(long, value_name = "BYTES", conflicts_with = "fields")]
    pub(crate) hex: Option<String>,
    /// How long to wait for the reply
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "2s")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) domain: OwnDomain,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// A clock that a field may have been read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Clock {
    /// Time since 1970: CLOCK_REALTIME, `SystemTime`, time.time() of Python
    Realtime,
    /// Time since the machine started, without suspension: CLOCK_MONOTONIC, std::chrono::steady_clock
    Monotonic,
    /// Time since the machine started, with suspension: CLOCK_BOOTTIME
    Boottime,
    /// International atomic time: CLOCK_TAI
    Tai,
}

/// The unit of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unit {
    /// Nanoseconds
    Ns,
    /// Microseconds
    Us,
    /// Milliseconds
    Ms,
    /// Seconds
    S,
}

/// `delay`.
#[derive(Debug, Args)]
pub(crate) struct Delay {
    /// The name of the channel
    pub(crate) channel: String,
    #[command(flatten)]
    pub(crate) place: Where,
    /// The field with the time of a message; the one whose name says that it is one when absent
    #[arg(short, long, value_name = "PATH")]
    pub(crate) field: Option<String>,
    /// The clock of the field; by its name, or by its value in the first message, when absent
    #[arg(short = 'C', long, value_enum)]
    pub(crate) clock: Option<Clock>,
    /// The unit of the field; by the end of its name, such as `_ms`, when absent
    #[arg(short, long, value_enum)]
    pub(crate) unit: Option<Unit>,
    #[command(flatten)]
    pub(crate) lines: Lines,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `advise`.
#[derive(Debug, Args)]
pub(crate) struct Advise {
    /// Only this channel, besides the machine; all channels when absent
    pub(crate) channel: Option<String>,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Time between the two looks at the counters
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub(crate) interval: Duration,
    /// Also what was looked at and found as it should be
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) place: Where,
    /// Answers at this address of the loopback interface until it is interrupted; port 0 picks one, and the
    /// first line says which
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:9465", value_parser = parse_loopback)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) looks: Looks,
}
