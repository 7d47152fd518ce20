//! Which plots a result gets: per workload, and never spinning and sleeping in one ranking.

use std::collections::BTreeSet;

use shapes::{
    Palette, Percentile, against_size, curves_of, medians, over_time, percentile_choice, percentiles,
    plot_curves,
};

use super::chart::{Axis, Marks, Plot};
use crate::result::{Results, Row};
use crate::units;
use crate::wait::Wait;
use crate::workload::Workload;

mod shapes;

/// The part of the page on one workload.
pub(super) struct Section {
    pub(super) workload: Workload,
    pub(super) title: &'static str,
    /// HTML.
    pub(super) explanation: &'static str,
    pub(super) plots: Vec<Plot>,
}

/// The sections of the workloads that have figures.
pub(super) fn sections(results: &Results) -> Vec<Section> {
    let all = [
        section(
            results,
            Workload::Pingpong,
            "How long a message takes",
            "One message goes over and comes back; half of that is shown. The curves show how many messages took how \
             long: at 99 % stands the time that only one message in a hundred exceeded. Lower is better. Mechanisms \
             that wait by spinning use a whole processor while they wait, so they are never ranked with those that \
             sleep.",
            round_trips,
        ),
        section(
            results,
            Workload::Stream,
            "How many messages go through",
            "The producer sends without pause, one call for each message; the consumer counts. Further right is \
             better. The bar goes from the slowest round to the fastest.",
            streams,
        ),
        section(
            results,
            Workload::Load,
            "How long a message takes at a given rate",
            "Messages are meant to be sent at fixed times. Latency counts from the intended time, also when the sender \
             itself was held up. Where a curve rises steeply, the mechanism cannot keep up.",
            loads,
        ),
        section(
            results,
            Workload::Wake,
            "How long an idle consumer takes to react",
            "Messages are rare; in between the consumer waits in its own way. The longer it was idle, the deeper \
             processor and memory have gone to sleep.",
            wakes,
        ),
        section(
            results,
            Workload::Fan,
            "How many messages go through among many",
            "Several producers and several consumers share one queue: 8x1 are eight producers and one consumer. The bar \
             goes from the slowest round to the fastest. Further right is better.",
            streams,
        ),
        section(
            results,
            Workload::Publish,
            "What a publication costs with many readers",
            "One publisher sends without pause to this number of subscribers, which sleep, read a few messages, and \
             sleep again. A flat curve means that the publisher pays the same for any number of them. Lower is \
             better.",
            publications,
        ),
        section(
            results,
            Workload::Receipt,
            "How old a message is when sleeping subscribers have it",
            "One publisher sends rare messages at fixed times to subscribers that sleep. The age counts from the intended \
             time until the last of the subscribers has the message. Lower is better.",
            receipts,
        ),
        section(
            results,
            Workload::DeathTold,
            "How long until a death is known",
            "A process is killed with SIGKILL while its partner sleeps and waits for it. Lower is better.",
            deaths,
        ),
        section(
            results,
            Workload::DeathRepaired,
            "How long until what the dead had in hand is delivered",
            "A consumer is killed with a message in hand while others push and pop. Lower is better.",
            deaths,
        ),
        section(
            results,
            Workload::DeathReplaced,
            "How long until a producer goes on after its consumer's death",
            "The ring is full and its consumer is killed: the producer learns of it, a successor comes, and the first push \
             succeeds. Lower is better.",
            deaths,
        ),
    ];
    all.into_iter().flatten().collect()
}

fn section(
    results: &Results,
    workload: Workload,
    title: &'static str,
    explanation: &'static str,
    plots: fn(&[&Row], &Palette<'_>) -> Vec<Plot>,
) -> Option<Section> {
    let rows: Vec<_> =
        results.rows.iter().filter(|row| row.workload == workload && row.error.is_none()).collect();
    let mut palette: Vec<&str> = Vec::new();
    for row in &results.rows {
        if !palette.contains(&row.mechanism.as_str()) {
            palette.push(&row.mechanism);
        }
    }
    (!rows.is_empty()).then(|| Section { workload, title, explanation, plots: plots(&rows, &palette) })
}

/// The rows of each way of waiting, in order.
fn by_wait<'a>(rows: &[&'a Row]) -> Vec<(Wait, Vec<&'a Row>)> {
    let waits: BTreeSet<_> = rows.iter().map(|row| row.wait).collect();
    waits
        .into_iter()
        .map(|wait| (wait, rows.iter().copied().filter(|row| row.wait == wait).collect()))
        .collect()
}

