//! When a task that is never kept waiting yields to others.

use std::time::{Duration, Instant};

/// How long a task has been kept busy by an end that is always ready: a runtime cannot preempt a task, so the
/// end yields by itself, as tokio's own channels do.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The number of operations when the clock was last read, or the task yielded.
    looked: u64,
    /// The number of operations of an end that does not count them itself.
    counted: u64,
    /// When the clock was first read after the task yielded.
    began: Option<Instant>,
}

/// The number of operations after which the clock is read.
const OPERATIONS: u64 = 128;
/// A task is kept busy for this long, and [`OPERATIONS`] more, before it yields.
const TURN: Duration = Duration::from_micros(50);

impl Turn {
    /// Whether an operation with this number goes on without reading the clock.
    #[inline(always)]
    pub(crate) fn has_time(&self, passed: u64) -> bool {
        passed.wrapping_sub(self.looked) < OPERATIONS
    }

    /// Whether the task goes on without reading the clock. `passed`: the end's own count of its operations;
    /// with one, nothing is stored here.
    #[inline(always)]
    pub(crate) fn goes_on(&mut self, passed: Option<u64>) -> bool {
        let passed = passed.unwrap_or_else(|| {
            self.counted += 1;
            self.counted
        });
        self.has_time(passed)
    }

    /// Whether the task has to yield before it goes on, by the clock, if it is time to read it.
    #[cold]
    #[inline(never)]
    pub(crate) fn is_over(&mut self, passed: Option<u64>) -> bool {
        if self.has_time(passed.unwrap_or(self.counted)) {
            return false;
        }
        let now = Instant::now();
        let is_over = self.began.is_some_and(|began| now.duration_since(began) >= TURN);
        self.began = if is_over { None } else { self.began.or(Some(now)) };
        self.looked = passed.unwrap_or(self.counted);
        is_over
    }

    /// The task yields, for whatever reason.
    pub(crate) fn ends(&mut self, passed: Option<u64>) {
        self.began = None;
        self.looked = passed.unwrap_or(self.counted);
    }
}
