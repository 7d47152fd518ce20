//! Kernel time stamps, and the time left until a deadline.

use std::time::{Duration, Instant, SystemTime};

/// A kernel time stamp in whole seconds since 1970; 0 means never.
pub(crate) fn stamp(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds != 0)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The time left until the deadline, zero when it has passed.
pub(crate) fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