fn sizes(rows: &[&Row]) -> BTreeSet<usize> {
    rows.iter().map(|row| row.size_bytes).collect()
}

fn words(wait: Wait) -> &'static str {
    match wait {
        Wait::Spin => "spinning",
        Wait::SpinYield => "spinning and yielding",
        Wait::SpinSleep => "spinning, then sleeping",
        Wait::Sleep => "sleeping",
    }
}

fn round_trips(rows: &[&Row], palette: &Palette<'_>) -> Vec<Plot> {
    let mut plots = Vec::new();
    for size in sizes(rows) {
        let rows: Vec<_> = rows.iter().copied().filter(|row| row.size_bytes == size).collect();
        for (wait, rows) in by_wait(&rows) {
            let what = format!("{size} bytes, {}", words(wait));
            plots.push(medians(&rows, &format!("One way, {what}")));
            plots.extend(percentiles(&rows, palette, &format!("One way, {what}")));
            plots.extend(over_time(&rows, palette, what));
        }
    }
    if sizes(rows).len() > 1 {
        for (wait, rows) in by_wait(rows) {
            let p50 = |row: &Row| row.one_way_ns.map(|latency| latency.p50);
            let title = format!("One way against size, p50, {}", words(wait));
            plots.extend(against_size(title, &rows, palette, "time", units::time, p50));
        }
    }
    plots
}

/// From a kill to its consequence.
fn deaths(rows: &[&Row], palette: &Palette<'_>) -> Vec<Plot> {
    let plots = by_wait(rows).into_iter().flat_map(|(wait, rows)| {
        let what = format!("After the kill, {}", words(wait));
        std::iter::once(medians(&rows, &what)).chain(percentiles(&rows, palette, &what))
    });
    plots.collect()
}

fn streams(rows: &[&Row], palette: &Palette<'_>) -> Vec<Plot> {
    let mut plots = Vec::new();
    for size in sizes(rows) {
        let rows: Vec<_> = rows.iter().copied().filter(|row| row.size_bytes == size).collect();
        plots.extend(by_wait(&rows).into_iter().map(|(wait, rows)| flow(&rows, wait, size)));
    }
    let pairs_only = rows.iter().all(|row| row.producers.is_none());
    if pairs_only && sizes(rows).len() > 1 {
        for (wait, rows) in by_wait(rows) {
            let bytes = |row: &Row| row.bytes_per_second.map(|rate| rate.median);
            let title = format!("Bytes a second against size, {}", words(wait));
            plots.extend(against_size(title, &rows, palette, "bytes a second", units::throughput, bytes));
        }
    }
    plots
}

/// A line for each row of one way of waiting: the median rate, and a bar from the slowest round to the
/// fastest.
fn flow(rows: &[&Row], wait: Wait, size: usize) -> Plot {
    let mut rows: Vec<_> = rows.iter().filter_map(|row| Some((*row, row.messages_per_second?))).collect();
    let ends = |row: &Row| (row.producers, row.consumers);
    rows.sort_by(|(a, x), (b, y)| ends(a).cmp(&ends(b)).then(y.median.total_cmp(&x.median)));
    let values = rows.iter().flat_map(|(_, rate)| [rate.min, rate.median, rate.max]);
    let axis = Axis::logarithmic("messages a second, logarithmic", values, units::rate);
    let marks: Vec<_> = rows
        .iter()
        .map(|(row, rate)| Marks {
            name: format!("{}{}", row.ends(), row.label()),
            mark: rate.median,
            low: rate.min,
            high: rate.max,
            text: units::rate(rate.median),
        })
        .collect();
    let fan = rows.iter().any(|(row, _)| row.producers.is_some());
    let title = if fan { "Fan" } else { "Stream" };
    Plot::marks(format!("{title}, {size} bytes, {}", words(wait)), &axis, &marks)
}

