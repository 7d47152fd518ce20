//! When a task that is never kept waiting yields to others.

use std::time::{Duration, Instant};

/// How long a task has been kept busy by an end that is always ready: a runtime cannot preempt a task, so the
/// end yields by itself, as tokio's own channels do.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Successes since the clock was last read, or since the task yielded.
    done: u32,
    /// When the clock was first read after the task yielded.
    began: Option<Instant>,
}

/// The number of successes after which the clock is read.
const DONE: u32 = 128;
/// A task is kept busy for this long, and [`DONE`] more successes, before it yields.
const TURN: Duration = Duration::from_micros(50);

impl Turn {
    /// Whether the task goes on without reading the clock.
    #[inline(always)]
    pub(crate) fn goes_on(&mut self) -> bool {
        let goes_on = self.done < DONE;
        self.done += u32::from(goes_on);
        goes_on
    }

    /// Whether the task has to yield before it goes on.
    #[inline(always)]
    pub(crate) fn is_over(&mut self) -> bool {
        self.done += 1;
        self.done > DONE && self.look_at_clock()
    }

    #[cold]
    #[inline(never)]
    fn look_at_clock(&mut self) -> bool {
        let now = Instant::now();
        let is_over = self.began.is_some_and(|began| now.duration_since(began) >= TURN);
        *self = Self { done: 0, began: if is_over { None } else { self.began.or(Some(now)) } };
        is_over
    }
}
