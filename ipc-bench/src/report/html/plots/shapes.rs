//! The shapes of plots: rows as lines with bars, and as curves.

use super::super::chart::{self, Axis, Curve, Marks, Plot};
use crate::result::Row;
use crate::units;

/// The mechanisms of a result, in order: each keeps its colour in all plots.
pub(super) type Palette<'a> = [&'a str];

fn size_text(size: f64) -> String {
    match size {
        size if size >= 1_048_576.0 => format!("{} MiB", size / 1_048_576.0),
        size if size >= 1024.0 => format!("{:.0} KiB", size / 1024.0),
        size => format!("{size:.0} B"),
    }
}

/// A line for each row: the median, and a bar to the 99th percentile.
pub(super) fn medians(rows: &[&Row], what: &str) -> Plot {
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
pub(super) fn percentiles(rows: &[&Row], palette: &Palette<'_>, what: &str) -> Option<Plot> {
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
pub(super) fn over_time(rows: &[&Row], palette: &Palette<'_>, what: String) -> Option<Plot> {
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

/// A curve for each mechanism over the message size.
pub(super) fn against_size(
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

pub(super) type Percentile = fn(&Row) -> Option<f64>;

pub(super) fn percentile_choice() -> [(&'static str, Percentile); 2] {
    [
        ("p50", |row| row.one_way_ns.map(|latency| latency.p50)),
        ("p99", |row| row.one_way_ns.map(|latency| latency.p99)),
    ]
}

/// A curve for each mechanism from a point for each row.
pub(super) fn curves_of(
    rows: &[&Row],
    palette: &Palette<'_>,
    point: impl Fn(&Row) -> Option<(f64, f64)>,
) -> Vec<Curve> {
    let curve = |(colour, name): (usize, &&str)| {
        let mut points: Vec<_> =
            rows.iter().filter(|row| row.mechanism == *name).filter_map(|row| point(row)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Curve { name: (*name).to_owned(), colour, points, marked: true, dots: Vec::new() }
    };
    palette.iter().enumerate().map(curve).filter(|curve| !curve.points.is_empty()).collect()
}

pub(super) type Named = (&'static str, fn(f64) -> String);

pub(super) fn plot_curves(title: String, x: Named, y: Named, curves: Vec<Curve>) -> Option<Plot> {
    let points = || curves.iter().flat_map(|curve| curve.points.iter());
    let x = Axis::logarithmic(x.0, points().map(|(value, _)| *value), x.1);
    let y = Axis::logarithmic(y.0, points().map(|(_, value)| *value), y.1);
    (!curves.is_empty()).then(|| Plot::curves(title, &x, &y, &curves))
}
