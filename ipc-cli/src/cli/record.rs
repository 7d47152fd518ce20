//! The commands that record channels and replay recordings.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::parts::{Format, Room, Where};
use super::rings::From;
use crate::units::{parse_bytes, parse_duration};

/// `record`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Record {
    /// The names of the channels
    #[arg(value_name = "CHANNEL", required_unless_present_any = ["all", "seat"])]
    pub(crate) channels: Vec<String>,
    /// All channels that can be read without a seat, and those that are made later
    #[arg(long, conflicts_with = "channels")]
    pub(crate) all: bool,
    /// The file to write, which must not exist; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Where to begin in channels that are there already
    #[arg(long, value_enum, default_value = "next")]
    pub(crate) from: From,
    /// Goes on in a new file when one has about this size
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) max_size: Option<u64>,
    /// Goes on in a new file when one covers this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) max_duration: Option<Duration>,
    /// Compresses the file with LZ4
    #[arg(long)]
    pub(crate) compress: bool,
    /// Ends after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Ends after this many messages
    #[arg(short, long, value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    /// Takes a receiving seat of this channel instead of reading along
    ///
    /// A subscriber's seat of a broadcast channel: if the channel is gated, the publisher waits for the
    /// recorder, and nothing is missed. Of spsc, bytes and mpmc a consumer's seat: each message that is
    /// recorded is taken away from the other consumers. May be given several times.
    #[arg(long, value_name = "CHANNEL", conflicts_with = "user")]
    pub(crate) seat: Vec<String>,
    /// The field with the time at which a message was published, in nanoseconds since 1970; for all channels
    /// that have it
    #[arg(long, value_name = "FIELD")]
    pub(crate) time_field: Option<String>,
    /// Records handles of pools' blocks without the payloads that they name
    #[arg(long)]
    pub(crate) without_payloads: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The recording
    pub(crate) file: PathBuf,
    /// Only these of the recorded channels
    #[arg(value_name = "CHANNEL")]
    pub(crate) channels: Vec<String>,
    /// How many times as fast as it was recorded
    #[arg(short, long, value_name = "FACTOR", value_parser = parse_rate, group = "pace")]
    pub(crate) rate: Option<f64>,
    /// At the times at which it was recorded, as without any of these options
    #[arg(long, group = "pace")]
    pub(crate) paced: bool,
    /// Without pauses
    #[arg(long, group = "pace")]
    pub(crate) as_fast_as_possible: bool,
    /// Begins at this time: since the beginning of the recording (10s), or of the calendar
    /// (2026-11-30T12:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) from: Option<Moment>,
    /// Ends before this time
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) to: Option<Moment>,
    /// Sends what was recorded of a channel to a channel of another name; may be given several times
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_remap)]
    pub(crate) remap: Vec<(String, String)>,
    /// How many times to replay it
    #[arg(long = "loop", value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) times: u64,
    /// How long the channels are there before the first message, for receivers to come
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub(crate) delay: Duration,
    #[command(flatten)]
    pub(crate) room: Room,
    /// The domain to replay into; that of the recording when absent
    #[arg(short, long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// A moment of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Since its beginning.
    After(Duration),
    /// In nanoseconds since 1970.
    At(u64),
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| format!("invalid rate {text:?}: expected is a number above 0, such as 0.5 or 2"))
}

fn parse_moment(text: &str) -> Result<Moment, String> {
    if let Ok(since) = humantime::parse_duration(text) {
        return Ok(Moment::After(since));
    }
    let at = humantime::parse_rfc3339_weak(text).ok();
    let since_1970 = at.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since_1970.and_then(|since| u64::try_from(since.as_nanos()).ok()).map(Moment::At).ok_or_else(|| {
        format!("invalid time {text:?}: expected is one such as 90s, 10m or 2026-11-30T12:00:00Z")
    })
}

fn parse_remap(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err(format!("invalid remapping {text:?}: expected is OLD=NEW")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_moments_and_names_are_read() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        for text in ["0", "-1", "inf", "NaN", "x"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
        assert_eq!(parse_moment("1m30s"), Ok(Moment::After(Duration::from_secs(90))));
        assert_eq!(parse_moment("1970-01-01T00:00:01Z"), Ok(Moment::At(1_000_000_000)));
        for text in ["", "10", "1969-01-01T00:00:00Z"] {
            assert!(parse_moment(text).is_err(), "{text}");
        }
        assert_eq!(parse_remap("a=b=c"), Ok(("a".into(), "b=c".into())));
        for text in ["a", "=b", "a="] {
            assert!(parse_remap(text).is_err(), "{text}");
        }
    }
}
