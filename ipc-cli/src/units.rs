//! Numbers, sizes, times and users, for people and from people.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ipc_cli_support::text::harmless;
use nix::unistd::{Gid, Group, Uid, User};

/// Bytes with a binary unit, exact below 10 KiB.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 10 * 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A rate or another number with a factor of thousand.
pub(crate) fn scaled(value: f64, unit: &str) -> String {
    let mut value = value;
    let mut prefix = 0;
    const PREFIXES: [&str; 4] = ["", "k", "M", "G"];
    while value.abs() >= 1000.0 && prefix + 1 < PREFIXES.len() {
        value /= 1000.0;
        prefix += 1;
    }
    let digits = if value.abs() >= 100.0 || value.fract() == 0.0 { 0 } else { 1 };
    format!("{value:.digits$} {}{unit}", PREFIXES[prefix])
}

/// A count and what is counted.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// How long ago: two units at most.
pub(crate) fn age(at: SystemTime, now: SystemTime) -> String {
    match now.duration_since(at) {
        Ok(age) => format!("{} ago", duration(age)),
        // Whole seconds of the record, and clocks that were set.
        Err(ahead) if ahead.duration() <= Duration::from_secs(1) => "0s ago".to_owned(),
        Err(ahead) => format!("in {} by the clock", duration(ahead.duration())),
    }
}

/// For how long nothing has happened: as [`age`], for a column of its own.
pub(crate) fn idle(since: SystemTime, now: SystemTime) -> String {
    let age = age(since, now);
    age.strip_suffix(" ago").map_or(age.clone(), str::to_owned)
}

/// A duration in whole seconds: two units at most.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |one: u64, unit, other: u64, smaller| match other {
        0 => format!("{one}{unit}"),
        other => format!("{one}{unit}{other}{smaller}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => two(minutes, "m", seconds % 60, "s"),
        (0, _, _) => two(hours, "h", minutes, "m"),
        _ => two(days, "d", hours, "h"),
    }
}

/// A short time with a unit that fits it.
pub(crate) fn span(nanoseconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    let unit = UNITS.iter().find(|(size, _)| nanoseconds >= *size);
    unit.map_or_else(
        || format!("{nanoseconds} ns"),
        |(size, unit)| format!("{:.1} {unit}", nanoseconds as f64 / *size as f64),
    )
}

/// A moment as RFC 3339 in UTC, to the second.
pub(crate) fn moment(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

/// A moment and how long ago it was.
pub(crate) fn moment_and_age(at: Option<SystemTime>, never: &str, now: SystemTime) -> String {
    at.map_or_else(|| never.to_owned(), |at| format!("{} ({})", moment(at), age(at, now)))
}

/// Reads a size: a number of bytes, or one with K, M, G or T, of which each is 1024 times the one before; KiB
/// and its like are understood too.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let factor: u64 = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        unit => {
            return Err(format!(
                "invalid size {text:?}: unknown unit {unit:?}; expected is a number with K, M, G or T behind it"
            ));
        }
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("invalid size {text:?}: expected is a number of bytes, such as 4096 or 4K"))?;
    number.checked_mul(factor).ok_or_else(|| format!("invalid size {text:?}: more than 64 bits"))
}

/// The longest duration that is read: a century. Sums with it stay in the range of every clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads a duration such as 10m or 1h30m.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("invalid time {text:?}: {error}; expected is one such as 90s, 10m or 1h"))?;
    if duration > LONGEST {
        return Err(format!(
            "invalid time {text:?}: longer than a century; expected is one such as 90s or 1h"
        ));
    }
    Ok(duration)
}

/// Names of users and groups, each looked up once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    users: BTreeMap<u32, Option<String>>,
    groups: BTreeMap<u32, Option<String>>,
}

impl Names {
    /// The user's name, if there is one.
    pub(crate) fn user(&mut self, uid: u32) -> Option<String> {
        let find = || User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        self.users.entry(uid).or_insert_with(find).clone()
    }

    /// The group's name, if there is one.
    pub(crate) fn group(&mut self, gid: u32) -> Option<String> {
        let find = || Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name);
        self.groups.entry(gid).or_insert_with(find).clone()
    }

    /// The user's name for people, or the number.
    pub(crate) fn user_or_number(&mut self, uid: u32) -> String {
        self.user(uid).map_or_else(|| uid.to_string(), |name| harmless(&name))
    }

    /// The group's name for people, or the number.
    pub(crate) fn group_or_number(&mut self, gid: u32) -> String {
        self.group(gid).map_or_else(|| gid.to_string(), |name| harmless(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, size) in
            [("0", 0), ("4096", 4096), ("4K", 4096), ("4KiB", 4096), ("3 M", 3 << 20), ("1T", 1 << 40)]
        {
            assert_eq!(parse_bytes(text), Ok(size), "{text}");
        }
        for text in ["", "K", "-1", "4X", "1.5K", "99999999999G"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert_eq!(
            (bytes(9999), bytes(10_240), bytes(1 << 40)),
            ("9999 B".into(), "10.0 KiB".into(), "1.0 TiB".into())
        );
    }

    #[test]
    fn a_time_that_no_clock_reaches_is_refused() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("36500days"), Ok(LONGEST));
        for text in ["", "10", "36501days", "300000000000years"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_two_units() {
        let of = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(of(59), "59s");
        assert_eq!(of(61), "1m1s");
        assert_eq!(of(3600), "1h");
        assert_eq!(of(90_000), "1d1h");
    }

    #[test]
    fn short_times_have_the_unit_that_fits() {
        let spans = [999, 1500, 2_340_000, 61_000_000_000].map(span);
        assert_eq!(spans, ["999 ns", "1.5 µs", "2.3 ms", "61.0 s"]);
    }

    #[test]
    fn rates_are_short() {
        assert_eq!(scaled(12.0, "/s"), "12 /s");
        assert_eq!(scaled(1234.0, "B/s"), "1.2 kB/s");
        assert_eq!(scaled(-2_500_000.0, "/s"), "-2.5 M/s");
    }
}
