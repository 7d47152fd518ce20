//! Sides that are killed, runs that are interrupted: a row with its reason, and nothing left in the kernel.
//!
//! One test function: what is in the kernel is compared before and after, and two of these runs side by side would see
//! each other's objects.

mod common;

use std::time::{Duration, Instant};

use common::{await_all_workers, await_workers, finish, objects, rows, signal, start};
use serde_json::Value;

const LONG: &str = "--reps 1 --duration 30000 --warm-up 10 --quiet --json -";

#[test]
fn deaths_are_told_and_leave_nothing() {
    isolate();
    let before = objects();
    for mechanism in ["pipe", "sysv-msg", "flag-ring", "spsc", "bytes", "mpmc"] {
        for side in [0, 1] {
            a_killed_side_is_a_row_with_its_reason(mechanism, side);
            nothing_is_left(&before, &format!("{mechanism}, side {side} killed"));
        }
    }
    for mechanism in ["mpmc", "sysv-msg"] {
        a_killed_member_of_a_fan_is_a_row_with_its_reason(mechanism);
        nothing_is_left(&before, &format!("{mechanism}, one of a fan killed"));
    }
    for mechanism in ["sysv-msg", "spsc"] {
        an_interrupt_ends_the_run(mechanism);
        nothing_is_left(&before, &format!("{mechanism}, interrupted"));
        a_killed_parent_leaves_nothing(mechanism);
        nothing_is_left(&before, &format!("{mechanism}, parent killed"));
    }
}

/// Moves this thread, and so the programs that it starts, to an IPC name space of their own where that is allowed.
fn isolate() {
    use nix::sched::{CloneFlags, unshare};
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWIPC) {
        eprintln!(
            "unshare(CLONE_NEWIPC): {errno}: checking the name space of this machine, which others may change"
        );
    }
}

fn a_killed_side_is_a_row_with_its_reason(mechanism: &str, side: usize) {
    // One row for the ring as well.
    let wait = if ["spsc", "bytes", "mpmc"].contains(&mechanism) { "--wait sleep" } else { "" };
    let child = start(&format!("pingpong -m {mechanism},unix-stream {wait} {LONG}"));
    let workers = await_workers(child.id());
    let started = Instant::now();
    signal("KILL", workers[side]);
    // The second row runs long as well; it ends the same way.
    let workers = loop {
        let next = await_workers(child.id());
        if next != workers {
            break next;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the program did not go on");
    };
    signal("KILL", workers[side]);
    let output = finish(child);
    assert_eq!(output.status.code(), Some(1));
    let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(rows(&results).len(), 2, "the rest went on");
    for row in rows(&results) {
        let reason = row["error"].as_str().expect("a reason");
        eprintln!("{}: {reason}", row["mechanism"]);
        assert!(reason.contains("killed by SIGKILL"), "{mechanism}: {reason}");
        assert!(row["one_way_ns"].is_null());
    }
}

fn a_killed_member_of_a_fan_is_a_row_with_its_reason(mechanism: &str) {
    let child = start(&format!("fan -m {mechanism} -e 2x2 --wait sleep {LONG}"));
    // In the order in which they were started: two consumers, two producers.
    let workers = await_all_workers(child.id(), 4);
    signal("KILL", workers[3]);
    let output = finish(child);
    assert_eq!(output.status.code(), Some(1));
    let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let reason = rows(&results)[0]["error"].as_str().expect("a reason");
    assert!(reason.contains("the producer 2 was killed by SIGKILL"), "{mechanism}: {reason}");
}

fn an_interrupt_ends_the_run(mechanism: &str) {
    let child = start(&format!("pingpong -m {mechanism} {LONG}"));
    await_workers(child.id());
    signal("INT", child.id());
    let output = finish(child);
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty(), "no half of a result");
}

fn a_killed_parent_leaves_nothing(mechanism: &str) {
    let child = start(&format!("pingpong -m {mechanism} {LONG}"));
    let workers = await_workers(child.id());
    signal("KILL", child.id());
    finish(child);
    let deadline = Instant::now() + Duration::from_secs(30);
    while workers
        .iter()
        .any(|pid| std::path::Path::new(&format!("/proc/{pid}/cmdline")).exists() && alive(*pid))
    {
        assert!(Instant::now() < deadline, "the workers outlive their parent");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process runs, zombies excluded.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// The kernel's objects are those of before. What a janitor removes goes a moment after the parent.
fn nothing_is_left(before: &std::collections::BTreeSet<String>, when: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let left: Vec<_> = objects().difference(before).cloned().collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{when}: {left:?} left behind");
        std::thread::sleep(Duration::from_millis(10));
    }
}
