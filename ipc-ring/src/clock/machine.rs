//! The clock that processes compare: the monotonic clock of the machine.
//!
//! A time namespace adds an offset to what its processes read from the monotonic clock and from the time
//! since boot; so readings in two containers may differ by days. The offset does not change while any process
//! lives in the namespace, and the kernel reports it. Every time that another process reads is in the clock
//! of the initial namespace: the writer subtracts the offset of its namespace, the reader adds that of its
//! own.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::{boot_ns, monotonic_ns};
use crate::error::{AttachError, AttachErrorKind};

/// Nanoseconds that this process's time namespace adds to the two clocks.
static MONOTONIC: AtomicI64 = AtomicI64::new(0);
static BOOT: AtomicI64 = AtomicI64::new(0);
/// Whether the offsets have been determined.
static KNOWN: AtomicBool = AtomicBool::new(false);

/// The number of the initial time namespace in `/proc` (`PROC_TIME_INIT_INO` of the kernel).
const INITIAL: &str = "time:[4026531834]";

/// Determines the time namespace of this process. A child of fork may be in another one than its parent, so
/// every process does this when it joins a domain. If the kernel has no time namespaces, or `/proc` cannot be
/// read, the offset is taken to be zero.
///
/// # Errors
/// [`UnknownClock`](crate::AttachErrorKind::UnknownClock) if the kernel does not report the offset.
pub(crate) fn look() -> Result<(), AttachError> {
    let (monotonic, boot) = offsets(Path::new("/proc/self")).ok_or(AttachErrorKind::UnknownClock)?;
    MONOTONIC.store(monotonic, Ordering::Relaxed); // The same from each thread of a process.
    BOOT.store(boot, Ordering::Relaxed); // The same.
    KNOWN.store(true, Ordering::Relaxed); // A thread that sees the old value finds out itself.
    Ok(())
}

/// Nanoseconds of the machine's monotonic clock, the same for all processes. For a process that has joined a
/// domain.
#[inline]
pub(crate) fn machine_ns() -> u64 {
    // Relaxed: written before by this process, see `look`.
    monotonic_ns().wrapping_sub(MONOTONIC.load(Ordering::Relaxed).cast_unsigned())
}

/// As [`machine_ns`], for a process that may not have called `look` yet.
pub(crate) fn machine_ns_looking() -> u64 {
    if !KNOWN.load(Ordering::Relaxed) {
        // If the kernel does not report the offset, joining a domain returns the error.
        let _ = look();
    }
    machine_ns()
}

/// The time since the machine started, suspended or not, in nanoseconds: the same for all processes, never
/// set back.
pub(crate) fn since_boot_ns() -> u64 {
    // Relaxed: written before by this process, see `look`.
    boot_ns().wrapping_sub(BOOT.load(Ordering::Relaxed).cast_unsigned())
}

/// The offsets that the time namespace of a process adds to its monotonic clock and to its time since boot,
/// in nanoseconds; `None` if they cannot be determined.
fn offsets(process: &Path) -> Option<(i64, i64)> {
    let Ok(text) = fs::read_to_string(process.join("timens_offsets")) else { return Some((0, 0)) };
    // The file describes the namespace of the process's children.
    let namespace = |name: &str| fs::read_link(process.join("ns").join(name)).ok();
    let (own, of_children) = (namespace("time"), namespace("time_for_children"));
    if own.as_ref().is_some_and(|own| own.as_os_str() == INITIAL) {
        return Some((0, 0));
    }
    if own != of_children {
        return None;
    }
    Some((offset(&text, "monotonic")?, offset(&text, "boottime")?))
}

/// The line of a clock: its name, and the seconds and nanoseconds that are added to it.
fn offset(text: &str, clock: &str) -> Option<i64> {
    let mut words = text.lines().map(str::split_whitespace).find_map(|mut words| {
        let name = words.next()?;
        (name == clock).then_some(words)
    })?;
    let (seconds, nanoseconds): (i64, i64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_kernel_are_understood() {
        let text = "monotonic      -1000 250000000\nboottime       86400         0\n";
        assert_eq!(offset(text, "monotonic"), Some(-999_750_000_000));
        assert_eq!(offset(text, "boottime"), Some(86_400_000_000_000));
        assert_eq!(offset(text, "realtime"), None);
        assert_eq!(offset("monotonic 99999999999 0", "monotonic"), None);
    }

    #[test]
    fn without_namespaces_nothing_is_added() {
        assert_eq!(offsets(Path::new("/nonexistent")), Some((0, 0)));
        look().unwrap();
        assert!(machine_ns() <= machine_ns_looking());
    }
}
