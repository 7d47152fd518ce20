//! The harness checked against a stub whose delay and faults are known.

mod common;

use common::{json, rows};

#[test]
fn a_known_delay_is_reported() {
    let (results, code) = json("pingpong -m null --null-delay-ns 20000 --reps 2 --duration 200 --warm-up 20");
    assert_eq!(code, 0);
    let latency = &rows(&results)[0]["one_way_ns"];
    for name in ["p50", "p90", "p99", "mean", "max"] {
        let value = latency[name].as_f64().expect("a number");
        assert!(value >= 19_900.0, "{name} is {value}: less than the delay");
    }
    let p50 = latency["p50"].as_f64().expect("a number");
    // The only bound from above in these tests: half of the messages cannot be late by chance.
    assert!(p50 < 40_000.0, "p50 is {p50}, twice the delay");
}

#[test]
fn known_faults_are_counted_and_void_the_row() {
    let common = "stream -m null -s 64 --reps 1 --duration 60000 --messages 10000 --warm-up 1";
    for (option, field) in [
        ("--null-lose-every 100", "lost"),
        ("--null-repeat-every 100", "duplicated"),
        ("--null-swap-every 100", "reordered"),
        ("--null-damage-every 100", "damaged"),
    ] {
        let (results, code) = json(&format!("{common} {option}"));
        let row = &rows(&results)[0];
        let count = row[field].as_u64().expect("a number");
        assert!((99..=101).contains(&count), "{option}: {field} is {count}: {row}");
        assert!(row["error"].as_str().is_some_and(|error| error.starts_with("void")), "{row}");
        assert!(row["messages_per_second"].is_null(), "{row}");
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
