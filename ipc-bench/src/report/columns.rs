//! The rows as cells of text, for CSV: one column a number, units in the names.

use crate::result::{Against, Row, Spread};

/// The names of the columns.
pub(super) const NAMES: &[&str] = &[
    "workload",
    "mechanism",
    "wait",
    "placement",
    "size_bytes",
    "capacity",
    "repetitions",
    "count",
    "lost",
    "duplicated",
    "reordered",
    "damaged",
    "one_way_p50_ns",
    "one_way_p90_ns",
    "one_way_p99_ns",
    "one_way_p999_ns",
    "one_way_p9999_ns",
    "one_way_max_ns",
    "one_way_mean_ns",
    "messages_per_second_min",
    "messages_per_second_median",
    "messages_per_second_max",
    "bytes_per_second_median",
    "cpu_seconds_per_million_producer",
    "cpu_seconds_per_million_consumer",
    "voluntary_switches",
    "involuntary_switches",
    "syscalls_per_message",
    "target_rate",
    "achieved_rate",
    "producers",
    "consumers",
    "producer_fairness_median",
    "last_p50_ns",
    "last_p99_ns",
    "last_max_ns",
    "late_sleeps",
    "against",
    "against_wait",
    "against_p50_median",
    "against_p99_median",
    "against_messages_per_second_median",
    "error",
];

/// The cells of one row, in the order of the names; empty where there is no figure.
pub(super) fn cells(row: &Row) -> Vec<String> {
    fn or_empty<T: ToString>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let latency = row.one_way_ns;
    let rate = row.messages_per_second;
    let cpu = row.cpu_seconds_per_million;
    let against = row.against.as_ref();
    let part = |of: fn(&Against) -> Option<Spread>| Some(of(against?)?.median);
    vec![
        row.workload.name().into(),
        row.mechanism.clone(),
        row.wait.name().into(),
        row.placement.to_string(),
        row.size_bytes.to_string(),
        or_empty(row.capacity),
        row.repetitions.to_string(),
        row.count.to_string(),
        row.lost.to_string(),
        row.duplicated.to_string(),
        row.reordered.to_string(),
        row.damaged.to_string(),
        or_empty(latency.map(|latency| latency.p50)),
        or_empty(latency.map(|latency| latency.p90)),
        or_empty(latency.map(|latency| latency.p99)),
        or_empty(latency.map(|latency| latency.p999)),
        or_empty(latency.map(|latency| latency.p9999)),
        or_empty(latency.map(|latency| latency.max)),
        or_empty(latency.map(|latency| latency.mean)),
        or_empty(rate.map(|rate| rate.min)),
        or_empty(rate.map(|rate| rate.median)),
        or_empty(rate.map(|rate| rate.max)),
        or_empty(row.bytes_per_second.map(|rate| rate.median)),
        or_empty(cpu.map(|cpu| cpu.producer)),
        or_empty(cpu.map(|cpu| cpu.consumer)),
        or_empty(row.voluntary_switches),
        or_empty(row.involuntary_switches),
        or_empty(row.syscalls_per_message),
        or_empty(row.target_rate),
        or_empty(row.achieved_rate),
        or_empty(row.producers),
        or_empty(row.consumers),
        or_empty(row.producer_fairness.map(|fairness| fairness.median)),
        or_empty(row.last_ns.map(|last| last.p50)),
        or_empty(row.last_ns.map(|last| last.p99)),
        or_empty(row.last_ns.map(|last| last.max)),
        row.late_sleeps.to_string(),
        or_empty(against.map(|against| against.mechanism.as_str())),
        or_empty(against.map(|against| against.wait.name())),
        or_empty(part(|against| against.p50)),
        or_empty(part(|against| against.p99)),
        or_empty(part(|against| against.messages_per_second)),
        row.error.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_name_has_a_cell() {
        let row = super::super::sample::row();
        assert_eq!(super::cells(&row).len(), super::NAMES.len());
    }
}
