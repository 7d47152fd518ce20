//! The messages between parent and workers: one JSON object a line.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::histogram::{Histogram, Pairs};
use crate::timeline::Slice;
use crate::wait::Wait;
use crate::workload::Workload;

/// Which of the two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Sends the stream; starts each round trip.
    Producer,
    /// Receives the stream; answers each round trip.
    Consumer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Producer => "producer",
            Role::Consumer => "consumer",
        })
    }
}

/// Faults that the `null` mechanism makes on purpose, so that the harness can be checked. Zero means never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// How long a message takes, in nanoseconds.
    pub(crate) delay_ns: u64,
    /// Every how many messages one is dropped.
    pub(crate) lose_every: u64,
    /// Every how many messages one is sent twice.
    pub(crate) repeat_every: u64,
    /// Every how many messages one changes places with its follower.
    pub(crate) swap_every: u64,
    /// Every how many messages one is damaged.
    pub(crate) damage_every: u64,
}

/// What is measured in one round, the same for all processes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) mechanism: String,
    pub(crate) wait: Wait,
    pub(crate) workload: Workload,
    /// Message size in bytes.
    pub(crate) size: usize,
    /// Slots of a ring, where the mechanism allows a choice.
    pub(crate) slots: usize,
    pub(crate) warm_up_ns: u64,
    pub(crate) measure_ns: u64,
    /// Ends the measurement early, after this number of messages.
    pub(crate) messages: Option<u64>,
    /// Time between intended sends, in nanoseconds, for open-loop workloads.
    pub(crate) interval_ns: f64,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    /// How many of each there are: more than one only in a fan.
    pub(crate) producers: u32,
    pub(crate) consumers: u32,
    /// The round only counts system calls; its times are meaningless.
    #[serde(default)]
    pub(crate) count_calls: bool,
}

/// The instructions to one member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) plan: Plan,
    pub(crate) role: Role,
    /// Its number among all members of the round.
    pub(crate) member: usize,
    /// Its number among those of its role.
    pub(crate) index: usize,
    /// The processors it may use; any when there are none.
    pub(crate) cpus: Vec<usize>,
    /// Identifiers of the kernel objects that the parent made.
    pub(crate) numbers: Vec<i64>,
    /// File descriptors that this worker inherits.
    pub(crate) descriptors: Vec<i32>,
    /// The inherited file into which a consumer of a fan writes its books.
    pub(crate) books: Option<i32>,
}

/// What one member found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Measured messages: round trips at the producer of a ping-pong, arrivals at a consumer.
    pub(crate) count: u64,
    /// Everything that a producer of a fan sent, warm-up included.
    #[serde(default)]
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    /// Messages whose checksum was wrong.
    pub(crate) damaged: u64,
    /// From the first measured message to the last, in nanoseconds.
    pub(crate) elapsed_ns: f64,
    pub(crate) histogram: Pairs,
    /// The same latencies over time.
    #[serde(default)]
    pub(crate) timeline: Vec<Slice>,
    /// The latency of each measured message at one of several receivers, in ticks; 0 where it did not arrive.
    #[serde(default)]
    pub(crate) ages: Vec<u64>,
    /// Sleeps of the project's ends in this process that were ended by the periodic check although a wake-up
    /// was owed.
    #[serde(default)]
    pub(crate) late_sleeps: u64,
    /// In addition to the open-loop histogram: from the real time of sending.
    pub(crate) service: Pairs,
    pub(crate) cpu_seconds: f64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    /// System calls that the workload itself made in the measured part, to be on time.
    #[serde(default)]
    pub(crate) own_calls: u64,
}

impl Outcome {
    /// The outcome of two members of one side together; for ages, those of the last receiver.
    pub(super) fn and(self, other: Outcome) -> Outcome {
        let mut histogram = Histogram::new();
        histogram.add(&self.histogram);
        histogram.add(&other.histogram);
        let mut ages = self.ages;
        for (age, other) in ages.iter_mut().zip(&other.ages) {
            *age = if *age == 0 || *other == 0 { 0 } else { (*age).max(*other) };
        }
        Outcome {
            count: self.count + other.count,
            sent: self.sent + other.sent,
            lost: self.lost + other.lost,
            duplicated: self.duplicated + other.duplicated,
            reordered: self.reordered + other.reordered,
            damaged: self.damaged + other.damaged,
            elapsed_ns: self.elapsed_ns.max(other.elapsed_ns),
            histogram: histogram.pairs(),
            ages,
            late_sleeps: self.late_sleeps + other.late_sleeps,
            timeline: self.timeline,
            service: self.service,
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            voluntary_switches: self.voluntary_switches + other.voluntary_switches,
            involuntary_switches: self.involuntary_switches + other.involuntary_switches,
            own_calls: self.own_calls + other.own_calls,
        }
    }
}

/// Why there are no figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// The mechanism is not available on this machine, or does not support the request.
    Unavailable(String),
    /// It was available, but failed.
    Failed(String),
    /// The user interrupted the run.
    Interrupted,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unavailable(reason) => write!(f, "unavailable: {reason}"),
            Failure::Failed(reason) => f.write_str(reason),
            Failure::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl Failure {
    /// A failure of the call named `what`.
    pub(crate) fn at<E: fmt::Display>(what: &str) -> impl FnOnce(E) -> Failure {
        move |error| Failure::Failed(format!("{what}: {error}"))
    }

    /// The mechanism cannot be used here: the call named `what` says so.
    pub(crate) fn unavailable<E: fmt::Display>(what: &str) -> impl FnOnce(E) -> Failure {
        move |error| Failure::Unavailable(format!("{what}: {error}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Failed(error.to_string())
    }
}

/// A line from a member, prefixed with its number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Everything is set up; the member waits for the word to start.
    Ready,
    /// This producer of a fan has sent everything and waits for the others to have.
    Sent,
    Outcome(Outcome),
    Failure(Failure),
    /// System calls of the measured part, from the process that counts them; none when the worker did not get
    /// so far.
    Calls(Option<u64>),
    /// Why they were not counted.
    Uncounted(String),
}

/// A line to a member, prefixed with its number.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// All are ready.
    Go {
        /// The common start, in ticks of the plan's clock.
        start: u64,
    },
    /// All producers have sent everything.
    Close {
        /// This one sends the end marks.
        last: bool,
    },
}
