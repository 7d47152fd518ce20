//! A process that becomes another program by `exec`, one that never opens the domain: to every other process
//! the old program is dead, although the process lives. Its ends are those of a dead process and can be
//! taken, its slot and its names are free again, and a lock that another of its threads held is taken over.

mod common;
mod kinds;
mod spsc_common;

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::control::{Builder, ChannelEvent, Watch};
use ipc_ring::platform::Site;
use ipc_ring::{Domain, PeerExit, PeerState, WaitStrategy, fault, spsc};
use kinds::{ALL, Giver, How, LENDER, STRATEGIES, Taker, Told, kind};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
/// How often each case is tried.
const ROUNDS: usize = 5;
/// Where a thread is stopped with the lock while another one calls `exec`.
const WITH_THE_LOCK: [Site; 10] = [
    Site::DomainLocked,
    Site::DomainTablesMade,
    Site::DomainTablesCleared,
    Site::DomainSlotNamed,
    Site::DomainSlotRaised,
    Site::DomainSlotTaken,
    Site::DomainSegmentNoted,
    Site::DomainSegmentMade,
    Site::DomainSegmentMarked,
    Site::ControlQueueMade,
];

fn how(domain: &Domain) -> How<'_> {
    How::new(domain, WaitStrategy::Sleep)
}

/// Becomes a program that knows nothing of domains.
fn become_sleep() -> ! {
    panic!("{}", Command::new("sleep").arg("1000").exec());
}

/// Waits until a process has become that program.
fn until_asleep(role: &Role) {
    while std::fs::read_to_string(format!("/proc/{}/comm", role.pid())).unwrap() != "sleep\n" {
        std::thread::yield_now();
    }
}

