//! Latencies over time: what a percentile cannot show, such as a pause in the middle of a round.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// How many slices a round is cut into.
pub(crate) const SLICES: usize = 32;

/// The measured time of a round in slices of equal length; for each the usual and the slowest. Kept in ticks
/// while measuring; all memory is allocated at the start.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    slices: [Slice; SLICES],
    current: usize,
    /// Where the current slice ends.
    until: u64,
    length: u64,
    usual: u64,
}

/// The latencies of one slice, in ticks.
///
/// `usual` follows the median: a step up for a larger value, a step down for a smaller one, a sixteenth of it
/// each. Ma, Muthukrishnan, Sandler, "Frugal streaming for estimating quantiles" (2013).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slice {
    count: u64,
    usual: u64,
    slowest: u64,
}

impl Timeline {
    /// A timeline of this number of ticks from `start`.
    pub(crate) fn new(start: u64, ticks: u64) -> Timeline {
        let length = (ticks / SLICES as u64).max(1);
        Timeline { slices: [Slice::default(); SLICES], current: 0, until: start + length, length, usual: 0 }
    }

    /// Records a latency that was known at `now`. Everything after the planned time counts into the last
    /// slice.
    #[inline(always)]
    pub(crate) fn note(&mut self, now: u64, latency: u64) {
        while now >= self.until && self.current + 1 < SLICES {
            self.current += 1;
            self.until += self.length;
        }
        if self.usual == 0 {
            self.usual = latency;
        }
        let step = self.usual / 16 + 1;
        match latency.cmp(&self.usual) {
            Ordering::Greater => self.usual += step,
            Ordering::Less => self.usual = self.usual.saturating_sub(step),
            Ordering::Equal => {}
        }
        let slice = &mut self.slices[self.current];
        slice.usual = self.usual;
        slice.count += 1;
        slice.slowest = slice.slowest.max(latency);
    }

    /// The slices, for sending.
    pub(crate) fn slices(&self) -> Vec<Slice> {
        self.slices.to_vec()
    }
}

impl Slice {
    /// The usual and the slowest in nanoseconds, each divided by `divisor` (2 for round trips reported as one
    /// way); none when nothing came.
    pub(crate) fn ns(&self, clock: Clock, divisor: f64) -> Option<(f64, f64)> {
        let ns = |ticks: f64| (ticks * clock.ns_per_tick / divisor * 10.0).round() / 10.0;
        (self.count > 0).then(|| (ns(self.usual as f64), ns(self.slowest as f64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Source;

    #[test]
    fn latencies_stand_where_they_were() {
        let clock = Clock { source: Source::MonotonicRaw, ns_per_tick: 1.0 };
        let mut timeline = Timeline::new(1000, 100 * SLICES as u64);
        timeline.note(1000, 10);
        timeline.note(1099, 30);
        // A pause over the second slice.
        timeline.note(1200, 500);
        timeline.note(1_000_000, 70);
        let slices: Vec<_> = timeline.slices().iter().map(|slice| slice.ns(clock, 2.0)).collect();
        let slowest = |slice: usize| slices[slice].map(|(_, slowest)| slowest);
        assert_eq!((slowest(0), slowest(1), slowest(2), slowest(3)), (Some(15.0), None, Some(250.0), None));
        assert_eq!(slowest(SLICES - 1), Some(35.0), "what is late counts as the last");
    }

    #[test]
    fn the_usual_is_near_the_median_and_not_the_mean() {
        let clock = Clock { source: Source::MonotonicRaw, ns_per_tick: 1.0 };
        let mut timeline = Timeline::new(0, 1_000_000);
        // The first is an outlier, and one in ten is.
        for index in 0..1000 {
            timeline.note(index, if index % 10 == 0 { 1_000_000 } else { 95 + index % 10 });
        }
        let (usual, _) = timeline.slices()[0].ns(clock, 1.0).expect("messages came");
        assert!((80.0..120.0).contains(&usual), "{usual}");
    }
}
