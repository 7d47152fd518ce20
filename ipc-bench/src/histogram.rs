//! Latency histograms: kept in ticks while measuring, sent to the parent as pairs, reported in nanoseconds.

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// Three significant digits from one tick to several minutes.
#[derive(Clone, Debug)]
pub(crate) struct Histogram(hdrhistogram::Histogram<u64>);

/// A histogram as (ticks, how many) pairs, in rising order.
pub(crate) type Pairs = Vec<(u64, u64)>;

/// Percentiles in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) p9999: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
}

impl Histogram {
    /// An empty histogram; all its memory is allocated and touched here.
    pub(crate) fn new() -> Histogram {
        let mut inner =
            hdrhistogram::Histogram::new_with_bounds(1, 1 << 40, 3).expect("the bounds are valid");
        for power in 0..40 {
            inner.saturating_record(1 << power);
        }
        inner.reset();
        Histogram(inner)
    }

    /// Counts one value, in ticks.
    #[inline(always)]
    pub(crate) fn record(&mut self, ticks: u64) {
        self.0.saturating_record(ticks);
    }

    /// The content, for sending.
    pub(crate) fn pairs(&self) -> Pairs {
        self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }

    /// Adds what another process counted.
    pub(crate) fn add(&mut self, pairs: &[(u64, u64)]) {
        for (ticks, count) in pairs {
            self.0.saturating_record_n(*ticks, *count);
        }
    }

    /// How many values were counted.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The percentiles in nanoseconds, each value first divided by `divisor` (2 for round trips reported as
    /// one way).
    pub(crate) fn percentiles(&self, clock: Clock, divisor: f64) -> Option<Percentiles> {
        let ns = |ticks: f64| (ticks * clock.ns_per_tick / divisor * 10.0).round() / 10.0;
        let at = |quantile| ns(self.0.value_at_quantile(quantile) as f64);
        (!self.0.is_empty()).then(|| Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: ns(self.0.max() as f64),
            mean: ns(self.0.mean()),
        })
    }

    /// The curve for plots and `.hgrm` files: (quantile, nanoseconds, count so far).
    pub(crate) fn curve(&self, clock: Clock, divisor: f64) -> Vec<(f64, f64, u64)> {
        let mut seen = 0;
        let steps = self.0.iter_quantiles(5);
        let curve = steps.map(|step| {
            seen += step.count_since_last_iteration();
            (step.quantile_iterated_to(), step.value_iterated_to() as f64 * clock.ns_per_tick / divisor, seen)
        });
        curve.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Source;

    #[test]
    fn percentiles_survive_the_journey() {
        let clock = Clock { source: Source::MonotonicRaw, ns_per_tick: 1.0 };
        let mut worker = Histogram::new();
        for value in 1..=1000 {
            worker.record(value * 2);
        }
        let mut parent = Histogram::new();
        parent.add(&worker.pairs());
        assert_eq!(parent.count(), 1000);
        let percentiles = parent.percentiles(clock, 2.0).expect("not empty");
        assert!((percentiles.p50 - 500.0).abs() <= 1.0, "{percentiles:?}");
        assert!((percentiles.p99 - 990.0).abs() <= 1.0, "{percentiles:?}");
        assert!((percentiles.max - 1000.0).abs() <= 1.0, "{percentiles:?}");
        assert!((percentiles.mean - 500.5).abs() <= 1.0, "{percentiles:?}");
    }

    #[test]
    fn an_empty_histogram_has_no_percentiles() {
        let clock = Clock { source: Source::MonotonicRaw, ns_per_tick: 1.0 };
        assert_eq!(Histogram::new().percentiles(clock, 1.0), None);
    }
}
