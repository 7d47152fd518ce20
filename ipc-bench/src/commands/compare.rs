//! `compare`: is the second result worse than the first, beyond what chance explains.
//!
//! A row is worse only when both hold: the median over the rounds moved further than the rule allows, and the interval
//! that holds the true change with 99 % confidence lies wholly on the bad side. The interval comes from resampling
//! the rounds (bootstrap); with fewer than three rounds on a side there is none, and the rule alone decides.

use std::process::ExitCode;
use std::str::FromStr;

use comfy_table::{ContentArrangement, Table, presets};

use super::{RUN_TIME_ERROR, THRESHOLD_FAILED, USAGE, fail};
use crate::cli;
use crate::histogram::Percentiles;
use crate::output::say;
use crate::result::{Results, RoundFigures, Row, Spread};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    P50,
    P90,
    P99,
    P999,
    P9999,
    Max,
    Mean,
    Rate,
}

const METRICS: &[(&str, Metric)] = &[
    ("p50", Metric::P50),
    ("p90", Metric::P90),
    ("p99", Metric::P99),
    ("p999", Metric::P999),
    ("p9999", Metric::P9999),
    ("max", Metric::Max),
    ("mean", Metric::Mean),
    ("rate", Metric::Rate),
];

impl Metric {
    fn name(self) -> &'static str {
        METRICS.iter().find(|(_, metric)| *metric == self).map_or("?", |(name, _)| name)
    }

    fn of(self, round: &RoundFigures) -> Option<f64> {
        let latency = |of: fn(Percentiles) -> f64| round.one_way_ns.map(of);
        match self {
            Metric::P50 => latency(|latency| latency.p50),
            Metric::P90 => latency(|latency| latency.p90),
            Metric::P99 => latency(|latency| latency.p99),
            Metric::P999 => latency(|latency| latency.p999),
            Metric::P9999 => latency(|latency| latency.p9999),
            Metric::Max => latency(|latency| latency.max),
            Metric::Mean => latency(|latency| latency.mean),
            Metric::Rate => round.messages_per_second,
        }
    }
}

/// A rule such as `p99>+5%`: the row is worse when the metric grew by more than 5 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rule {
    metric: Metric,
    /// The change allowed, as a part: 0.05, or -0.05 for `<-5%`.
    limit: f64,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Rule, String> {
        let shape = "a rule looks like p99>+5% or rate<-10%";
        let at = text.find(['<', '>']).ok_or(shape)?;
        let (name, limit) = text.split_at(at);
        let metric = METRICS.iter().find(|(known, _)| *known == name.trim()).map(|(_, metric)| *metric);
        let metric = metric.ok_or_else(|| format!("{name} is no metric; {shape}"))?;
        let grows = limit.starts_with('>');
        let percent = limit[1..].trim().strip_suffix('%').ok_or(shape)?;
        let limit = percent.trim().parse::<f64>().map_err(|_| shape)? / 100.0;
        if grows == (limit >= 0.0) { Ok(Rule { metric, limit }) } else { Err(shape.into()) }
    }
}

/// One line of the comparison.
struct Change {
    /// The second median as a part of the first, less one.
    change: f64,
    interval: Option<(f64, f64)>,
    worse: bool,
}

impl Rule {
    fn judge(&self, before: &Row, after: &Row) -> Option<Change> {
        let values =
            |row: &Row| row.rounds.iter().filter_map(|round| self.metric.of(round)).collect::<Vec<_>>();
        let (before, after) = (values(before), values(after));
        let change = median(&after)? / median(&before)? - 1.0;
        let interval = interval(&before, &after);
        let beyond = if self.limit >= 0.0 { change > self.limit } else { change < self.limit };
        let sure = match interval {
            Some((low, high)) => {
                if self.limit >= 0.0 {
                    low > 0.0
                } else {
                    high < 0.0
                }
            }
            None => true,
        };
        Some(Change { change, interval, worse: beyond && sure })
    }
}

fn median(values: &[f64]) -> Option<f64> {
    Spread::of(values.iter().copied()).map(|spread| spread.median).filter(|median| *median > 0.0)
}

/// Resamples of the rounds.
const RESAMPLES: usize = 4000;

