//! A row for the tests of the reports.

use crate::environment::Environment;
use crate::histogram::Percentiles;
use crate::result::{Results, Row, SCHEMA_VERSION, Spread};
use crate::topology::Placement;
use crate::wait::Wait;
use crate::workload::Workload;

/// A ping-pong row of `spsc`, spinning, 64 bytes, 150 ns.
pub(crate) fn row() -> Row {
    Row {
        workload: Workload::Pingpong,
        mechanism: "spsc".into(),
        wait: Wait::Spin,
        placement: Placement::SameLlc,
        size_bytes: 64,
        capacity: Some(64),
        repetitions: 5,
        count: 1000,
        lost: 0,
        duplicated: 0,
        reordered: 0,
        damaged: 0,
        error: None,
        unavailable: false,
        may_lose: false,
        one_way_ns: Some(Percentiles {
            p50: 150.0,
            p90: 160.0,
            p99: 200.0,
            p999: 300.0,
            p9999: 400.0,
            max: 5000.0,
            mean: 151.0,
        }),
        one_way_p50_ns: Some(Spread { min: 149.0, median: 150.0, max: 152.0 }),
        service_ns: None,
        messages_per_second: None,
        bytes_per_second: None,
        cpu_seconds_per_million: None,
        voluntary_switches: Some(0),
        involuntary_switches: Some(1),
        syscalls_per_message: None,
        syscalls_uncounted: None,
        target_rate: None,
        achieved_rate: None,
        producers: None,
        consumers: None,
        producer_fairness: None,
        last_ns: None,
        late_sleeps: 0,
        threads: false,
        against: None,
        rounds: Vec::new(),
        curve: Vec::new(),
        timeline: Vec::new(),
    }
}

/// A stream row of `mechanism` with that many messages a second.
pub(crate) fn stream(mechanism: &str, wait: Wait, rate: f64) -> Row {
    Row {
        workload: Workload::Stream,
        mechanism: mechanism.into(),
        wait,
        one_way_ns: None,
        one_way_p50_ns: None,
        messages_per_second: Some(Spread { min: rate, median: rate, max: rate }),
        bytes_per_second: Some(Spread { min: rate, median: rate, max: rate }.scaled(64.0)),
        ..row()
    }
}

/// A ping-pong row of `mechanism` with that p50.
pub(crate) fn pingpong(mechanism: &str, wait: Wait, p50: f64) -> Row {
    let mut row = row();
    row.mechanism = mechanism.into();
    row.wait = wait;
    row.one_way_ns = row.one_way_ns.map(|latency| Percentiles { p50, ..latency });
    row
}

/// A result with these rows.
pub(crate) fn results(rows: Vec<Row>) -> Results {
    Results {
        schema_version: SCHEMA_VERSION,
        environment: Environment::default(),
        command: "ipc-bench pingpong".into(),
        rows,
    }
}
