//! A few plain sentences: this project's ring against `msgsnd`, sleeping against sleeping; and a spinning
//! ring against what the machine allows. A ring that spins is never ranked against a mechanism that sleeps,
//! and where the run was disturbed nothing is said of rings that spin.

use crate::measure::KEPT_UP;
use crate::result::{Results, Row};
use crate::units::{factor, rate, time};
use crate::wait::Wait;
use crate::workload::Workload;
use ipc_cli_support::output::say;

/// Prints the sentences that the rows allow; nothing when there is no row of `sysv-msg` to compare with.
pub(crate) fn print(results: &Results) {
    let mut sentences = sentences(&results.rows, &results.environment.disturbances);
    sentences.extend(knees(&results.rows));
    if !sentences.is_empty() {
        say!();
    }
    for sentence in sentences {
        say!("{sentence}");
    }
}

/// The sentences, for the smallest size that both have.
pub(super) fn sentences(rows: &[Row], disturbances: &[String]) -> Vec<String> {
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
    let asleep = p50("spsc", Wait::Sleep).zip(p50("sysv-msg", Wait::Sleep));
    if let Some((ours, theirs)) = asleep {
        sentences.push(format!(
            "A message of {size} bytes to a peer that sleeps while it waits takes {} through spsc and {} through msgsnd and \
             msgrcv: {}.",
            time(ours),
            time(theirs),
            compared(theirs / ours, "faster", "slower")
        ));
    }
    let best = [Wait::Sleep, Wait::SpinSleep].into_iter().find_map(|wait| Some((wait, flow("spsc", wait)?)));
    if let (Some((wait, ours)), Some(theirs)) = (best, flow("sysv-msg", Wait::Sleep)) {
        sentences.push(format!(
            "In a stream spsc ({}) moves {} and msgsnd moves {}: {}.",
            wait.name(),
            rate(ours),
            rate(theirs),
            compared(ours / theirs, "more", "fewer")
        ));
    }
    if let Some(ours) = p50("spsc", Wait::Spin) {
        sentences.push(match disturbances.first() {
            Some(disturbance) => format!("The rows that spin cannot be judged: {disturbance}."),
            None => spinning(size, ours, p50("flag-ring", Wait::Spin)),
        });
    }
    sentences
}

/// The ring next to the bare one, both spinning.
fn spinning(size: usize, ours: f64, floor: Option<f64>) -> String {
    let floor = floor.map(|floor| {
        format!(" The bare ring without any safety takes {}, {} of that.", time(floor), percent(floor / ours))
    });
    format!(
        "To a peer that spins, and uses a whole processor for it, a message of {size} bytes takes {} through spsc.{}",
        time(ours),
        floor.unwrap_or_default()
    )
}

/// The findings from the rates of `load`: the highest that each mechanism kept up with.
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

/// "3.2 times faster", or the reverse if ours is slower.
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
        let sentences = sentences(&rows, &[]);
        assert_eq!(sentences.len(), 3);
        assert!(sentences[0].contains("1.25 times faster"), "{}", sentences[0]);
        assert!(sentences[1].contains("50.0 times more"), "{}", sentences[1]);
        assert!(sentences[2].contains("150 ns") && sentences[2].contains("98 %"), "{}", sentences[2]);
    }

    #[test]
    fn a_loss_is_reported_as_one() {
        let rows = [pingpong("spsc", Wait::Sleep, 8000.0), pingpong("sysv-msg", Wait::Sleep, 4000.0)];
        assert!(sentences(&rows, &[])[0].contains("2.00 times slower"));
    }

    #[test]
    fn spinning_is_never_ranked_against_sleeping() {
        let rows = [
            pingpong("spsc", Wait::Spin, 150.0),
            stream("spsc", Wait::Spin, 50e6),
            pingpong("sysv-msg", Wait::Sleep, 4000.0),
            stream("sysv-msg", Wait::Sleep, 1e6),
        ];
        let sentences = sentences(&rows, &[]);
        assert!(sentences.iter().all(|sentence| !sentence.contains("times")), "{sentences:?}");
    }

    #[test]
    fn a_disturbed_run_says_nothing_of_spinning_rows() {
        let rows = [
            pingpong("spsc", Wait::Spin, 225.0),
            pingpong("flag-ring", Wait::Spin, 22e6),
            pingpong("sysv-msg", Wait::Sleep, 4000.0),
        ];
        let disturbance = "the load average is 4: other programs are running".to_owned();
        let sentences = sentences(&rows, std::slice::from_ref(&disturbance));
        assert_eq!(sentences, [format!("The rows that spin cannot be judged: {disturbance}.")]);
    }

    #[test]
    fn nothing_is_said_without_the_baseline() {
        assert!(sentences(&[pingpong("spsc", Wait::Spin, 150.0)], &[]).is_empty());
    }
}
