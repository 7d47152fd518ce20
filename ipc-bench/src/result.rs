//! The results: the rows and the file of JSON version 1.
//!
//! New fields may be added; none changes its meaning without a new version.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::histogram::{Histogram, Percentiles};
use crate::topology::Placement;
use crate::wait::Wait;
use crate::workload::Workload;

/// The version of the file's form.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// A whole result file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) schema_version: u32,
    pub(crate) environment: Environment,
    /// The command line that made it.
    pub(crate) command: String,
    pub(crate) rows: Vec<Row>,
}

impl Results {
    /// Reads a result file.
    ///
    /// # Errors
    /// It cannot be read, is not a result, or has another version.
    pub(crate) fn read(path: &Path) -> Result<Results, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let results: Results = serde_json::from_str(&text).map_err(|error| {
            format!("{} is no result of version {SCHEMA_VERSION}: {error}", path.display())
        })?;
        if results.schema_version == SCHEMA_VERSION {
            Ok(results)
        } else {
            let version = results.schema_version;
            Err(format!("{} has version {version}, not {SCHEMA_VERSION}", path.display()))
        }
    }
}

/// One measured combination, over all its rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) mechanism: String,
    pub(crate) wait: Wait,
    pub(crate) placement: Placement,
    pub(crate) size_bytes: usize,
    /// What the mechanism holds: slots of a ring, bytes of a kernel buffer.
    pub(crate) capacity: Option<u64>,
    /// Rounds, each in fresh processes.
    pub(crate) repetitions: u32,
    /// Measured messages of all rounds; round trips for `pingpong`.
    pub(crate) count: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    /// Messages whose checksum was wrong.
    pub(crate) damaged: u64,
    /// Why the row has no figures.
    pub(crate) error: Option<String>,
    /// Set with `error` when the mechanism is not available on this machine or does not support the request.
    #[serde(default)]
    pub(crate) unavailable: bool,
    /// The mechanism may lose messages by design: a row that is void because of that is not a failure of the
    /// run.
    #[serde(default)]
    pub(crate) may_lose: bool,
    /// Each percentile and the mean: the median over the rounds. `max`: the largest of all rounds.
    /// `pingpong`: half of a round trip. `load`, `wake`: from the intended time of sending.
    pub(crate) one_way_ns: Option<Percentiles>,
    /// The same over the rounds' smallest and largest p50.
    pub(crate) one_way_p50_ns: Option<Spread>,
    /// `load`, `wake`: how long the call that sends took, without the time it started late.
    pub(crate) service_ns: Option<Percentiles>,
    /// `stream`, `fan`: counted by the consumers.
    pub(crate) messages_per_second: Option<Spread>,
    pub(crate) bytes_per_second: Option<Spread>,
    /// Processor time for a million messages, in seconds; median over the rounds.
    pub(crate) cpu_seconds_per_million: Option<PerSide>,
    /// Context switches of both processes in all rounds: they slept.
    pub(crate) voluntary_switches: Option<u64>,
    /// Context switches of both processes in all rounds: other processes ran in between.
    pub(crate) involuntary_switches: Option<u64>,
    /// System calls of all processes for each message, counted in a short round of its own under ptrace, in
    /// which calls are slower: an end that sleeps only when there is nothing to do may do so more often
    /// there. A round trip is two messages.
    pub(crate) syscalls_per_message: Option<f64>,
    /// Why they were not counted.
    #[serde(default)]
    pub(crate) syscalls_uncounted: Option<String>,
    /// `load`, `wake`: intended messages a second.
    pub(crate) target_rate: Option<f64>,
    /// `load`, `wake`: messages a second that arrived; median over the rounds.
    pub(crate) achieved_rate: Option<f64>,
    /// Its members were threads of one process.
    #[serde(default)]
    pub(crate) threads: bool,
    /// `fan`: how many there were.
    #[serde(default)]
    pub(crate) producers: Option<u32>,
    #[serde(default)]
    pub(crate) consumers: Option<u32>,
    /// `fan` with several producers: the fewest measured messages of a producer as a part of the most; 1 is
    /// perfectly fair, 0 means that one was starved.
    #[serde(default)]
    pub(crate) producer_fairness: Option<Spread>,
    /// `receipt`: as `one_way_ns`, at the last of the subscribers to have each message.
    #[serde(default)]
    pub(crate) last_ns: Option<Percentiles>,
    /// Sleeps of this project's ends that were ended by the periodic check although a wake-up was owed. None
    /// in a sound row.
    #[serde(default)]
    pub(crate) late_sleeps: u64,
    /// The row as a part of another mechanism's.
    #[serde(default)]
    pub(crate) against: Option<Against>,
    /// The figures of each round, for comparisons.
    #[serde(default)]
    pub(crate) rounds: Vec<RoundFigures>,
    /// The latency curve of all rounds together: (quantile, nanoseconds).
    #[serde(default)]
    pub(crate) curve: Vec<(f64, f64)>,
    /// Latencies over time: (where in the rounds, 1.5 is the middle of the second; what was usual then, near
    /// the median; the slowest), in nanoseconds. Slices in which nothing came are left out.
    #[serde(default)]
    pub(crate) timeline: Vec<(f64, f64, f64)>,
}

