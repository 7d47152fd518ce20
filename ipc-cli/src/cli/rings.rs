//! The commands for the channels of ipc-ring.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::parts::{Format, Lines, Looks, OwnDomain, Room, Where};
use crate::units::parse_duration;

/// `ls`.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The name of the channel
    pub(crate) channel: String,
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `hz` and `bw`.
#[derive(Debug, Args)]
pub(crate) struct Rate {
    /// The name of the channel
    pub(crate) channel: String,
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) lines: Lines,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `top`.
#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) looks: Looks,
    /// What the channels are sorted by at first
    #[arg(short, long, value_enum, default_value = "rate")]
    pub(crate) sort: Sort,
    /// A line for each end, with how far it is behind
    #[arg(short, long)]
    pub(crate) ends: bool,
    /// One JSON object a line for each channel, once
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `top` sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Messages a second
    Rate,
    /// Bytes a second
    Bytes,
    /// How full the channel is
    Fill,
    /// Messages that subscribers missed
    Missed,
    /// How far the slowest consumer is behind
    Lag,
    /// The name
    Name,
}

/// With which message `tail` begins.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum From {
    /// The oldest one that is still there
    Oldest,
    /// The first one that comes
    Next,
}

/// `tail`.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The name of the channel
    pub(crate) channel: String,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Where to begin
    #[arg(long, value_enum, default_value = "next")]
    pub(crate) from: From,
    /// Ends after this many messages
    #[arg(short, long, value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    /// How many bytes of a message to show, or about how many characters of its fields
    #[arg(short, long, value_name = "BYTES", default_value_t = 256)]
    pub(crate) bytes: usize,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `send`.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The name of the channel
    pub(crate) channel: String,
    /// The numbers of one message, where the channel describes its messages: `angle=0.5 at[0]=-1`
    #[arg(value_name = "FIELD=VALUE")]
    pub(crate) fields: Vec<String>,
    /// Sets the fields that are not given to 0; otherwise all must be given
    #[arg(long, requires = "fields")]
    pub(crate) zeros: bool,
    /// The bytes of a message in hexadecimal; may be given several times
    #[arg(long, value_name = "BYTES", conflicts_with = "fields")]
    pub(crate) hex: Vec<String>,
    /// Which value of a table of latest values to set
    #[arg(short, long)]
    pub(crate) key: Option<u32>,
    #[command(flatten)]
    pub(crate) room: Room,
    #[command(flatten)]
    pub(crate) domain: OwnDomain,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Only the channel of this name, and its ends
    pub(crate) channel: Option<String>,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Time between two looks
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "200ms")]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `gc`.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Removes them; otherwise it only says which
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Persistent channels too that no process is attached to, with their messages
    #[arg(long)]
    pub(crate) persistent: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `metrics`.
#[derive(Debug, Args)]
pub(crate) struct Metrics {
    #[command(flatten)]
    pub(crate) place: Where,
    /// Writes this file, whole or not at all, for the textfile collector of a node exporter; stdout when
    /// absent
    #[arg(long, value_name = "FILE")]
    pub(crate) textfile: Option<PathBuf>,
    /// Answers GET /metrics at this address of the loopback interface, such as 127.0.0.1:9464, until it is
    /// interrupted; port 0 picks one, and the first line says which
    #[arg(long, value_name = "ADDRESS", conflicts_with = "textfile", value_parser = parse_loopback)]
    pub(crate) listen: Option<SocketAddr>,
}

/// Names of channels and processes are for this machine only.
pub(crate) fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| format!("invalid address {text:?}: expected is one such as 127.0.0.1:9464"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!(
            "{address} can be reached from other machines; expected is a loopback address, such as 127.0.0.1:9464"
        ))
    }
}
