//! Death at any instruction: each operation of each ring is stopped between two instructions by ptrace, its
//! process is killed with SIGKILL, and the survivors must find every guarantee kept. Where: `course.rs`; how
//! often, `sweep.rs`; what is promised, `survivors.rs`.
#![cfg(target_arch = "x86_64")]

#[path = "../bytes_common/mod.rs"]
mod bytes_common;
#[path = "../common/mod.rs"]
mod common;
#[path = "../spsc_common/mod.rs"]
mod spsc_common;

mod broadcast;
mod bytes;
mod call;
mod course;
mod frames;
mod hand;
mod items;
mod latest;
mod lenders;
mod lock;
mod mpmc;
mod pool;
mod queue;
mod raw;
mod spsc;
mod stepping;
mod subscribers;
mod survivors;
mod sweep;
mod world;

use common::{Role, private_namespace, role};
use sweep::{Effort, sweep};

/// The sweeps run in processes of their own, whose only thread can fork.
#[test]
fn plays_a_role() {
    // A victim that is stepped is under way to its wake for longer than any sleeper waits for it.
    ipc_ring::wait::late::report_to(|_| {});
    let Some(role) = role() else { return };
    private_namespace();
    if !stepping::is_possible() {
        return common::skip(common::Need::Ptrace, "every instruction is stepped over");
    }
    stay_on_one_cpu();
    let effort = Effort::from_environment();
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["spsc"] => sweep("spsc", &queue::cases::<spsc::Spsc>(), effort),
        ["raw spsc"] => sweep("raw spsc", &queue::cases::<raw::Raw<{ raw::SPSC }>>(), effort),
        ["raw mpmc"] => sweep("raw mpmc", &queue::cases::<raw::Raw<{ raw::MPMC }>>(), effort),
        ["raw broadcast"] => {
            sweep("raw broadcast", &one_to_many::<raw::Raw<{ raw::BROADCAST }>>(), effort);
        }
        ["bytes"] => sweep("bytes", &queue::cases::<bytes::Bytes>(), effort),
        ["mpmc"] => {
            let mut cases = queue::cases::<mpmc::Mpmc>();
            cases.extend(mpmc::recoverers());
            sweep("mpmc", &cases, effort);
        }
        ["broadcast"] => sweep("broadcast", &one_to_many::<broadcast::Broadcast>(), effort),
        ["frames"] => sweep("frames", &one_to_many::<frames::Frames>(), effort),
        ["latest"] => sweep("latest", &latest::cases::<latest::Typed>(), effort),
        ["raw latest"] => sweep("raw latest", &latest::cases::<latest::Raw>(), effort),
        ["call"] => sweep("call", &call::cases(), effort),
        ["pool"] => sweep("pool", &pool::cases(), effort),
        ["lenders"] => sweep("lenders", &lenders::cases(), effort),
        ["lock"] => lock::sweep(effort),
        ref other => panic!("no such role: {other:?}"),
    }
}

/// What a gated broadcast channel does.
fn one_to_many<Q: subscribers::Subscribing>() -> Vec<sweep::Case> {
    let mut cases = queue::producers::<Q>();
    cases.extend(subscribers::subscribers::<Q>());
    cases.extend(queue::arrivals::<Q>());
    cases
}

/// Stepping is a conversation of two processes; on one CPU no other one has to be woken for it.
fn stay_on_one_cpu() {
    let mut cpus = nix::sched::CpuSet::new();
    cpus.set(nix::sched::sched_getcpu().unwrap()).unwrap();
    nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &cpus).unwrap();
}

fn run(ring: &str) {
    let mut sweeper = Role::start(ring, &[]);
    while let Some(said) = sweeper.hear_or_end() {
        println!("{said}");
    }
    sweeper.finish();
}

#[test]
fn spsc_survives() {
    run("spsc");
}

#[test]
fn raw_spsc_survives() {
    run("raw spsc");
}

#[test]
fn raw_mpmc_survives() {
    run("raw mpmc");
}

#[test]
fn raw_broadcast_survives() {
    run("raw broadcast");
}

#[test]
fn bytes_survives() {
    run("bytes");
}

#[test]
fn mpmc_survives() {
    run("mpmc");
}

#[test]
fn broadcast_survives() {
    run("broadcast");
}

#[test]
fn frames_survives() {
    run("frames");
}

#[test]
fn latest_survives() {
    run("latest");
}

#[test]
fn raw_latest_survives() {
    run("raw latest");
}

#[test]
fn call_survives() {
    run("call");
}

#[test]
fn pool_survives() {
    run("pool");
}

#[test]
fn lenders_survive() {
    run("lenders");
}

#[test]
fn lock_survives() {
    run("lock");
}
