//! Values of options: sizes, counts, rates and times.

use crate::workload::MOST_OF_A_FAN;

pub(super) fn parse_size(text: &str) -> Result<usize, String> {
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

pub(super) fn parse_count(text: &str) -> Result<u32, String> {
    let count = text.parse::<u32>().map_err(|error| error.to_string())?;
    if (1..=MOST_OF_A_FAN).contains(&count) {
        Ok(count)
    } else {
        Err(format!("a fan has 1 to {MOST_OF_A_FAN} producers, and as many consumers"))
    }
}

/// The most subscribers: with the publisher and the parent they are all the processes a domain has room for.
const MOST_READERS: u32 = 250;

pub(super) fn parse_readers(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count) if (1..=MOST_READERS).contains(&count) => Ok(count),
        _ => Err(format!("a publisher has 1 to {MOST_READERS} subscribers here")),
    }
}

/// Producers and consumers, such as `8x1`.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn parse_ends(text: &str) -> Result<(u32, u32), String> {
    let (producers, consumers) =
        text.split_once('x').ok_or("producers and consumers are expected, such as 8x1")?;
    Ok((parse_count(producers)?, parse_count(consumers)?))
}

pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (digits, factor) = match lower.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => lower.strip_suffix('m').map_or((lower.as_str(), 1.0), |digits| (digits, 1e6)),
    };
    let rate = digits.parse::<f64>().map_err(|error| error.to_string())? * factor;
    if (0.01..=1e9).contains(&rate) {
        Ok(rate)
    } else {
        Err("a rate is between 0.01 and 1e9 a second".into())
    }
}

/// A time, as seconds.
pub(super) fn parse_gap(text: &str) -> Result<f64, String> {
    let units = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let found = units.iter().find_map(|(unit, factor)| Some((text.trim().strip_suffix(unit)?, factor)));
    let (digits, factor) = found.ok_or("a time with its unit is expected, such as 10us")?;
    let gap = digits.trim().parse::<f64>().map_err(|error| error.to_string())? * factor;
    if (1e-6..=10.0).contains(&gap) { Ok(gap) } else { Err("a gap is between 1us and 10s".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_gaps_are_read() {
        assert_eq!(parse_rate("100k"), Ok(100e3));
        assert_eq!(parse_rate("2.5M"), Ok(2.5e6));
        assert!(parse_rate("0").is_err());
        assert_eq!(parse_gap("1ms"), Ok(1e-3));
        assert!(parse_gap("10").is_err());
    }

    #[test]
    fn ends_are_read() {
        assert_eq!(parse_ends("8x1"), Ok((8, 1)));
        assert!(parse_ends("8").is_err() && parse_ends("0x1").is_err() && parse_ends("1x1000").is_err());
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
