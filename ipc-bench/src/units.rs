//! Numbers for people: nanoseconds and rates with a fitting unit.

use crate::result::Spread;

/// A time, with three significant digits.
pub(crate) fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", digits(value))
}

/// Messages a second.
pub(crate) fn rate(per_second: f64) -> String {
    scaled(per_second, &["/s", "k/s", "M/s", "G/s"])
}

/// Bytes a second.
pub(crate) fn throughput(per_second: f64) -> String {
    scaled(per_second, &["B/s", "kB/s", "MB/s", "GB/s"])
}

fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{} {}", digits(value), units[unit])
}

/// How often something happens for each message: two decimals, and zero only for never.
pub(crate) fn few(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        value if value < 0.01 => "<0.01".into(),
        value => format!("{value:.2}"),
    }
}

/// A factor, such as "57" or "1.8".
pub(crate) fn factor(value: f64) -> String {
    digits(value)
}

/// Parts: the middle one, the smallest and the largest.
pub(crate) fn parts(spread: Spread) -> String {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(digits);
    format!("{median} ({min} to {max})")
}

/// Three significant digits, no more than two decimals.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit() {
        assert_eq!(time(143.2), "143 ns");
        assert_eq!(time(14_300.0), "14.3 µs");
        assert_eq!(rate(7_654_321.0), "7.65 M/s");
        assert_eq!(throughput(64.0e6), "64.0 MB/s");
        assert_eq!(factor(1.756), "1.76");
        assert_eq!((few(0.0), few(0.0001), few(2.0)), ("0".into(), "<0.01".into(), "2.00".into()));
    }
}
