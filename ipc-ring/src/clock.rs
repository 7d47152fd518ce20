//! The clocks in use: wall time for display, monotonic time for deadlines, time since boot for generations.
//!
//! A time that other processes read is in terms of the [machine's clock](machine), whatever time namespaces
//! they are in.

mod machine;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

pub(crate) use machine::{look, machine_ns, machine_ns_looking, since_boot_ns};

/// Nanoseconds since 1970, for display only; 0 when the machine's clock is set before that.
pub(crate) fn wall_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// The time since the machine started, as seen in this process's time namespace, in nanoseconds.
fn boot_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map_or(0, |time| time.tv_sec().cast_unsigned() * 1_000_000_000 + time.tv_nsec().cast_unsigned())
}

/// The monotonic clock as seen in this process's time namespace: what `Instant` reads, as a number.
/// Nanoseconds.
#[inline]
fn monotonic_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |time| time.tv_sec().cast_unsigned() * 1_000_000_000 + time.tv_nsec().cast_unsigned())
}

/// The time `timeout` from now; a century from now if that exceeds the clock's range.
pub(crate) fn after(timeout: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + CENTURY)
}

/// The reading of the machine's monotonic clock at an instant, in nanoseconds, which other processes
/// understand; at least 1.
pub(crate) fn monotonic_at(instant: Instant) -> u64 {
    let ahead = instant.saturating_duration_since(Instant::now());
    let ahead = u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX);
    machine_ns().saturating_add(ahead).max(1)
}

/// The instant of a reading of the machine's monotonic clock in nanoseconds; `None` for 0, and for a reading
/// beyond the clock's range. Any number is accepted.
pub(crate) fn instant_of(machine: u64) -> Option<Instant> {
    if machine == 0 {
        return None;
    }
    Instant::now().checked_add(Duration::from_nanos(machine.saturating_sub(machine_ns())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_survive_the_journey() {
        let soon = Instant::now() + Duration::from_secs(5);
        let there = instant_of(monotonic_at(soon)).unwrap();
        let off = there.max(soon) - there.min(soon);
        assert!(off < Duration::from_secs(1), "{off:?}");
        assert_eq!(instant_of(0), None);
        assert!(instant_of(1).unwrap() <= Instant::now());
        assert!(instant_of(u64::MAX).is_none_or(|end| end > soon));
        assert!(monotonic_at(after(Duration::MAX)) > monotonic_at(soon));
    }

    #[test]
    fn no_timeout_is_too_long() {
        let now = Instant::now();
        assert!(after(Duration::MAX) > now + Duration::from_secs(1 << 30));
        assert!(after(Duration::from_secs(5)) >= now + Duration::from_secs(5));
        assert!(after(Duration::from_secs(5)) < now + Duration::from_secs(3600));
    }
}
