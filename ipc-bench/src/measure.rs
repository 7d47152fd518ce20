//! From a list of cells to rows: interleaved rounds, each in fresh processes; medians over the rounds.

use crate::clock::Clock;
use crate::histogram::{Histogram, Percentiles};
use crate::mechanism::Mechanism;
use crate::process::{Failure, Faults, Plan, Round, run_team};
use crate::progress::Progress;
use crate::result::{Measured, PerSide, RoundFigures, Row, Spread, median_percentiles};
use crate::timeline;
use crate::topology::Seats;
use crate::wait::Wait;
use crate::workload::Workload;

/// What all cells of a run share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) clock: Clock,
    pub(crate) seats: Seats,
    pub(crate) repetitions: u32,
    pub(crate) warm_up_ns: u64,
    pub(crate) measure_ns: u64,
    pub(crate) messages: Option<u64>,
    /// Slots of a ring; chosen by size when absent.
    pub(crate) slots: Option<usize>,
    pub(crate) faults: Faults,
    /// Leaves out the rates above the first that a mechanism could not keep up with.
    pub(crate) stop_at_knee: bool,
    /// Adds a short last round to each row, in which its system calls are counted.
    pub(crate) count_calls: bool,
}

/// One row to be measured.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) mechanism: &'static dyn Mechanism,
    pub(crate) wait: Wait,
    pub(crate) workload: Workload,
    pub(crate) size: usize,
    /// Messages a second, for open-loop workloads.
    pub(crate) rate: Option<f64>,
    /// Producers and consumers.
    pub(crate) ends: Ends,
}

/// The number of producers and of consumers.
pub(crate) type Ends = (u32, u32);

/// How long calls are counted for a row.
const TALLY_NS: u64 = 50_000_000;
/// The maximum number of messages, where that is what ends a round.
const TALLY_MESSAGES: u64 = 2000;

/// One of each: all workloads but fans and publications.
pub(crate) const PAIR: Ends = (1, 1);

impl Cell {
    /// Its name in progress lines.
    pub(crate) fn label(&self) -> String {
        let (producers, consumers) = self.ends;
        let ends = if self.shows_ends() { format!(" {producers}x{consumers}") } else { String::new() };
        let (workload, mechanism, wait) = (self.workload.name(), self.mechanism.name(), self.wait.name());
        format!("{workload}{ends} {mechanism} {wait} {} B", self.size)
    }

    /// Whether the number of ends is part of what the row measures.
    fn shows_ends(&self) -> bool {
        matches!(self.workload, Workload::Fan | Workload::Publish | Workload::Receipt)
    }

    /// The same at a higher rate.
    fn is_faster_than(&self, other: &Cell) -> bool {
        self.mechanism.name() == other.mechanism.name()
            && self.wait == other.wait
            && self.size == other.size
            && self.rate > other.rate
    }

    fn plan(&self, settings: &Settings) -> Plan {
        let interval_ns = self.rate.map_or(0.0, |rate| 1e9 / rate);
        // Rare messages need more time for a median.
        let least_ns = if matches!(self.workload, Workload::Wake | Workload::Receipt) {
            (20.0 * interval_ns) as u64
        } else {
            0
        };
        Plan {
            mechanism: self.mechanism.name().into(),
            wait: self.wait,
            workload: self.workload,
            size: self.size,
            slots: settings.slots.unwrap_or_else(|| default_slots(self.workload, self.size)),
            warm_up_ns: settings.warm_up_ns,
            measure_ns: settings.measure_ns.max(least_ns),
            messages: settings.messages,
            interval_ns,
            clock: settings.clock,
            faults: settings.faults,
            producers: self.ends.0,
            consumers: self.ends.1,
            count_calls: false,
        }
    }

    /// A short round in which system calls are counted and nothing else.
    fn tally_plan(&self, settings: &Settings) -> Plan {
        let messages = settings.messages.map(|messages| messages.min(TALLY_MESSAGES));
        // A fixed number of messages takes an unknown time.
        let measure_ns =
            if messages.is_some() { settings.measure_ns } else { settings.measure_ns.min(TALLY_NS) };
        let warm_up_ns = settings.warm_up_ns.min(TALLY_NS / 5);
        Plan { count_calls: true, ..self.plan(&Settings { messages, measure_ns, warm_up_ns, ..*settings }) }
    }