fn lives(role: &mut Role) -> bool {
    !role.has_ended()
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["give", name, domain] => {
            let domain = Domain::open(domain).unwrap();
            let mut giver = (kind(name).giver)(how(&domain)).unwrap();
            assert_eq!(giver.give(1, LONG), Told::Yes);
            say("given");
            listen();
            become_sleep();
        }
        ["take", name, domain] => {
            let domain = Domain::open(domain).unwrap();
            let mut taker = (kind(name).taker)(how(&domain)).unwrap();
            say("there");
            assert_eq!(taker.take(LONG), Told::Number(1));
            say("taken");
            listen();
            become_sleep();
        }
        ["bind and connect", domain] => {
            let domain = Domain::open(domain).unwrap();
            let _listener = Builder::new("name").domain(&domain).bind().unwrap();
            let _connection = Builder::new("service").domain(&domain).timeout(LONG).connect().unwrap();
            let _producer = spsc::Builder::<u64>::new("watched").domain(&domain).create_sender().unwrap();
            say("there");
            listen();
            become_sleep();
        }
        ["stop at", domain, site] => {
            let site = Site::ALL.into_iter().find(|known| format!("{known:?}") == site).unwrap();
            fault::stop_at(site);
            let domain = domain.to_owned();
            std::thread::spawn(move || {
                let domain = Domain::open(&domain).unwrap();
                let giver = (ALL[0].giver)(how(&domain)).unwrap();
                let listener = Builder::new("name").domain(&domain).bind().unwrap();
                drop((giver, listener));
            });
            while !fault::has_stopped() {
                std::thread::yield_now();
            }
            become_sleep();
        }
        ["open and close", domain] => {
            let rounds = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        loop {
                            let domain = Domain::open(domain).unwrap();
                            let ends = ((ALL[0].giver)(how(&domain)), (ALL[0].taker)(how(&domain)));
                            drop(ends);
                            rounds.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
                while rounds.load(Ordering::Relaxed) < 3 {
                    std::thread::yield_now();
                }
                become_sleep();
            });
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Both ends here.
fn flows(what: &str, taker: &mut dyn Taker, giver: &mut dyn Giver, numbers: std::ops::Range<u64>) {
    for number in numbers {
        loop {
            match giver.give(number, LONG) {
                Told::Yes => break,
                Told::Gone => {}
                other => panic!("{what}: {other:?}"),
            }
        }
        loop {
            match taker.take(LONG) {
                Told::Number(found) if found == number => break,
                Told::Gone => {}
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_sleeping_taker_learns_that_its_giver_is_gone_and_another_one_goes_on() {
    private_namespace();
    let before = kernel_objects();
    let all = ALL.into_iter().chain([LENDER]);
    for (kind, wait) in all.flat_map(|kind| STRATEGIES.map(|wait| (kind, wait))) {
        let domain = Domain::open(&unique("away")).unwrap();
        let mut taker = (kind.taker)(How::new(&domain, wait)).unwrap();
        let mut role = Role::start("give", &[kind.name, domain.name()]);
        assert_eq!(role.hear(), "given");
        assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
        let giver = domain.owner_of(role.pid()).unwrap().expect("a member");
        role.tell("go on");
        assert_eq!(taker.take(LONG), Told::Gone, "{} {wait:?}", kind.name);
        until_asleep(&role);
        assert!(!domain.is_alive(giver).unwrap(), "{}", kind.name);
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        flows(kind.name, &mut *taker, &mut *giver, 2..10);
        assert!(lives(&mut role), "{}", kind.name);
        // What the old program arranged for its death does no harm.
        role.kill();
        flows(kind.name, &mut *taker, &mut *giver, 10..20);
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_sleeping_giver_learns_that_its_taker_is_gone_and_another_one_goes_on() {
    private_namespace();
    let before = kernel_objects();
    for kind in ALL.into_iter().chain([LENDER]) {
        let domain = Domain::open(&unique("away")).unwrap();
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        let mut role = Role::start("take", &[kind.name, domain.name()]);
        assert_eq!(role.hear(), "there");
        while giver.give(1, LONG) != Told::Yes {}
        assert_eq!(role.hear(), "taken");
        let taker = domain.owner_of(role.pid()).unwrap().expect("a member");
        role.tell("go on");
        until_asleep(&role);
        assert!(!domain.is_alive(taker).unwrap(), "{}", kind.name);
        if kind.fills {
            let told = (2..1000).map(|number| giver.give(number, LONG)).find(|told| *told != Told::Yes);
            // A subscriber that is gone does not hold up publishers.
            let publishes = kind.many_takers && !kind.many_givers;
            assert_eq!(told, (!publishes).then_some(Told::Gone), "{}", kind.name);
        }
        let mut taker = (kind.taker)(how(&domain)).unwrap();
        while matches!(taker.take(Duration::ZERO), Told::Number(_)) {}
        flows(kind.name, &mut *taker, &mut *giver, 1000..1010);
        assert!(lives(&mut role), "{}", kind.name);
        role.kill();
        flows(kind.name, &mut *taker, &mut *giver, 1010..1020);
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn its_slot_and_names_are_free_and_the_new_program_is_not_killed() {
    private_namespace();
    let before = kernel_objects();
    for _ in 0..ROUNDS {
        let domain = Domain::open(&unique("away")).unwrap();
        let mut service = Builder::new("service").domain(&domain).timeout(LONG).bind().unwrap();
        let mut role = Role::start("bind and connect", &[domain.name()]);
        let mut connection = service.accept().unwrap();
        assert_eq!(role.hear(), "there");
        let mut watch = Watch::new(&domain, "watched").unwrap();
        let consumer = spsc::Builder::<u64>::new("watched").domain(&domain).open_receiver().unwrap();
        let owner = domain.owner_of(role.pid()).unwrap().expect("a member");
        let exit = std::thread::spawn({
            let domain = domain.clone();
            move || domain.wait_for_exit(owner, Instant::now() + LONG)
        });
        role.tell("go on");
        assert!(exit.join().unwrap().unwrap());
        assert!(matches!(connection.recv(), Err(ipc_ring::PopError::PeerGone(PeerExit::Died { .. }))));
        assert!(!connection.session().is_peer_alive().unwrap());
        assert!(matches!(consumer.peer().unwrap(), PeerState::Gone(PeerExit::Died { .. })));
        let died = loop {
            match watch.next_timeout(LONG).unwrap() {
                Some(ChannelEvent::Died(end)) => break end,
                Some(_) => {}
                None => panic!("the watch is not told"),
            }
        };
        assert_eq!(died.owner, owner);
        drop(Builder::new("name").domain(&domain).bind().unwrap());
        until_asleep(&role);
        assert_eq!(domain.owner_of(role.pid()).unwrap(), None);
        assert!(domain.evict(owner, Instant::now()).unwrap());
        assert!(lives(&mut role));
        // The next to join frees the slot: there are this process and the one that checks.
        let mut other = Role::start("take", &[ALL[0].name, domain.name()]);
        assert_eq!(other.hear(), "there");
        assert_eq!(domain.list().unwrap().processes.len(), 2);
        other.kill();
        drop((service, connection, watch, consumer, domain));
        // The process that has become another program keeps nothing.
        assert_eq!(kernel_objects(), before);
        assert!(lives(&mut role));
    }
}

#[test]
fn a_lock_is_taken_over_wherever_its_holder_stood() {
    private_namespace();
    let before = kernel_objects();
    for site in WITH_THE_LOCK {
        for _ in 0..ROUNDS {
            let name = unique("lock");
            let mut first = Role::start("stop at", &[&name, &format!("{site:?}")]);
            until_asleep(&first);
            let domain = Domain::open(&name).unwrap_or_else(|error| panic!("{site:?}: {error}"));
            // The tables are filled once.
            let again = if site == Site::DomainTablesCleared { Site::DomainLocked } else { site };
            let mut second = Role::start("stop at", &[&name, &format!("{again:?}")]);
            until_asleep(&second);
            let mut giver = (ALL[0].giver)(how(&domain)).unwrap();
            let mut taker = (ALL[0].taker)(how(&domain)).unwrap();
            flows(&format!("{site:?}"), &mut *taker, &mut *giver, 1..3);
            // When these processes end, nothing held by others is released.
            first.kill();
            flows(&format!("{site:?}"), &mut *taker, &mut *giver, 3..5);
            drop((giver, taker, domain));
            assert!(lives(&mut second));
            assert_eq!(kernel_objects(), before, "{site:?}");
        }
    }
}

#[test]
fn a_process_can_become_another_program_whatever_its_threads_are_opening() {
    private_namespace();
    let before = kernel_objects();
    let mut all = Vec::new();
    for _ in 0..ROUNDS * 4 {
        let name = unique("amid");
        let role = Role::start("open and close", &[&name]);
        until_asleep(&role);
        all.push(role);
        let domain = Domain::open(&name).unwrap();
        let mut giver = (ALL[0].giver)(how(&domain)).unwrap();
        let mut taker = (ALL[0].taker)(how(&domain)).unwrap();
        flows("amid", &mut *taker, &mut *giver, 1..3);
        drop((giver, taker, domain));
        assert_eq!(kernel_objects(), before);
    }
    assert!(all.iter_mut().all(lives));
}
