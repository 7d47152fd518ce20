//! Which plots a result gets: per workload, and never spinning and sleeping in one ranking.

use std::collections::BTreeSet;

use super::chart::{self, Axis, Curve, Marks, Plot};
use crate::result::{Results, Row};
use crate::units;
use crate::wait::Wait;
use crate::workload::Workload;

/// The part of the page on one workload.
pub(super) struct Section {
    pub(super) workload: Workload,
    pub(super) title: &'static str,
    /// HTML.
    pub(super) explanation: &'static str,
    pub(super) plots: Vec<Plot>,
}

/// The mechanisms of a result, in order: each keeps its colour in all plots.
type Palette<'a> = [&'a str];

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

fn size_text(size: f64) -> String {
    match size {
        size if size >= 1_048_576.0 => format!("{} MiB", size / 1_048_576.0),
        size if size >= 1024.0 => format!("{:.0} KiB", size / 1024.0),
        size => format!("{size:.0} B"),
    }
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

/// A line for each row: the median, and a bar to the 99th percentile.
fn medians(rows: &[&Row], what: &str) -> Plot {
    let mut rows: Vec<_> = rows.iter().filter_map(|row| Some((*row, row.one_way_ns?))).collect();
    rows.sort_by(|(_, x), (_, y)| x.p50.total_cmp(&y.p50));
    let values: Vec<f64> = rows.iter().flat_map(|(_, latency)| [latency.p50, latency.p99]).collect();
    let axis = Axis::logarithmic("time, logarithmic", values.iter().copied(), units::time);
    let marks: Vec<_> = rows
        .iter()
        .map(|(row, latency)| Marks {
            name: row.label(),
            mark: latency.p50,
            low: latency.p50,
            high: latency.p99,
            text: units::time(latency.p50),
        })
        .collect();
    Plot::marks(format!("{what}: median, and bar to p99"), &axis, &marks)
}

/// The percentile curves of the rows.
fn percentiles(rows: &[&Row], palette: &Palette<'_>, what: &str) -> Option<Plot> {
    let mut rows: Vec<_> = rows.iter().copied().filter(|row| row.curve.len() > 1).collect();
    rows.sort_by(|a, b| {
        let p50 = |row: &Row| row.one_way_ns.map_or(f64::INFINITY, |latency| latency.p50);
        p50(a).total_cmp(&p50(b))
    });
    let curves: Vec<_> = rows
        .iter()
        .map(|row| Curve {
            name: row.mechanism.clone(),
            colour: palette.iter().position(|name| *name == row.mechanism).unwrap_or(0),
            points: row.curve.iter().copied().filter(|(quantile, _)| *quantile < 1.0).collect(),
            marked: false,
            dots: Vec::new(),
        })
        .filter(|curve| curve.points.len() > 1)
        .collect();
    let points = || curves.iter().flat_map(|curve| curve.points.iter());
    let most = points().map(|(quantile, _)| *quantile).fold(0.0, f64::max);
    let x = Axis::nines("messages that were at most so slow", most);
    let y = Axis::logarithmic("time", points().map(|(_, ns)| *ns), units::time);
    (!curves.is_empty()).then(|| Plot::curves(format!("{what}: percentiles"), &x, &y, &curves))
}

/// The usual over time, with a gap between rounds.
fn by_round(row: &Row) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (place, usual, _) in &row.timeline {
        if points.last().is_some_and(|(last, _)| last.floor() < place.floor()) {
            points.push(chart::GAP);
        }
        points.push((*place, *usual));
    }
    points
}

/// The usual latency in each part of each round as a line, the slowest message of each as a dot.
fn over_time(rows: &[&Row], palette: &Palette<'_>, what: String) -> Option<Plot> {
    let rows: Vec<_> = rows.iter().filter(|row| row.timeline.len() > 1).collect();
    let curve = |row: &&&Row| Curve {
        name: row.mechanism.clone(),
        colour: palette.iter().position(|name| *name == row.mechanism).unwrap_or(0),
        points: by_round(row),
        marked: false,
        dots: row.timeline.iter().map(|(place, _, slowest)| (*place, *slowest)).collect(),
    };
    let curves: Vec<_> = rows.iter().map(curve).collect();
    let rounds = rows.iter().map(|row| row.rounds.len()).max()?;
    let values = || curves.iter().flat_map(|curve| curve.points.iter().chain(&curve.dots));
    let x = Axis::rounds("round, from left to right as it passed", rounds);
    let y = Axis::logarithmic("time", values().map(|(_, ns)| *ns), units::time);
    Some(Plot::curves(format!("Over time, {what}: usual as line, slowest as dots"), &x, &y, &curves))
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

/// A curve for each mechanism over the message size.
fn against_size(
    title: String,
    rows: &[&Row],
    palette: &Palette<'_>,
    label: &'static str,
    text: fn(f64) -> String,
    figure: impl Fn(&Row) -> Option<f64>,
) -> Option<Plot> {
    let curves = curves_of(rows, palette, |row| Some((row.size_bytes as f64, figure(row)?)));
    let points = || curves.iter().flat_map(|curve| curve.points.iter());
    let x = Axis::at_values("message size", points().map(|(size, _)| *size), size_text);
    let y = Axis::logarithmic(label, points().map(|(_, value)| *value), text);
    (!curves.is_empty()).then(|| Plot::curves(title, &x, &y, &curves))
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

type Percentile = fn(&Row) -> Option<f64>;

fn percentile_choice() -> [(&'static str, Percentile); 2] {
    [
        ("p50", |row| row.one_way_ns.map(|latency| latency.p50)),
        ("p99", |row| row.one_way_ns.map(|latency| latency.p99)),
    ]
}

/// A curve for each mechanism from a point for each row.
fn curves_of(rows: &[&Row], palette: &Palette<'_>, point: impl Fn(&Row) -> Option<(f64, f64)>) -> Vec<Curve> {
    let curve = |(colour, name): (usize, &&str)| {
        let mut points: Vec<_> =
            rows.iter().filter(|row| row.mechanism == *name).filter_map(|row| point(row)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Curve { name: (*name).to_owned(), colour, points, marked: true, dots: Vec::new() }
    };
    palette.iter().enumerate().map(curve).filter(|curve| !curve.points.is_empty()).collect()
}

type Named = (&'static str, fn(f64) -> String);

fn plot_curves(title: String, x: Named, y: Named, curves: Vec<Curve>) -> Option<Plot> {
    let points = || curves.iter().flat_map(|curve| curve.points.iter());
    let x = Axis::logarithmic(x.0, points().map(|(value, _)| *value), x.1);
    let y = Axis::logarithmic(y.0, points().map(|(_, value)| *value), y.1);
    (!curves.is_empty()).then(|| Plot::curves(title, &x, &y, &curves))
}
