//! A few plain sentences: this project's ring against `msgsnd`, and against what the machine allows.

use crate::measure::KEPT_UP;
use crate::output::say;
use crate::result::{Results, Row};
use crate::units::{factor, rate, time};
use crate::wait::Wait;
use crate::workload::Workload;

/// Prints the sentences that the rows allow; nothing when there is no row of `sysv-msg` to compare with.
pub(crate) fn print(results: &Results) {
    let mut sentences = sentences(&results.rows);
    sentences.extend(knees(&results.rows));
    if !sentences.is_empty() {
        say!();
    }
    for sentence in sentences {
        say!("{sentence}");
    }
}

/// The sentences, for the smallest size that both have.
pub(super) fn sentences(rows: &[Row]) -> Vec<String> {
    let Some(size) = rows
        .iter()
        .filter(|row| row.mechanism == "sysv-msg" && row.error.is_none())
        .map(|row| row.size_bytes)
        .min()
    else {
        return Vec::new();
    };
    let find = |workload, mechanism: &str, wait| {
        rows.iter().find(|row| {
            row.workload == workload
                && row.mechanism == mechanism
                && row.wait == wait
                && row.size_bytes == size
                && row.error.is_none()
        })
    };
    let p50 = |mechanism, wait| Some(find(Workload::Pingpong, mechanism, wait)?.one_way_ns?.p50);
    let flow = |mechanism, wait| Some(find(Workload::Stream, mechanism, wait)?.messages_per_second?.median);
    let mut sentences = Vec::new();
    if let (Some(ours), Some(theirs)) = (p50("spsc", Wait::Spin), p50("sysv-msg", Wait::Sleep)) {
        let floor = p50("flag-ring", Wait::Spin).map(|floor| {
            format!(
                " The bare ring without any safety takes {}, {} of ours.",
                time(floor),
                percent(floor / ours)
            )
        });
        sentences.push(format!(
            "A message of {size} bytes reaches a peer that spins in {} through spsc; msgsnd and msgrcv, which sleep, \
             take {}: {}. The spinning peer uses a whole processor.{}",
            time(ours),
            time(theirs),
            compared(theirs / ours, "as long", "less"),
            floor.unwrap_or_default()
        ));
    }
    let asleep = p50("spsc", Wait::Sleep).zip(p50("sysv-msg", Wait::Sleep));
    if let Some((ours, theirs)) = asleep {
        sentences.push(format!(
            "When both sleep while they wait, spsc takes {} and msgsnd takes {}: {}.",
            time(ours),
            time(theirs),
            compared(theirs / ours, "faster", "slower")
        ));
    }
    let best = [Wait::SpinSleep, Wait::Spin].into_iter().find_map(|wait| Some((wait, flow("spsc", wait)?)));
    if let (Some((wait, ours)), Some(theirs)) = (best, flow("sysv-msg", Wait::Sleep)) {
        sentences.push(format!(
            "In a stream spsc ({}) moves {} and msgsnd moves {}: {}.",
            wait.name(),
            rate(ours),
            rate(theirs),
            compared(ours / theirs, "more", "fewer")
        ));
    }
    sentences
}

/// What the rates of `load` say: the highest that each mechanism kept up with.
pub(super) fn knees(rows: &[Row]) -> Vec<String> {
    let loads = || rows.iter().filter(|row| row.workload == Workload::Load && row.error.is_none());
    let key = |row: &Row| (row.mechanism.clone(), row.wait, row.size_bytes);
    let mut keys: Vec<_> = loads().map(key).collect();
    keys.dedup();
    let mut sentences = Vec::new();
    for one in keys {
        let rates: Vec<_> = loads().filter(|row| key(row) == one).collect();
        let kept = |row: &&&Row| {
            row.target_rate.zip(row.achieved_rate).is_some_and(|(target, got)| got >= KEPT_UP * target)
        };
        let highest = rates.iter().filter(kept).filter_map(|row| row.target_rate).fold(0.0, f64::max);
        if rates.len() < 2 {
            continue;
        }
        let (mechanism, wait, size) = one;
        let kept = if highest > 0.0 { rate(highest) } else { "none of the rates".into() };
        sentences.push(format!("{mechanism} ({}, {size} bytes) keeps up with {kept}.", wait.name()));
    }
    sentences
}

/// "3.2 times faster", or the other way round when we lose.
fn compared(ratio: f64, better: &str, worse: &str) -> String {
    if ratio >= 1.0 {
        format!("{} times {better}", factor(ratio))
    } else {
        format!("{} times {worse}", factor(1.0 / ratio))
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{pingpong, stream};
    use super::*;

    #[test]
    fn three_sentences_when_all_is_there() {
        let rows = [
            pingpong("spsc", Wait::Spin, 150.0),
            pingpong("spsc", Wait::Sleep, 6000.0),
            pingpong("sysv-msg", Wait::Sleep, 7500.0),
            pingpong("flag-ring", Wait::Spin, 147.0),
            stream("spsc", Wait::SpinSleep, 50e6),
            stream("sysv-msg", Wait::Sleep, 1e6),
        ];
        let sentences = sentences(&rows);
        assert_eq!(sentences.len(), 3);
        assert!(sentences[0].contains("50.0 times as long"), "{}", sentences[0]);
        assert!(sentences[0].contains("98 %"), "{}", sentences[0]);
        assert!(sentences[1].contains("1.25 times faster"), "{}", sentences[1]);
        assert!(sentences[2].contains("50.0 times more"), "{}", sentences[2]);
    }

    #[test]
    fn a_loss_is_told_as_one() {
        let rows = [pingpong("spsc", Wait::Sleep, 8000.0), pingpong("sysv-msg", Wait::Sleep, 4000.0)];
        assert!(sentences(&rows)[0].contains("2.00 times slower"));
    }

    #[test]
    fn a_spinning_peer_that_was_kept_from_its_processor_is_no_winner() {
        let rows = [pingpong("spsc", Wait::Spin, 8e6), pingpong("sysv-msg", Wait::Sleep, 4000.0)];
        assert!(sentences(&rows)[0].contains("2000 times less"), "{}", sentences(&rows)[0]);
    }

    #[test]
    fn nothing_is_said_without_the_baseline() {
        assert!(sentences(&[pingpong("spsc", Wait::Spin, 150.0)]).is_empty());
    }
}