    /// What this cell does not support, found before anything is started.
    fn objection(&self) -> Option<String> {
        let name = self.mechanism.name();
        if !self.mechanism.workloads().contains(&self.workload) {
            return Some(format!("{name} has no {} workload", self.workload.name()));
        }
        if !self.mechanism.waits().contains(&self.wait) {
            let waits: Vec<_> = self.mechanism.waits().iter().map(|wait| wait.name()).collect();
            return Some(format!("{name} cannot wait by {}; it has {}", self.wait.name(), waits.join(", ")));
        }
        (self.size < 8).then(|| "a message has at least 8 bytes, for its sequence number".into())
    }
}

/// One MiB of payload within 16 and 1024 slots; 64 at most where only one message is in flight.
fn default_slots(workload: Workload, size: usize) -> usize {
    let slots = ((1usize << 20) / size.next_power_of_two()).clamp(16, 1024);
    if workload == Workload::Pingpong { slots.min(64) } else { slots }
}

/// The results of a cell so far.
struct State {
    cell: Cell,
    rounds: Vec<Round>,
    failure: Option<Failure>,
    /// System calls for each message, or why they were not counted.
    calls: Option<Result<f64, String>>,
    /// A lower rate was too high already.
    beyond_knee: bool,
}

/// The part of the intended rate that must arrive for a mechanism to keep up.
pub(crate) const KEPT_UP: f64 = 0.95;

impl State {
    /// Whether fewer messages arrived than were meant to be sent, in the last round.
    fn fell_behind(&self) -> bool {
        self.cell.rate.zip(self.rounds.last()).is_some_and(|(rate, round)| {
            let arrived = round.consumer.count as f64 / round.consumer.elapsed_ns * 1e9;
            arrived < KEPT_UP * rate
        })
    }
}

/// Measures the cells round by round. A cell that failed is left out of the further rounds.
///
/// # Errors
/// Only when the user interrupted.
pub(crate) fn run(
    cells: &[Cell],
    settings: &Settings,
    progress: &Progress,
) -> Result<Vec<Measured>, Failure> {
    let mut states: Vec<_> = cells
        .iter()
        .map(|cell| State {
            cell: *cell,
            rounds: Vec::new(),
            failure: cell.objection().map(Failure::Unavailable),
            calls: None,
            beyond_knee: false,
        })
        .collect();
    for round in 1..=settings.repetitions {
        for index in 0..states.len() {
            let state = &mut states[index];
            if state.failure.is_some() || state.beyond_knee {
                continue;
            }
            progress.next(&format!("round {round} of {}: {}", settings.repetitions, state.cell.label()));
            match run_team(state.cell.mechanism, &state.cell.plan(settings), settings.seats) {
                Ok(round) => state.rounds.push(round),
                Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                Err(failure) => state.failure = Some(failure),
            }
            if settings.stop_at_knee && states[index].fell_behind() {
                let cell = states[index].cell;
                states.iter_mut().for_each(|state| state.beyond_knee |= state.cell.is_faster_than(&cell));
            }
        }
    }
    if settings.count_calls {
        for state in states.iter_mut().filter(|state| state.failure.is_none() && !state.rounds.is_empty()) {
            progress.next(&format!("counting system calls: {}", state.cell.label()));
            let told = run_team(state.cell.mechanism, &state.cell.tally_plan(settings), settings.seats);
            state.calls = Some(match told {
                Ok(round) => calls_per_message(state.cell.workload, &round)
                    .ok_or_else(|| "no message came while they were counted".to_owned()),
                Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                Err(failure) => Err(failure.to_string()),
            });
        }
    }
    progress.finish();
    let wanted = states.into_iter().filter(|state| !(state.beyond_knee && state.rounds.is_empty()));
    Ok(wanted.map(|state| summarise(state, settings)).collect())
}

