//! When a sender is to end.

use crate::clock::Clock;

/// About this much time passes between two readings of the clock. A reading takes as long as several messages
/// of the fastest mechanisms.
const BETWEEN_LOOKS_NS: u64 = 2000;
/// After this number of calls, the clock is read at least once.
const MOST: u32 = 64;

/// A point in time, and when the clock was last read.
#[derive(Debug)]
pub(super) struct Deadline {
    clock: Clock,
    end: u64,
    between: u64,
    looked: u64,
    /// Calls from one reading to the next.
    questions: u32,
    left: u32,
}

impl Deadline {
    /// This long after `start`, which is in ticks.
    pub(super) fn after(clock: Clock, start: u64, ns: u64) -> Deadline {
        let (end, between) = (start + clock.to_ticks(ns), clock.to_ticks(BETWEEN_LOOKS_NS));
        Deadline { clock, end, between, looked: start, questions: 1, left: 1 }
    }

    /// Whether it has passed, as of the last reading. Call it after every few messages.
    #[inline(always)]
    pub(super) fn is_over(&mut self) -> bool {
        self.left -= 1;
        self.left == 0 && self.look()
    }

    #[inline(never)]
    fn look(&mut self) -> bool {
        let now = self.clock.now();
        let often = now.saturating_sub(self.looked) < self.between;
        self.questions = if often { (self.questions * 2).min(MOST) } else { (self.questions / 2).max(1) };
        self.left = self.questions;
        self.looked = now;
        now >= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Source;

    const CLOCK: Clock = Clock { source: Source::MonotonicRaw, ns_per_tick: 1.0 };

    #[test]
    fn it_is_over_when_the_time_is() {
        let start = CLOCK.now();
        let mut deadline = Deadline::after(CLOCK, start, 3_000_000);
        while !deadline.is_over() {}
        assert!(CLOCK.now() - start >= 3_000_000);
    }

    #[test]
    fn who_asks_often_looks_seldom_and_who_asks_seldom_looks_each_time() {
        let mut deadline = Deadline::after(CLOCK, CLOCK.now(), u64::from(u32::MAX));
        for _ in 0..100 * MOST {
            deadline.between = u64::MAX;
            assert!(!deadline.is_over());
        }
        assert_eq!(deadline.questions, MOST);
        for _ in 0..8 * MOST {
            deadline.between = 0;
            assert!(!deadline.is_over());
        }
        assert_eq!((deadline.questions, deadline.left), (1, 1));
        deadline.end = 0;
        assert!(deadline.is_over());
    }
}
