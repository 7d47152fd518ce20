//! `compare`: is the second result worse than the first, beyond what chance and the machine explain.
//!
//! A row is worse only when three things hold. The median over its rounds moved further than the rule allows.
//! The interval that contains the true change lies wholly on the bad side; with it, all rows of the
//! comparison together raise a false alarm once in a hundred comparisons, as far as rounds vary by chance.
//! And it moved further than the rule allows against what cannot have changed: when a floor or a mechanism of
//! the kernel moved as well, it was the machine.
//!
//! A row is ok only when the interval excludes a change beyond the rule. Where it excludes neither, because
//! the rounds vary too much or are fewer than three, the row is undecided.

mod reference;
mod statistics;

use std::process::ExitCode;

use comfy_table::Table;

use crate::rule::Rule;

use self::statistics::{interval, median};
use super::{RUN_TIME_ERROR, THRESHOLD_FAILED, UNDECIDED, USAGE, fail};
use crate::cli;
use crate::result::{Results, Row};
use ipc_cli_support::output::{self, say};

/// The probability that a comparison of equals raises an alarm.
const FALSE_ALARMS: f64 = 0.01;

/// The same row of both files.
struct Pair<'a> {
    old: &'a Row,
    new: &'a Row,
}

/// One line of the comparison.
struct Change {
    /// The second median as a part of the first, less one.
    change: f64,
    interval: Option<(f64, f64)>,
    /// The same for the unchanged mechanism that moved most.
    reference: Option<f64>,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Certainly not further than allowed.
    Fine,
    /// Further than allowed, but so did others.
    Machine,
    /// The rounds exclude neither a change beyond the allowed one nor its absence.
    Undecided,
    Worse,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Verdict::Fine => "ok",
            Verdict::Machine => "as the machine",
            Verdict::Undecided => "undecided",
            Verdict::Worse => "worse",
        }
    }
}

/// Judges one row by one rule.
fn judge(rule: Rule, pair: &Pair<'_>, confidence: f64, reference: Option<f64>) -> Option<Change> {
    let (before, after) = (rule.metric().of_rounds(pair.old), rule.metric().of_rounds(pair.new));
    let change = median(&after)? / median(&before)? - 1.0;
    let interval = interval(&before, &after, confidence);
    let against = reference.map_or(change, |reference| (1.0 + change) / (1.0 + reference) - 1.0);
    let verdict = match interval {
        None => Verdict::Undecided,
        Some(interval) if !rule.may_be_beyond(interval) => Verdict::Fine,
        Some(interval) if !rule.is_beyond(change) || !rule.is_surely_worse(interval) => Verdict::Undecided,
        Some(_) if !rule.is_beyond(against) => Verdict::Machine,
        Some(_) => Verdict::Worse,
    };
    Some(Change { change, interval, reference, verdict })
}

/// Compares the files; prints a line for each row and rule.
pub(crate) fn run(asked: &cli::Compare) -> ExitCode {
    let (before, after) = match (Results::read(&asked.before), Results::read(&asked.after)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(reason), _) | (_, Err(reason)) => return fail(USAGE, &reason),
    };
    let mut worse = 0;
    let mut remarks = environments(&before, &after);
    let mut pairs = Vec::new();
    for new in &after.rows {
        match before.rows.iter().find(|old| same(old, new)) {
            None => remarks.push(format!("{} is only in {}", name(new), asked.after.display())),
            Some(old) => match (&old.error, &new.error) {
                (None, Some(error)) => {
                    remarks.push(format!("{} has no figures any more: {error}", name(new)));
                    worse += 1;
                }
                _ => pairs.push(Pair { old, new }),
            },
        }
    }
    let gone = before.rows.iter().filter(|old| !after.rows.iter().any(|new| same(old, new)));
    remarks.extend(gone.map(|old| format!("{} is only in {}", name(old), asked.before.display())));
    let lines = lines(&pairs, &asked.fail_on, reference::usable(&before, &after));
    let count = |verdict| lines.iter().filter(|(.., change)| change.verdict == verdict).count();
    worse += count(Verdict::Worse);
    say!("{}", table(&lines));
    for remark in remarks {
        say!("note: {remark}");
    }
    if worse > 0 {
        return fail(THRESHOLD_FAILED, &format!("{worse} worse than allowed"));
    }
    if lines.is_empty() {
        return fail(RUN_TIME_ERROR, "the files have no row with figures in common");
    }
    let undecided = count(Verdict::Undecided);
    if undecided > 0 {
        let reason = format!(
            "{undecided} undecided: the rounds exclude neither a change beyond what is allowed nor its absence; \
             measure more rounds (--reps), longer ones (--duration), on a quieter machine"
        );
        return fail(UNDECIDED, &reason);
    }
    ExitCode::SUCCESS
}

/// Each row judged by each rule that it has figures for.
fn lines<'a>(pairs: &[Pair<'a>], rules: &[Rule], related: bool) -> Vec<(&'a Row, Rule, Change)> {
    let both = || pairs.iter().flat_map(|pair| rules.iter().map(move |rule| (pair, *rule)));
    let judged = both().filter(|(pair, rule)| judge(*rule, pair, 0.5, None).is_some()).count();
    // Bonferroni: the alarms of all lines together are no more than the sum.
    let confidence = 1.0 - FALSE_ALARMS / judged.max(1) as f64;
    let line = |(pair, rule): (&Pair<'a>, Rule)| {
        let reference = related.then(|| reference::change(pairs, pair.new, rule)).flatten();
        Some((pair.new, rule, judge(rule, pair, confidence, reference)?))
    };
    both().filter_map(line).collect()
}