/// System calls of all sides for each message; a round trip is two.
fn calls_per_message(workload: Workload, round: &Round) -> Option<f64> {
    let count = measured_by(workload, round).count;
    let messages = if workload == Workload::Pingpong { 2 * count } else { count };
    let own = round.producer.own_calls + round.consumer.own_calls;
    round.calls.filter(|_| messages > 0).map(|calls| calls.saturating_sub(own) as f64 / messages as f64)
}

fn summarise(state: State, settings: &Settings) -> Measured {
    let State { cell, rounds, failure, calls, .. } = state;
    let mut row = empty_row(&cell, settings);
    row.unavailable = matches!(failure, Some(Failure::Unavailable(_)));
    row.error = failure.map(|failure| match failure {
        Failure::Unavailable(reason) => reason,
        other => other.to_string(),
    });
    row.repetitions = u32::try_from(rounds.len()).unwrap_or(u32::MAX);
    row.capacity = rounds.first().and_then(|round| round.capacity);
    for round in &rounds {
        let (producer, consumer) = (&round.producer, &round.consumer);
        row.count += measured_by(cell.workload, round).count;
        row.lost += producer.lost + consumer.lost;
        row.duplicated += producer.duplicated + consumer.duplicated;
        row.reordered += producer.reordered + consumer.reordered;
        row.damaged += producer.damaged + consumer.damaged;
        row.late_sleeps += producer.late_sleeps + consumer.late_sleeps;
    }
    void_if_late(&mut row);
    if row.error.is_none() && row.lost + row.duplicated + row.reordered + row.damaged > 0 {
        row.error = Some(format!(
            "void: {} lost, {} duplicated, {} reordered, {} damaged",
            row.lost, row.duplicated, row.reordered, row.damaged
        ));
    }
    if row.error.is_none() && rounds.iter().any(|round| measured_by(cell.workload, round).count == 0) {
        row.error =
            Some("no message came in the measured time of a round; measure longer (--duration)".into());
    }
    if row.error.is_some() {
        return Measured { row, histogram: Histogram::new() };
    }
    match calls {
        Some(Ok(calls)) => row.syscalls_per_message = Some(calls),
        Some(Err(reason)) => row.syscalls_uncounted = Some(reason),
        None => row.syscalls_uncounted = Some("not asked for".into()),
    }
    let histogram = figures(&mut row, &rounds, settings);
    Measured { row, histogram }
}

/// Which side's outcome counts: the one that closes the loop, the one that publishes, or the one where
/// messages arrive.
fn measured_by(workload: Workload, round: &Round) -> &crate::process::Outcome {
    if matches!(workload, Workload::Pingpong | Workload::Publish) { &round.producer } else { &round.consumer }
}

/// Whether a workload has a rate of its own and no latencies.
fn is_flow(workload: Workload) -> bool {
    matches!(workload, Workload::Stream | Workload::Fan | Workload::Publish)
}

