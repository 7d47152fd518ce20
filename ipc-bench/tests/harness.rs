//! The harness checked against a stub whose delay and faults are known, in every workload.

mod common;

use common::{json, rows};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use serde_json::Value;

#[test]
fn a_known_delay_is_reported() {
    let (results, code) = json("pingpong -m null --null-delay-ns 20000 --reps 2 --duration 200 --warm-up 20");
    assert_eq!(code, 0);
    let latency = &rows(&results)[0]["one_way_ns"];
    for name in ["p50", "p90", "p99", "mean", "max"] {
        let value = latency[name].as_f64().expect("a number");
        assert!(value >= 19_900.0, "{name} is {value}: less than the delay");
    }
}

/// All round trips together take no longer than the program runs, however busy the machine is: a whole round
/// trip reported as one way would take twice as long.
#[test]
fn one_way_is_half_of_a_round_trip() {
    let round_trips = 20_000.0;
    let started = std::time::Instant::now();
    let (results, code) = json(&format!(
        "pingpong -m null --null-delay-ns 50000 --reps 1 --messages {round_trips} --duration 600000 --warm-up 0 \
         --no-syscalls"
    ));
    let ran = started.elapsed().as_nanos() as f64;
    assert_eq!(code, 0, "{results}");
    let row = &rows(&results)[0];
    assert_eq!(row["count"].as_f64(), Some(round_trips), "{row}");
    let mean = row["one_way_ns"]["mean"].as_f64().expect("a number");
    assert!(mean >= 49_900.0, "the mean is {mean} ns: less than the delay");
    assert!(2.0 * mean * round_trips < ran, "{round_trips} round trips of twice {mean} ns in {ran} ns");
}

/// A send of 100 µs: no message of a fixed rate or after a pause is quicker, no stream moves more than 10 000
/// a second.
#[test]
fn a_known_delay_is_reported_at_rates_after_pauses_and_in_streams() {
    // A number of messages in place of a time: on a busy machine a short time may see none.
    let common = "-m null --null-delay-ns 100000 --reps 1 --duration 600000 --warm-up 20 --messages";
    for workload in ["load -R 1k", "wake -g 2ms"] {
        let (results, code) = json(&format!("{workload} {common} 100"));
        assert_eq!(code, 0, "{results}");
        for latency in [&rows(&results)[0]["one_way_ns"], &rows(&results)[0]["service_ns"]] {
            let p50 = latency["p50"].as_f64().expect("a number");
            assert!(p50 >= 99_000.0, "{workload}: p50 is {p50}, less than the delay");
        }
    }
    for workload in ["stream", "fan -e 1x1"] {
        // For a second: on a busy machine a consumer gets the first message late, but not by much of that.
        let (results, code) = json(&format!("{workload} {common} 10000"));
        assert_eq!(code, 0, "{results}");
        let rate = rows(&results)[0]["messages_per_second"]["median"].as_f64().expect("a number");
        assert!(rate > 0.0 && rate < 12_000.0, "{workload}: {rate} messages a second");
    }
}

/// Messages that are meant to be sent every 100 µs, by a sender that needs 200 µs for each: the n-th is late
/// by n times 100 µs. Who measured from the real time of sending would see 200 µs for all.
#[test]
fn a_sender_that_is_held_up_hides_nothing() {
    let (results, code) = json(
        "load -m null -R 10k --null-delay-ns 200000 --messages 1000 --reps 1 --duration 60000 --warm-up 1",
    );
    assert_eq!(code, 0, "{results}");
    let row = &rows(&results)[0];
    let p50 = row["one_way_ns"]["p50"].as_f64().expect("a number");
    assert!(p50 >= 49e6, "half of the messages are later than 50 ms, but p50 is {p50} ns");
    let service = row["service_ns"]["p50"].as_f64().expect("a number");
    assert!(service >= 199e3, "{row}");
    let achieved = row["achieved_rate"].as_f64().expect("a number");
    assert!(achieved <= 5_100.0, "{achieved} a second arrived of 5000 that can be sent");
}

/// Runs with one fault after the other; `expected` of each must be counted, and void the row.
fn faults_are_counted(workload: &str, every: u64, expected: std::ops::RangeInclusive<u64>) {
    for (option, field) in [
        ("--null-lose-every", "lost"),
        ("--null-repeat-every", "duplicated"),
        ("--null-swap-every", "reordered"),
        ("--null-damage-every", "damaged"),
    ] {
        let common = "-m null -s 64 --null-delay-ns 0 --reps 1 --duration 60000 --warm-up 1";
        let (results, code) = json(&format!("{workload} {common} {option} {every}"));
        let row = &rows(&results)[0];
        let count = row[field].as_u64().expect("a number");
        assert!(expected.contains(&count), "{workload} {option}: {field} is {count}: {row}");
        assert!(row["error"].as_str().is_some_and(|error| error.starts_with("void")), "{row}");
        for figure in ["messages_per_second", "one_way_ns", "achieved_rate"] {
            assert!(row[figure].is_null(), "{figure}: {row}");
        }
        assert_eq!(code, 1, "{workload} {option}");
    }
}

