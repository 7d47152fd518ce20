//! Rows relative to a reference: `--against`.
//!
//! The performance of a machine changes from one second to the next, most of all of a virtual one, and by far
//! more than two mechanisms differ. The mechanisms of a round are measured one after the other, so each round
//! gives a ratio of its own, and the median of those is more meaningful than the ratio of two medians, which
//! may come from different rounds.

use crate::result::{Against, RoundFigures, Row, Spread};

/// Compares each row with the one of `mechanism` for the same work: with the same way of waiting, or else
/// with the only one.
///
/// # Errors
/// There is nothing to compare with.
pub(crate) fn relate(rows: &mut [Row], mechanism: &str) -> Result<(), String> {
    let related: Vec<_> = rows.iter().map(|row| of(row, rows, mechanism)).collect();
    let mut any = false;
    for (row, against) in rows.iter_mut().zip(related) {
        any |= against.is_some();
        row.against = against;
    }
    if any { Ok(()) } else { Err(format!("--against {mechanism}: it has no figures to compare with")) }
}

fn of(row: &Row, rows: &[Row], mechanism: &str) -> Option<Against> {
    let alike: Vec<_> =
        rows.iter().filter(|other| other.mechanism == mechanism && is_same_work(row, other)).collect();
    let reference = match alike.iter().find(|other| other.wait == row.wait) {
        Some(reference) => reference,
        None if alike.len() == 1 => alike[0],
        None => return None,
    };
    let part = |of: fn(&RoundFigures) -> Option<f64>| {
        let rounds = row.rounds.iter().zip(&reference.rounds);
        Spread::of(
            rounds.filter_map(|(own, other)| Some(of(own)? / of(other)?).filter(|part| part.is_finite())),
        )
    };
    let against = Against {
        mechanism: mechanism.into(),
        wait: reference.wait,
        p50: part(|round| Some(round.one_way_ns?.p50)),
        p99: part(|round| Some(round.one_way_ns?.p99)),
        messages_per_second: part(|round| round.messages_per_second),
    };
    (against.p50.is_some() || against.messages_per_second.is_some()).then_some(against)
}

fn is_same_work(row: &Row, other: &Row) -> bool {
    row.workload == other.workload
        && row.size_bytes == other.size_bytes
        && row.target_rate == other.target_rate
        && (row.producers, row.consumers) == (other.producers, other.consumers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::wait::Wait;

    fn stream(mechanism: &str, wait: Wait, rates: &[f64]) -> Row {
        let mut row = sample::stream(mechanism, wait, 1.0);
        let round = |rate: &f64| RoundFigures { messages_per_second: Some(*rate), ..RoundFigures::default() };
        row.rounds = rates.iter().map(round).collect();
        row
    }

    fn rate(row: &Row) -> Option<Spread> {
        row.against.as_ref().and_then(|against| against.messages_per_second)
    }

    #[test]
    fn each_round_is_compared_with_the_same_one() {
        // The machine slowed down when one of them had one more round left than the other.
        let mut rows = [
            stream("index-ring", Wait::Spin, &[100.0, 10.0, 10.0]),
            stream("spsc", Wait::Spin, &[200.0, 200.0, 25.0]),
        ];
        relate(&mut rows, "index-ring").expect("it is there");
        assert_eq!(rate(&rows[1]), Some(Spread { min: 2.0, median: 2.5, max: 20.0 }));
        assert_eq!(rate(&rows[0]), Some(Spread { min: 1.0, median: 1.0, max: 1.0 }));
    }

    #[test]
    fn latencies_are_compared_by_percentile() {
        let with_round = |mut row: Row| {
            row.rounds = vec![RoundFigures { one_way_ns: row.one_way_ns, ..RoundFigures::default() }];
            row
        };
        let mut rows = [
            with_round(sample::pingpong("flag-ring", Wait::Spin, 100.0)),
            with_round(sample::pingpong("spsc", Wait::Spin, 150.0)),
        ];
        relate(&mut rows, "flag-ring").expect("it is there");
        let against = rows[1].against.as_ref().expect("compared");
        assert_eq!(against.p50.map(|spread| spread.median), Some(1.5));
        assert_eq!(against.p99.map(|spread| spread.median), Some(1.0));
        assert_eq!(against.messages_per_second, None);
    }

    #[test]
    fn the_reference_waits_alike_or_in_its_only_way() {
        let mut rows = [
            stream("pipe", Wait::Sleep, &[1.0]),
            stream("spsc", Wait::Spin, &[2.0]),
            stream("mpmc", Wait::Spin, &[3.0]),
            stream("mpmc", Wait::Sleep, &[5.0]),
        ];
        relate(&mut rows, "pipe").expect("it is there");
        assert!(
            rows.iter().all(|row| row.against.as_ref().is_some_and(|against| against.wait == Wait::Sleep))
        );
        relate(&mut rows, "mpmc").expect("it is there");
        assert_eq!(rate(&rows[1]).map(|spread| spread.median), Some(2.0 / 3.0));
        assert_eq!(rate(&rows[0]).map(|spread| spread.median), Some(0.2));
        rows[0].wait = Wait::SpinYield;
        relate(&mut rows, "mpmc").expect("it is there");
        assert_eq!(rate(&rows[0]), None, "which of the two?");
    }

    #[test]
    fn other_work_and_rows_without_figures_are_not_compared() {
        let mut rows = [stream("pipe", Wait::Sleep, &[1.0]), stream("spsc", Wait::Sleep, &[2.0])];
        rows[1].size_bytes += 1;
        assert!(relate(&mut rows, "pipe").is_ok() && rows[1].against.is_none());
        rows[1].size_bytes -= 1;
        rows[0].rounds.clear();
        assert!(relate(&mut rows, "pipe").is_err());
        assert!(relate(&mut rows, "nothing").is_err());
    }
}