fn figures(row: &mut Row, rounds: &[Round], settings: &Settings) -> Histogram {
    let clock = settings.clock;
    let divisor = if row.workload == Workload::Pingpong { 2.0 } else { 1.0 };
    let mut all = Histogram::new();
    for (index, round) in rounds.iter().enumerate() {
        let outcome = measured_by(row.workload, round);
        let mut histogram = Histogram::new();
        histogram.add(&outcome.histogram);
        all.add(&outcome.histogram);
        row.timeline.extend(outcome.timeline.iter().enumerate().filter_map(|(slice, what)| {
            let (usual, slowest) = what.ns(clock, divisor)?;
            let place = index as f64 + (slice as f64 + 0.5) / timeline::SLICES as f64;
            Some(((place * 1000.0).round() / 1000.0, usual, slowest))
        }));
        row.rounds.push(RoundFigures {
            count: outcome.count,
            one_way_ns: histogram.percentiles(clock, divisor),
            messages_per_second: (is_flow(row.workload) && outcome.elapsed_ns > 0.0)
                .then(|| outcome.count as f64 / outcome.elapsed_ns * 1e9),
        });
    }
    let latencies: Vec<Percentiles> = row.rounds.iter().filter_map(|round| round.one_way_ns).collect();
    row.one_way_ns = median_percentiles(&latencies);
    row.one_way_p50_ns = Spread::of(latencies.iter().map(|round| round.p50));
    row.curve = all.curve(clock, divisor).into_iter().map(|(quantile, ns, _)| (quantile, ns)).collect();
    row.messages_per_second = Spread::of(row.rounds.iter().filter_map(|round| round.messages_per_second));
    row.producer_fairness = Spread::of(rounds.iter().filter_map(|round| round.producer_fairness));
    row.bytes_per_second = row.messages_per_second.map(|rate| rate.scaled(row.size_bytes as f64));
    if row.workload == Workload::Receipt {
        let last = |round: &Round| {
            let mut histogram = Histogram::new();
            if round.consumer.ages.is_empty() {
                histogram.add(&round.consumer.histogram);
            }
            round.consumer.ages.iter().filter(|age| **age > 0).for_each(|age| histogram.record(*age));
            histogram.percentiles(clock, 1.0)
        };
        row.last_ns = median_percentiles(&rounds.iter().filter_map(last).collect::<Vec<_>>());
    }
    if matches!(row.workload, Workload::Load | Workload::Wake) {
        let mut service = Histogram::new();
        rounds.iter().for_each(|round| service.add(&round.producer.service));
        row.service_ns = service.percentiles(clock, 1.0);
        let achieved =
            rounds.iter().map(|round| round.consumer.count as f64 / round.consumer.elapsed_ns * 1e9);
        row.achieved_rate = Spread::of(achieved).map(|spread| spread.median);
    }
    let cost = |side: fn(&Round) -> &crate::process::Outcome| {
        let costs = rounds.iter().filter(|round| side(round).count > 0);
        Spread::of(costs.map(|round| side(round).cpu_seconds / side(round).count as f64 * 1e6))
            .map(|spread| spread.median)
    };
    row.cpu_seconds_per_million = cost(|round| &round.producer)
        .zip(cost(|round| &round.consumer))
        .map(|(producer, consumer)| PerSide { producer, consumer });
    let sum = |of: fn(&crate::process::Outcome) -> u64| {
        rounds.iter().map(|round| of(&round.producer) + of(&round.consumer)).sum()
    };
    row.voluntary_switches = Some(sum(|outcome| outcome.voluntary_switches));
    row.involuntary_switches = Some(sum(|outcome| outcome.involuntary_switches));
    all
}

/// A row with late sleeps has no meaningful figures.
pub(crate) fn void_if_late(row: &mut Row) {
    if row.error.is_none() && row.late_sleeps > 0 {
        row.error = Some(format!(
            "void: {} sleeps were ended by the periodic look although a wake-up was owed",
            row.late_sleeps
        ));
    }
}

pub(crate) fn empty_row(cell: &Cell, settings: &Settings) -> Row {
    Row {
        workload: cell.workload,
        mechanism: cell.mechanism.name().into(),
        wait: cell.wait,
        placement: settings.seats.placement,
        size_bytes: cell.size,
        capacity: None,
        repetitions: 0,
        count: 0,
        lost: 0,
        duplicated: 0,
        reordered: 0,
        damaged: 0,
        error: None,
        unavailable: false,
        may_lose: cell.mechanism.may_lose(),
        one_way_ns: None,
        one_way_p50_ns: None,
        service_ns: None,
        messages_per_second: None,
        bytes_per_second: None,
        cpu_seconds_per_million: None,
        voluntary_switches: None,
        involuntary_switches: None,
        syscalls_per_message: None,
        syscalls_uncounted: None,
        target_rate: cell.rate,
        achieved_rate: None,
        producers: cell.shows_ends().then_some(cell.ends.0),
        consumers: cell.shows_ends().then_some(cell.ends.1),
        producer_fairness: None,
        last_ns: None,
        late_sleeps: 0,
        threads: cell.mechanism.in_process(),
        against: None,
        rounds: Vec::new(),
        curve: Vec::new(),
        timeline: Vec::new(),
    }
}