#[test]
fn known_faults_of_a_stream_are_counted_and_void_the_row() {
    faults_are_counted("stream --messages 10000", 100, 99..=101);
}

#[test]
fn known_faults_at_a_fixed_rate_are_counted_and_void_the_row() {
    faults_are_counted("load -R 20k --messages 2000", 100, 19..=21);
    faults_are_counted("wake -g 1ms --messages 200", 20, 9..=11);
}

/// Two producers send as many each; a message that is doubled may come to two consumers, and one that is
/// swapped may be out of order at neither of them.
#[test]
fn known_faults_of_a_fan_are_counted_and_void_the_row() {
    faults_are_counted("fan -e 2x1 --messages 6400", 128, 98..=102);
}

#[test]
fn what_is_doubled_between_two_consumers_or_lost_by_both_is_found() {
    let common = "fan -e 2x2 -m null --null-delay-ns 0 --messages 6400 --reps 1 --duration 60000 --warm-up 1";
    for (option, field) in [("--null-lose-every 128", "lost"), ("--null-repeat-every 128", "duplicated")] {
        let (results, code) = json(&format!("{common} {option}"));
        let row: &Value = &rows(&results)[0];
        let count = row[field].as_u64().expect("a number");
        assert!((98..=102).contains(&count), "{option}: {field} is {count}: {row}");
        assert_eq!(code, 1, "{option}");
    }
}

#[test]
fn a_stream_without_faults_counts_every_message() {
    let (results, code) =
        json("stream -m null -s 8,64,4K --reps 2 --duration 60000 --messages 5000 --warm-up 1");
    assert_eq!(code, 0);
    for row in rows(&results) {
        // The first message starts the clock, so it is not counted.
        assert_eq!(row["count"], 2 * 4999, "{row}");
        for fault in ["lost", "duplicated", "reordered", "damaged"] {
            assert_eq!(row[fault], 0, "{row}");
        }
    }
}

#[test]
fn a_rate_below_capacity_is_kept() {
    let (results, code) = json("load -m null -R 2k -s 64 --reps 1 --duration 500 --warm-up 50");
    assert_eq!(code, 0);
    let row = &rows(&results)[0];
    assert_eq!(row["target_rate"], 2000.0);
    assert_eq!(row["count"], 1000);
    let achieved = row["achieved_rate"].as_f64().expect("a number");
    assert!(achieved <= 2100.0, "{achieved} a second arrived of 2000 sent");
}

/// Sleeping subscribers receive every message, woken for each, and the last of them is reported by itself.
#[test]
fn sleeping_subscribers_are_woken_for_each_message() {
    let (results, code) = json(
        "publish -m broadcast --readers 1 --sleepers 1,3 --rate 200 -s 64 --reps 1 --duration 300 --warm-up 50 --no-syscalls",
    );
    assert_eq!(code, 0);
    let receipts: Vec<_> = rows(&results).iter().filter(|row| row["workload"] == "receipt").collect();
    assert_eq!(receipts.len(), 2);
    for (row, subscribers) in receipts.into_iter().zip([1, 3]) {
        assert_eq!(row["consumers"], subscribers);
        assert_eq!(row["count"], 60 * subscribers);
        assert_eq!(row["late_sleeps"], 0);
        let p50 = |ages: &str| row[ages]["p50"].as_f64().expect("a number");
        assert!(p50("last_ns") >= p50("one_way_ns"), "{row}");
        assert!(subscribers > 1 || row["last_ns"] == row["one_way_ns"], "{row}");
    }
}

/// Each side has the processor it was given, and each round has processes of its own.
#[test]
fn sides_are_pinned_and_rounds_are_fresh() {
    let allowed = sched_getaffinity(Pid::this()).expect("the processors of this process");
    let mut allowed = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let first = allowed.next().expect("a processor").to_string();
    let second = allowed.next().map_or_else(|| first.clone(), |cpu| cpu.to_string());
    let child = common::start(&format!(
        "pingpong -m pipe --pin {} --reps 2 --duration 2000 --warm-up 1 --no-syscalls --quiet --json -",
        format_args!("{first},{second}")
    ));
    // In the order in which they were started: the consumer first.
    let workers = common::await_workers(child.id());
    for (worker, cpu) in workers.iter().zip([&second, &first]) {
        let status = std::fs::read_to_string(format!("/proc/{worker}/status")).expect("it runs");
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        assert_eq!(allowed.map(str::trim), Some(cpu.as_str()), "{status}");
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while common::workers_of(child.id()).iter().any(|worker| workers.contains(worker)) {
        assert!(std::time::Instant::now() < deadline, "the first round does not end");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let next = common::await_workers(child.id());
    assert!(workers.iter().all(|worker| !next.contains(worker)), "{workers:?} {next:?}");
    assert_eq!(common::finish(child).status.code(), Some(0));
}

/// Rows take turns: none has its second round before all have had their first.
#[test]
fn rows_take_turns() {
    let output = common::run("pingpong -m null,pipe,null --reps 3 --duration 5 --warm-up 1 --no-syscalls");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let rounds: Vec<&str> = told.lines().filter(|line| line.starts_with("round ")).collect();
    assert_eq!(rounds, ["round 1 of 3", "round 2 of 3", "round 3 of 3"], "{told}");
}
