//! What a worker cost: processor time and context switches.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::protocol::Outcome;

/// A reading of the calling thread's counters: a worker's work is done in one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    cpu_us: i64,
    voluntary: i64,
    involuntary: i64,
}

impl Usage {
    /// Reads them now.
    pub(crate) fn now() -> Usage {
        match getrusage(UsageWho::RUSAGE_THREAD) {
            Ok(usage) => Usage {
                cpu_us: usage.user_time().num_microseconds() + usage.system_time().num_microseconds(),
                voluntary: usage.voluntary_context_switches(),
                involuntary: usage.involuntary_context_switches(),
            },
            Err(_) => Usage { cpu_us: 0, voluntary: 0, involuntary: 0 },
        }
    }

    /// Writes what passed from `self` to `later` into `outcome`.
    pub(crate) fn until(self, later: Usage, outcome: &mut Outcome) {
        outcome.cpu_seconds = (later.cpu_us - self.cpu_us) as f64 / 1e6;
        outcome.voluntary_switches = (later.voluntary - self.voluntary).unsigned_abs();
        outcome.involuntary_switches = (later.involuntary - self.involuntary).unsigned_abs();
    }
}
