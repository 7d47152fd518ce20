//! The clocks in use: wall time for what people read, monotonic time for deadlines, time since boot for generations.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since 1970, for display only; 0 when the machine's clock is set before that.
pub(crate) fn wall_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// The time since the machine started, suspended or not, in nanoseconds. Never set back.
pub(crate) fn since_boot_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map_or(0, |time| time.tv_sec().cast_unsigned() * 1_000_000_000 + time.tv_nsec().cast_unsigned())
}

/// The time that lies `timeout` ahead; a century ahead when that is more than the clock can say.
pub(crate) fn after(timeout: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + CENTURY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timeout_is_too_long() {
        let now = Instant::now();
        assert!(after(Duration::MAX) > now + Duration::from_secs(1 << 30));
        assert!(after(Duration::from_secs(5)) >= now + Duration::from_secs(5));
        assert!(after(Duration::from_secs(5)) < now + Duration::from_secs(3600));
    }
}