/// One round of a row.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RoundFigures {
    pub(crate) count: u64,
    pub(crate) one_way_ns: Option<Percentiles>,
    pub(crate) messages_per_second: Option<f64>,
}

/// Figures of a row relative to those of a reference in the same rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Against {
    /// The reference.
    pub(crate) mechanism: String,
    pub(crate) wait: Wait,
    pub(crate) p50: Option<Spread>,
    pub(crate) p99: Option<Spread>,
    pub(crate) messages_per_second: Option<Spread>,
}

/// Smallest, middle and largest over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Row {
    /// Which row it is, in words: "fan 8x1 mpmc sleep, 64 bytes".
    pub(crate) fn what(&self) -> String {
        let (workload, mechanism, wait) = (self.workload.name(), &self.mechanism, self.wait.name());
        format!("{workload} {}{mechanism} {wait}, {} bytes", self.ends(), self.size_bytes)
    }

    /// "8x1 " in front of the name of a row of many.
    pub(crate) fn ends(&self) -> String {
        let ends = self.producers.zip(self.consumers);
        ends.map(|(producers, consumers)| format!("{producers}x{consumers} ")).unwrap_or_default()
    }

    /// The mechanism's name in tables.
    pub(crate) fn label(&self) -> String {
        if self.threads { format!("{} (threads)", self.mechanism) } else { self.mechanism.clone() }
    }
}

/// A figure for each process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PerSide {
    pub(crate) producer: f64,
    pub(crate) consumer: f64,
}

impl Spread {
    /// The spread of some values; `None` without any.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (values.first(), values.last()) else { return None };
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Spread { min: *min, median, max: *max })
    }

    /// The same in another unit.
    pub(crate) fn scaled(self, factor: f64) -> Spread {
        Spread { min: self.min * factor, median: self.median * factor, max: self.max * factor }
    }
}

/// The median over the rounds of each percentile; the largest maximum.
pub(crate) fn median_percentiles(rounds: &[Percentiles]) -> Option<Percentiles> {
    let median = |of: fn(&Percentiles) -> f64| Spread::of(rounds.iter().map(of)).map(|spread| spread.median);
    Some(Percentiles {
        p50: median(|round| round.p50)?,
        p90: median(|round| round.p90)?,
        p99: median(|round| round.p99)?,
        p999: median(|round| round.p999)?,
        p9999: median(|round| round.p9999)?,
        max: rounds.iter().map(|round| round.max).fold(0.0, f64::max),
        mean: median(|round| round.mean)?,
    })
}

/// A row, with data that is not written to the file.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) row: Row,
    /// All latencies of all rounds, in ticks.
    pub(crate) histogram: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_have_the_middle_value() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { min: 1.0, median: 2.0, max: 3.0 }));
        assert_eq!(Spread::of([1.0, 2.0]), Some(Spread { min: 1.0, median: 1.5, max: 2.0 }));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn figures_are_read_back_to_the_last_bit() {
        for denominator in 1..1000 {
            let written = f64::from(114_444) / 10.0 / f64::from(denominator);
            let text = serde_json::to_string(&written).expect("a number");
            let read: f64 = serde_json::from_str(&text).expect("the same number");
            assert_eq!(read.to_bits(), written.to_bits(), "{text}");
        }
    }
}