/// The interval of the change with 99 % confidence, by resampling the rounds of both sides. The numbers are drawn from
/// a fixed sequence, so that the same files give the same answer.
fn interval(before: &[f64], after: &[f64]) -> Option<(f64, f64)> {
    if before.len() < 3 || after.len() < 3 {
        return None;
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |from: &[f64]| {
        let resample: Vec<_> = from
            .iter()
            .map(|_| {
                // Marsaglia, "Xorshift RNGs" (2003).
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                from[(state >> 33) as usize % from.len()]
            })
            .collect();
        median(&resample)
    };
    let mut changes: Vec<f64> =
        (0..RESAMPLES).filter_map(|_| Some(draw(after)? / draw(before)? - 1.0)).collect();
    changes.sort_by(f64::total_cmp);
    let at = |part: f64| changes.get((changes.len() as f64 * part) as usize).copied();
    at(0.005).zip(at(0.995))
}

/// Compares the files; prints a line for each row and rule.
pub(crate) fn run(asked: &cli::Compare) -> ExitCode {
    let (before, after) = match (Results::read(&asked.before), Results::read(&asked.after)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(reason), _) | (_, Err(reason)) => return fail(USAGE, &reason),
    };
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["row", "metric", "change", "with 99 % confidence", "verdict"]);
    let (mut compared, mut worse) = (0, 0);
    let mut remarks = environments(&before, &after);
    for new in &after.rows {
        let Some(old) = before.rows.iter().find(|old| same(old, new)) else {
            remarks.push(format!("{} is only in {}", name(new), asked.after.display()));
            continue;
        };
        if let (None, Some(error)) = (&old.error, &new.error) {
            remarks.push(format!("{} has no figures any more: {error}", name(new)));
            worse += 1;
            continue;
        }
        for rule in &asked.fail_on {
            let Some(change) = rule.judge(old, new) else { continue };
            compared += 1;
            worse += u32::from(change.worse);
            let percent = |part: f64| format!("{:+.1} %", part * 100.0);
            table.add_row([
                name(new),
                rule.metric.name().into(),
                percent(change.change),
                change.interval.map_or("too few rounds".into(), |(low, high)| {
                    format!("{} … {}", percent(low), percent(high))
                }),
                if change.worse { "worse".into() } else { "ok".to_owned() },
            ]);
        }
    }
    let gone = before.rows.iter().filter(|old| !after.rows.iter().any(|new| same(old, new)));
    remarks.extend(gone.map(|old| format!("{} is only in {}", name(old), asked.before.display())));
    say!("{table}");
    for remark in remarks {
        say!("note: {remark}");
    }
    if worse > 0 {
        return fail(THRESHOLD_FAILED, &format!("{worse} worse than allowed"));
    }
    if compared == 0 {
        return fail(RUN_TIME_ERROR, "the files have no row with figures in common");
    }
    ExitCode::SUCCESS
}

fn same(a: &Row, b: &Row) -> bool {
    a.workload == b.workload
        && a.mechanism == b.mechanism
        && a.wait == b.wait
        && a.size_bytes == b.size_bytes
        && a.target_rate == b.target_rate
        && (a.producers, a.consumers) == (b.producers, b.consumers)
}

fn name(row: &Row) -> String {
    let crowd =
        row.producers.zip(row.consumers).map(|(producers, consumers)| format!(" {producers}x{consumers}"));
    let crowd = crowd.unwrap_or_default();
    let rate = row.target_rate.map(|rate| format!(" at {}", crate::units::rate(rate))).unwrap_or_default();
    let (workload, wait) = (row.workload.name(), row.wait.name());
    format!("{workload}{crowd} {} {wait} {} B{rate}", row.mechanism, row.size_bytes)
}

/// Differences between the machines that make a comparison doubtful.
fn environments(before: &Results, after: &Results) -> Vec<String> {
    let (before, after) = (&before.environment, &after.environment);
    let facts = [
        ("processor", &before.cpu_model, &after.cpu_model),
        ("kernel", &before.kernel, &after.kernel),
        ("governor", &before.governor, &after.governor),
        ("clock source", &before.clock_source, &after.clock_source),
        ("compiler", &before.rustc, &after.rustc),
    ];
    let mut remarks: Vec<_> = facts
        .iter()
        .filter(|(_, old, new)| old != new)
        .map(|(what, old, new)| format!("the {what} differs: {old} and {new}"))
        .collect();
    if before.placement != after.placement {
        remarks.push("the placement of the processes differs".into());
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn rows(p50s: &[f64]) -> Row {
        let mut row = sample::row();
        let latency = row.one_way_ns;
        row.rounds = p50s
            .iter()
            .map(|p50| RoundFigures {
                count: 1000,
                one_way_ns: latency.map(|latency| Percentiles { p50: *p50, ..latency }),
                messages_per_second: None,
            })
            .collect();
        row
    }

    fn judged(rule: &str, before: &[f64], after: &[f64]) -> bool {
        let rule: Rule = rule.parse().expect("a rule");
        rule.judge(&rows(before), &rows(after)).expect("figures").worse
    }

    #[test]
    fn rules_are_read() {
        assert_eq!("p99>+5%".parse(), Ok(Rule { metric: Metric::P99, limit: 0.05 }));
        assert_eq!("rate<-10%".parse(), Ok(Rule { metric: Metric::Rate, limit: -0.1 }));
        for wrong in ["p98>+5%", "p99>-5%", "p99", "p99>+x%", "rate<+5%"] {
            assert!(wrong.parse::<Rule>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_clear_change_is_found() {
        assert!(judged(
            "p50>+10%",
            &[100.0, 101.0, 99.0, 100.0, 102.0],
            &[121.0, 120.0, 122.0, 119.0, 120.0]
        ));
    }

    #[test]
    fn noise_is_not_a_change() {
        assert!(!judged(
            "p50>+10%",
            &[100.0, 140.0, 90.0, 105.0, 160.0],
            &[120.0, 95.0, 150.0, 100.0, 130.0]
        ));
    }

    #[test]
    fn a_small_change_is_allowed() {
        assert!(!judged(
            "p50>+10%",
            &[100.0, 101.0, 99.0, 100.0, 102.0],
            &[105.0, 105.5, 104.0, 105.0, 106.0]
        ));
    }
}