/// What a publication takes, over the number of subscribers.
fn publications(rows: &[&Row], palette: &Palette<'_>) -> Vec<Plot> {
    let mut plots = Vec::new();
    for size in sizes(rows) {
        let rows: Vec<_> = rows.iter().copied().filter(|row| row.size_bytes == size).collect();
        for (wait, rows) in by_wait(&rows) {
            let point = |row: &Row| Some((f64::from(row.consumers?), 1e9 / row.messages_per_second?.median));
            let curves = curves_of(&rows, palette, point);
            let points = || curves.iter().flat_map(|curve| curve.points.iter());
            let x =
                Axis::at_values("subscribers", points().map(|(count, _)| *count), |count| count.to_string());
            let y = Axis::logarithmic("time", points().map(|(_, ns)| *ns), units::time);
            let title = format!("A publication of {size} bytes, subscribers {}", words(wait));
            plots.push(Plot::curves(title, &x, &y, &curves));
        }
    }
    plots
}

fn receipts(rows: &[&Row], palette: &Palette<'_>) -> Vec<Plot> {
    let figures: [(&'static str, Percentile); 2] =
        [("p50", |row| row.last_ns.map(|last| last.p50)), ("p99", |row| row.last_ns.map(|last| last.p99))];
    let mut plots = Vec::new();
    for size in sizes(rows) {
        let rows: Vec<_> = rows.iter().copied().filter(|row| row.size_bytes == size).collect();
        for (wait, rows) in by_wait(&rows) {
            for (name, percentile) in figures {
                let point = |row: &Row| Some((f64::from(row.consumers?), percentile(row)?));
                let title = format!("{name} at the last subscriber, {size} bytes, {}", words(wait));
                let axes = (
                    ("subscribers", (|count| count.to_string()) as fn(f64) -> String),
                    ("age", units::time as _),
                );
                plots.extend(plot_curves(title, axes.0, axes.1, curves_of(&rows, palette, point)));
            }
        }
    }
    plots
}

fn loads(rows: &[&Row], palette: &Palette<'_>) -> Vec<Plot> {
    let mut plots = Vec::new();
    for size in sizes(rows) {
        let rows: Vec<_> = rows.iter().copied().filter(|row| row.size_bytes == size).collect();
        for (wait, rows) in by_wait(&rows) {
            for (name, percentile) in percentile_choice() {
                let point = |row: &Row| Some((row.target_rate?, percentile(row)?));
                let title = format!("{name} against rate, {size} bytes, {}", words(wait));
                let axes =
                    (("messages a second", units::rate as fn(f64) -> String), ("time", units::time as _));
                plots.extend(plot_curves(title, axes.0, axes.1, curves_of(&rows, palette, point)));
            }
            plots.extend(over_time_at_top(&rows, palette, wait, size));
        }
    }
    plots
}

/// Over time, at the highest rate that every mechanism was measured at: where a queue builds up, it is seen
/// there.
fn over_time_at_top(rows: &[&Row], palette: &Palette<'_>, wait: Wait, size: usize) -> Option<Plot> {
    let mechanisms: BTreeSet<_> = rows.iter().map(|row| row.mechanism.as_str()).collect();
    let at = |rate: f64| rows.iter().copied().filter(move |row| row.target_rate == Some(rate));
    let common = |rate: &f64| at(*rate).count() == mechanisms.len();
    let highest = rows.iter().filter_map(|row| row.target_rate).filter(common).fold(0.0, f64::max);
    let rows: Vec<_> = at(highest).collect();
    over_time(&rows, palette, format!("{} of {size} bytes, {}", units::rate(highest), words(wait)))
}

fn wakes(rows: &[&Row], palette: &Palette<'_>) -> Vec<Plot> {
    let mut plots = Vec::new();
    for size in sizes(rows) {
        let rows: Vec<_> = rows.iter().copied().filter(|row| row.size_bytes == size).collect();
        for (wait, rows) in by_wait(&rows) {
            for (name, percentile) in percentile_choice() {
                let point = |row: &Row| Some((1e9 / row.target_rate?, percentile(row)?));
                let title = format!("{name} against idle time, {size} bytes, {}", words(wait));
                let axes = (
                    ("idle before the message", units::time as fn(f64) -> String),
                    ("time", units::time as _),
                );
                plots.extend(plot_curves(title, axes.0, axes.1, curves_of(&rows, palette, point)));
            }
        }
    }
    plots
}