fn table(lines: &[(&Row, Rule, Change)]) -> Table {
    let percent = |part: f64| format!("{:+.1} %", part * 100.0);
    let mut table = output::table();
    table.set_header(["row", "metric", "change", "surely within", "floors and kernel", "verdict"]);
    for (row, rule, change) in lines {
        table.add_row([
            name(row),
            rule.metric().name().into(),
            percent(change.change),
            change.interval.map_or("too few rounds".into(), |(low, high)| {
                format!("{} … {}", percent(low), percent(high))
            }),
            change.reference.map(percent).unwrap_or_default(),
            change.verdict.text().into(),
        ]);
    }
    table
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
    let ends =
        row.producers.zip(row.consumers).map(|(producers, consumers)| format!(" {producers}x{consumers}"));
    let ends = ends.unwrap_or_default();
    let rate = row.target_rate.map(|rate| format!(" at {}", crate::units::rate(rate))).unwrap_or_default();
    let (workload, wait) = (row.workload.name(), row.wait.name());
    format!("{workload}{ends} {} {wait} {} B{rate}", row.mechanism, row.size_bytes)
}

/// Differences that make a comparison doubtful.
fn environments(before: &Results, after: &Results) -> Vec<String> {
    let mut remarks = same_machine(before, after);
    let (before, after) = (&before.environment, &after.environment);
    remarks.extend(differences(&[("compiler", &before.rustc, &after.rustc)]));
    if before.placement != after.placement {
        remarks.push("the placement of the processes differs".into());
    }
    remarks
}

/// Differences between the machines themselves.
fn same_machine(before: &Results, after: &Results) -> Vec<String> {
    let (before, after) = (&before.environment, &after.environment);
    differences(&[
        ("processor", &before.cpu_model, &after.cpu_model),
        ("kernel", &before.kernel, &after.kernel),
        ("governor", &before.governor, &after.governor),
        ("clock source", &before.clock_source, &after.clock_source),
    ])
}

fn differences(facts: &[(&str, &String, &String)]) -> Vec<String> {
    let differing = facts.iter().filter(|(_, old, new)| old != new);
    differing.map(|(what, old, new)| format!("the {what} differs: {old} and {new}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Percentiles;
    use crate::report::sample;
    use crate::result::RoundFigures;
    use crate::wait::Wait;

    fn rows(mechanism: &str, p50s: &[f64]) -> Row {
        let mut row = sample::pingpong(mechanism, Wait::Spin, 1.0);
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

    fn judged(before: &[f64], after: &[f64], floor: Option<f64>) -> Verdict {
        let rule: Rule = "p50>+10%".parse().expect("a rule");
        let (old, new) = (rows("spsc", before), rows("spsc", after));
        let (old_floor, new_floor) =
            (rows("cache-line", &[100.0; 5]), rows("cache-line", &[100.0 * floor.unwrap_or(1.0); 5]));
        let mut pairs = vec![Pair { old: &old, new: &new }];
        if floor.is_some() {
            pairs.push(Pair { old: &old_floor, new: &new_floor });
        }
        lines(&pairs, &[rule], true)[0].2.verdict
    }

    const STEADY: &[f64] = &[100.0, 101.0, 99.0, 100.0, 102.0];
    const SLOWER: &[f64] = &[121.0, 120.0, 122.0, 119.0, 120.0];

    #[test]
    fn a_clear_change_is_found() {
        assert_eq!(judged(STEADY, SLOWER, None), Verdict::Worse);
        assert_eq!(judged(STEADY, SLOWER, Some(1.01)), Verdict::Worse);
        assert_eq!(judged(SLOWER, STEADY, None), Verdict::Fine);
    }

    #[test]
    fn noise_is_not_a_change() {
        let (before, after) = (&[100.0, 140.0, 90.0, 105.0, 160.0], &[120.0, 95.0, 150.0, 100.0, 130.0]);
        assert_eq!(judged(before, after, None), Verdict::Undecided);
    }

    #[test]
    fn what_the_rounds_cannot_tell_is_undecided() {
        // The medians are equal, but the rounds would hide any change.
        assert_eq!(judged(&[1.0, 100.0, 1e6], &[0.5, 100.0, 3e7], None), Verdict::Undecided);
        assert_eq!(judged(&STEADY[..2], &STEADY[..2], None), Verdict::Undecided, "no interval");
        assert_eq!(judged(&STEADY[..2], &SLOWER[..2], None), Verdict::Undecided, "no interval");
    }

    #[test]
    fn a_small_change_is_allowed() {
        assert_eq!(judged(STEADY, &[105.0, 105.5, 104.0, 105.0, 106.0], None), Verdict::Fine);
    }

    #[test]
    fn what_moves_with_the_floor_is_the_machine() {
        assert_eq!(judged(STEADY, SLOWER, Some(1.2)), Verdict::Machine);
        // A floor that became quicker makes no row worse that stayed as it was.
        assert_eq!(judged(STEADY, STEADY, Some(0.5)), Verdict::Fine);
    }
}
