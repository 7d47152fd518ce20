//! Sides that are killed, runs that are interrupted: a row with its reason, and nothing left in the kernel.
//!
//! One test function: what is in the kernel is compared before and after, and two of these runs side by side
//! would see each other's objects.

mod common;

use std::collections::BTreeSet;
use std::process::Child;
use std::time::{Duration, Instant};

use common::{Mechanism, await_all_workers, await_workers, finish, objects, rows, signal, start, workers_of};
use serde_json::Value;

/// The size that every mechanism carries; some carry nothing larger than a cache line.
const LONG: &str = "-s 8 --reps 1 --duration 30000 --warm-up 10 --quiet --json -";

/// Their work is done by one process alone; the other ends at once.
const ALONE: &[&str] = &["clock", "memcpy", "null"];

#[test]
fn deaths_are_told_and_leave_nothing() {
    isolate();
    let before = objects();
    for side in [0, 1] {
        for wait in ["spin", "sleep"] {
            killed_sides_are_rows_with_their_reasons(wait, side);
            nothing_is_left(&before, &format!("waiting by {wait}, side {side} killed"));
        }
    }
    for mechanism in in_pairs().iter().filter(|mechanism| mechanism.can("fan")) {
        a_killed_member_of_a_fan_is_a_row_with_its_reason(mechanism);
        nothing_is_left(&before, &format!("{}, one of a fan killed", mechanism.name));
    }
    // Each signal's turn comes: there are more mechanisms than signals.
    let mut signals = [("INT", 130), ("TERM", 143), ("HUP", 129)].into_iter().cycle();
    for mechanism in in_pairs() {
        let (name, workload) = (&mechanism.name, mechanism.workload());
        an_interrupt_ends_the_run(workload, name, signals.next().expect("they go round"));
        nothing_is_left(&before, &format!("{name}, interrupted"));
    }
    for mechanism in in_pairs() {
        let (name, workload) = (&mechanism.name, mechanism.workload());
        a_killed_parent_leaves_nothing(workload, name);
        nothing_is_left(&before, &format!("{name}, parent killed"));
    }
    an_interrupt_while_calls_are_counted_ends_the_run();
    nothing_is_left(&before, "interrupted while calls were counted");
}

/// Moves this thread, and so the programs that it starts, to an IPC name space of their own where that is
/// allowed.
fn isolate() {
    use nix::sched::{CloneFlags, unshare};
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWIPC) {
        eprintln!(
            "unshare(CLONE_NEWIPC): {errno}: checking the name space of this machine, which others may change"
        );
    }
}

/// Every mechanism of this build that is between two processes or more, and here.
fn in_pairs() -> Vec<Mechanism> {
    let mut mechanisms = common::mechanisms();
    assert!(mechanisms.len() > 15, "{mechanisms:?}");
    mechanisms.retain(|mechanism| {
        !ALONE.contains(&mechanism.name.as_str()) && mechanism.kind != "threads" && !mechanism.missing
    });
    mechanisms
}

/// One run over all mechanisms that can wait so, for each workload that is needed to have them all; in each
/// row one side is killed. Every row says so, and the run goes on to the next.
fn killed_sides_are_rows_with_their_reasons(wait: &str, side: usize) {
    let mut mechanisms = in_pairs();
    // Each once: asleep only those that cannot spin.
    mechanisms.retain(|mechanism| if mechanism.waits_by("spin") { wait == "spin" } else { wait == "sleep" });
    for workload in ["pingpong", "stream"] {
        let names: Vec<_> = mechanisms
            .iter()
            .filter(|mechanism| mechanism.workload() == workload)
            .map(|mechanism| mechanism.name.clone())
            .collect();
        if names.is_empty() {
            continue;
        }
        let child = start(&format!("{workload} -m {} --wait {wait} {LONG}", names.join(",")));
        for _ in &names {
            let workers = await_workers(child.id());
            signal("KILL", workers[side]);
            await_other_workers(&child, &workers);
        }
        let output = finish(child);
        assert_eq!(output.status.code(), Some(1), "{names:?}");
        let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(rows(&results).len(), names.len(), "the rest went on");
        for row in rows(&results) {
            let reason = row["error"].as_str().expect("a reason");
            eprintln!("{}, side {side}: {reason}", row["mechanism"]);
            assert!(reason.contains("killed by SIGKILL"), "{row}");
            assert!(row["one_way_ns"].is_null() && row["messages_per_second"].is_null(), "{row}");
        }
    }
}

/// Waits until none of these processes is the program's any more.
fn await_other_workers(child: &Child, workers: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while workers_of(child.id()).iter().any(|worker| workers.contains(worker)) {
        assert!(Instant::now() < deadline, "the program did not go on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn a_killed_member_of_a_fan_is_a_row_with_its_reason(mechanism: &Mechanism) {
    let wait = if mechanism.waits_by("sleep") { "sleep" } else { "spin_yield" };
    let name = &mechanism.name;
    let child = start(&format!("fan -m {name} -e 2x2 --wait {wait} {LONG}"));
    // In the order in which they were started: two consumers, two producers.
    let workers = await_all_workers(child.id(), 4);
    signal("KILL", workers[3]);
    let output = finish(child);
    assert_eq!(output.status.code(), Some(1));
    let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let reason = rows(&results)[0]["error"].as_str().expect("a reason");
    assert!(reason.contains("the producer 2 was killed by SIGKILL"), "{name}: {reason}");
}

fn an_interrupt_ends_the_run(workload: &str, mechanism: &str, (name, code): (&str, i32)) {
    let child = start(&format!("{workload} -m {mechanism} {LONG}"));
    await_workers(child.id());
    signal(name, child.id());
    let output = finish(child);
    assert_eq!(output.status.code(), Some(code), "{mechanism}, SIG{name}");
    assert!(output.stdout.is_empty(), "{mechanism}: no half of a result");
}

/// The worker is the child of the one who counts, so it is not among the program's own.
fn an_interrupt_while_calls_are_counted_ends_the_run() {
    // Rare messages are counted for twenty of them: long enough to be interrupted.
    let child =
        start("wake -g 1s -m sysv-msg --reps 1 --duration 10 --warm-up 1 --messages 2 --quiet --json -");
    let counting = common::await_processes_of(child.id(), "tally", 2);
    signal("INT", child.id());
    assert_eq!(finish(child).status.code(), Some(130));
    await_end(&counting);
}

fn a_killed_parent_leaves_nothing(workload: &str, mechanism: &str) {
    let child = start(&format!("{workload} -m {mechanism} {LONG}"));
    let workers = await_workers(child.id());
    signal("KILL", child.id());
    finish(child);
    await_end(&workers);
}

/// Waits until these processes have ended.
fn await_end(processes: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while processes.iter().any(|pid| alive(*pid)) {
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
fn nothing_is_left(before: &BTreeSet<String>, when: &str) {
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
