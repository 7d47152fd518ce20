//! The shared memory in a core dump: none, unless that was requested. The kernel writes a core before it
//! reports the death to any process.

mod common;
mod kinds;
mod spsc_common;

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::{Domain, WaitStrategy, pool, spsc};
use kinds::{ALL, How, Told};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

const LONG: Duration = Duration::from_secs(1000);
/// Bytes of the pool that is not in a core.
const POOL: usize = 64 << 20;
/// Bytes that a core of such a process has without it, at most: its own memory and the libraries.
const WITHOUT: u64 = 32 << 20;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["every kind"] => every_kind_is_left_out(),
        ["asked for"] => what_is_asked_for_is_there(),
        ["end", domain, dumped] => end_with_a_pool(domain, dumped == "dumped"),
        ref other => panic!("no such role: {other:?}"),
    }
}

/// For each mapping of a System V segment of this process, whether a core contains it.
fn mappings() -> Vec<bool> {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut found = Vec::new();
    let mut is_segment = false;
    for line in text.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            if is_segment {
                found.push(!flags.split_whitespace().any(|flag| flag == "dd"));
            }
        } else if line.split_whitespace().next().is_some_and(|word| word.contains('-')) {
            is_segment = line.contains("/SYSV");
        }
    }
    found
}

fn every_kind_is_left_out() {
    private_namespace();
    for kind in &ALL {
        let domain = Domain::open(&unique("dump")).unwrap();
        let how = How::new(&domain, WaitStrategy::Sleep);
        let (mut taker, mut giver) = ((kind.taker)(how).unwrap(), (kind.giver)(how).unwrap());
        assert_eq!(giver.give(1, LONG), Told::Yes, "{}", kind.name);
        assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
        let mappings = mappings();
        // The domain's two, and one for each end at least.
        assert!(mappings.len() >= 4 && !mappings.contains(&true), "{}: {mappings:?}", kind.name);
    }
}

#[test]
fn no_kind_of_channel_is_in_a_core() {
    Role::start("every kind", &[]).finish();
}

fn what_is_asked_for_is_there() {
    private_namespace();
    let domain = Domain::open(&unique("dump")).unwrap();
    // The domain's tables, and the segment that represents this program.
    assert_eq!(mappings(), [false, false]);
    let ring = spsc::Builder::<u64>::new("ring").domain(&domain).dumped(true).create_sender().unwrap();
    assert_eq!(mappings().iter().filter(|dumped| **dumped).count(), 1);
    let pool = pool::Builder::new("pool").domain(&domain).class(64, 4).dumped(true).create().unwrap();
    assert_eq!(mappings().iter().filter(|dumped| **dumped).count(), 2);
    let plain = pool::Builder::new("pool").domain(&domain).open().unwrap();
    assert_eq!(mappings().iter().filter(|dumped| **dumped).count(), 2);
    drop((ring, pool, plain));
}

#[test]
fn what_is_asked_for_is_in_a_core() {
    Role::start("asked for", &[]).finish();
}

fn end_with_a_pool(domain: &str, dumped: bool) {
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    setrlimit(Resource::RLIMIT_CORE, hard, hard).unwrap();
    let domain = Domain::open(domain).unwrap();
    let pool = pool::Builder::new("pool").domain(&domain).class(POOL, 1).dumped(dumped).create().unwrap();
    let mut loan = pool.loan(POOL).unwrap();
    loan.fill(7).unwrap();
    say(if hard == RLIM_INFINITY { "ready" } else { "limited" });
    listen();
    // A program started in the background may have inherited that it is ignored. SAFETY: no handler is
    // installed.
    let default = unsafe {
        nix::sys::signal::signal(nix::sys::signal::Signal::SIGQUIT, nix::sys::signal::SigHandler::SigDfl)
    };
    default.unwrap();
    // Like an abort, which the parent takes for a failed test.
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGQUIT).unwrap();
}

/// Bytes of the core of a process that ends with the pool open; `None` when there is none, depending on the
/// system's settings.
fn core(dumped: &str) -> Option<u64> {
    let directory = std::env::temp_dir().join(unique("core"));
    std::fs::create_dir(&directory).unwrap();
    let domain = unique("end");
    let mut process = Role::start_with("end", &[&domain, dumped], |command| {
        command.current_dir(&directory).stderr(Stdio::null());
    });
    let said = process.hear();
    process.tell("go");
    let status = process.wait();
    assert_eq!(status.signal(), Some(nix::libc::SIGQUIT), "{status}");
    let found: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap()).collect();
    // Blocks, since a part that was never written is a hole.
    let bytes = found.iter().map(|core| {
        use std::os::unix::fs::MetadataExt as _;
        core.metadata().unwrap().blocks() * 512
    });
    let sum = bytes.sum();
    std::fs::remove_dir_all(&directory).unwrap();
    (said == "ready" && !found.is_empty()).then_some(sum)
}

#[test]
fn a_core_is_as_small_as_without_the_pool() {
    private_namespace();
    let (Some(without), Some(with)) = (core("left out"), core("dumped")) else {
        return common::skip(common::Need::Cores, "the system writes none into the working directory");
    };
    assert!(without < WITHOUT && with >= POOL as u64, "{without} and {with} bytes");
}
