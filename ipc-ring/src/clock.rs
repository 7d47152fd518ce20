//! The two clocks in use: wall time for what people read, monotonic time for deadlines.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970, for display only; 0 when the machine's clock is set before that.
pub(crate) fn wall_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
