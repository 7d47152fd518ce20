//! Hosts whose kernel allows small sets of semaphores and few operations in one call: domains are as large as
//! it allows, all kinds of channel work in them, and they continue when the limit changes.

mod common;
mod kinds;
mod spsc_common;

use std::time::Duration;

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_core::{ErrorKind, Limit};
use ipc_ring::{AttachError, AttachErrorKind, Domain, WaitStrategy, broadcast, mpmc};
use kinds::{ALL, How, Kind, Told, kind};

const SETTING: &str = "/proc/sys/kernel/sem";
/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);

/// SEMMSL, SEMMNS, SEMOPM, SEMMNI: an old default that Oracle asks for, with its own number of operations and
/// the kernel's then; SAP's; today's default.
const LIMITS: [&str; 5] = [
    "250 32000 100 128",
    "250 32000 32 128",
    "1250 256000 100 1024",
    "1280 1024000000 500 32000",
    "32000 1024000000 500 32000",
];

/// Sets the limits of this thread's namespace, which has to be its own. False where that is not possible,
/// which must be [allowed](common::skip).
#[track_caller]
fn set_limits(limits: &str) -> bool {
    let set = kernel_objects().1.is_empty() && std::fs::write(SETTING, limits).is_ok();
    if !set {
        common::skip(common::Need::Sysctl, SETTING);
    }
    set
}

fn how(domain: &Domain) -> How<'_> {
    How::new(domain, WaitStrategy::Sleep)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["give and wait to be killed", name, domain] => {
            let domain = Domain::open(domain).unwrap();
            let mut giver = (kind(name).giver)(how(&domain)).unwrap();
            assert_eq!(giver.give(1, LONG), Told::Yes);
            say("given");
            std::thread::sleep(LONG);
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

fn flows(kind: &Kind, domain: &Domain) {
    let (mut taker, mut giver) = ((kind.taker)(how(domain)).unwrap(), (kind.giver)(how(domain)).unwrap());
    for number in 0..50 {
        assert_eq!(giver.give(number, LONG), Told::Yes, "{}", kind.name);
        assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
    }
}

/// A sleeper is notified of the death of another process.
fn deaths_are_told(kind: &Kind, domain: &Domain) {
    let mut taker = (kind.taker)(how(domain)).unwrap();
    let mut giver = Role::start("give and wait to be killed", &[kind.name, domain.name()]);
    assert_eq!(giver.hear(), "given");
    assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
    giver.kill();
    assert_eq!(taker.take(LONG), Told::Gone, "{}", kind.name);
}

#[test]
fn every_kind_works_in_a_domain_that_fits_the_limits() {
    for limits in LIMITS {
        private_namespace();
        if !set_limits(limits) {
            return;
        }
        let domain = Domain::open(&unique("small")).unwrap();
        for kind in &ALL {
            flows(kind, &domain);
            deaths_are_told(kind, &domain);
        }
        drop(domain);
        assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{limits}");
    }
}

/// The number of ends until there is no room for another, and the error then.
fn fill(domain: &Domain) -> (usize, AttachError) {
    let mut ends = Vec::new();
    loop {
        let channel = mpmc::Builder::<u64>::new(&format!("channel {}", ends.len() / 100)).domain(domain);
        match channel.create_receiver() {
            Ok(end) => ends.push(end),
            Err(error) => return (ends.len(), error),
        }
    }
}

#[test]
fn a_domain_has_as_much_room_as_its_set() {
    for (limits, room) in LIMITS.into_iter().zip([180, 180, 980, 1004, 1008]) {
        private_namespace();
        if !set_limits(limits) {
            return;
        }
        let (ends, error) = fill(&Domain::open(&unique("small-room")).unwrap());
        assert_eq!(ends, room, "{limits}: {error}");
        assert!(
            matches!(error.kind(), AttachErrorKind::DomainFull { limit, .. } if *limit == room),
            "{error}"
        );
        assert_eq!(error.to_string().contains("kernel.sem"), room < 1008, "{error}");
    }
}

#[test]
fn one_publication_wakes_more_sleepers_than_operations_are_allowed_in_a_call() {
    private_namespace();
    if !set_limits("250 32000 10 128") {
        return;
    }
    let domain = Domain::open(&unique("small-limits")).unwrap();
    let channel = broadcast::Builder::<u64>::new("many").domain(&domain).wait(WaitStrategy::Sleep);
    let mut publisher = channel.create_sender().unwrap();
    let subscribers: Vec<_> = (0..100).map(|_| channel.open_receiver().unwrap()).collect();
    let threads: Vec<_> = subscribers
        .into_iter()
        .map(|mut subscriber| std::thread::spawn(move || [(); 3].map(|()| subscriber.pop().unwrap())))
        .collect();
    for number in 0..3 {
        std::thread::sleep(Duration::from_millis(20));
        publisher.push(number).unwrap();
    }
    for thread in threads {
        assert_eq!(thread.join().unwrap(), [0, 1, 2]);
    }
}

#[test]
fn a_domain_keeps_its_size_when_the_limit_changes() {
    for (before, after) in [(LIMITS[4], LIMITS[0]), (LIMITS[0], LIMITS[4]), (LIMITS[2], LIMITS[1])] {
        private_namespace();
        if !set_limits(before) {
            return;
        }
        let first = Domain::open(&unique("small-change")).unwrap();
        std::fs::write(SETTING, after).unwrap();
        for kind in &ALL {
            // The child joins under the other limit.
            deaths_are_told(kind, &first);
            flows(kind, &first);
        }
        let findings = ipc_ring::gc::examine().unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].verdict, ipc_ring::gc::Verdict::InUse, "{}", findings[0]);
        drop(first);
        assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{before} to {after}");
    }
}

#[test]
fn what_cannot_be_is_said_with_the_limit() {
    private_namespace();
    if !set_limits("20 32000 100 128") {
        return;
    }
    match Domain::open(&unique("small-none")).map_err(AttachError::into_kind) {
        Err(AttachErrorKind::System(error)) => {
            assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::SemaphoresPerSet));
            assert!(error.to_string().contains("kernel.sem"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
