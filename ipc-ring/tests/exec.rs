//! A process that becomes another program by `exec`: what it held is the old program's, which is dead, and
//! the new one can have it.

mod common;
mod kinds;
mod spsc_common;

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{ROLE, Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::control::Builder;
use ipc_ring::platform::Site;
use ipc_ring::{Domain, WaitStrategy, fault};
use kinds::{ALL, How, Taker, Told, all, kind};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
/// How often a service restarts itself.
const TIMES: u64 = 3;

fn how(domain: &Domain) -> How<'_> {
    How::new(domain, WaitStrategy::Sleep)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["give", name, domain, number] => {
            let number: u64 = number.parse().unwrap();
            let opened = Domain::open(domain).unwrap();
            let mut giver = (kind(name).giver)(how(&opened)).unwrap();
            assert_eq!(giver.give(number, LONG), Told::Yes);
            say("given");
            listen();
            if number < TIMES {
                become_role(&["give", name, domain, &(number + 1).to_string()]);
            }
        }
        ["take", name, domain, number] => {
            let number: u64 = number.parse().unwrap();
            let opened = Domain::open(domain).unwrap();
            let mut taker = (kind(name).taker)(how(&opened)).unwrap();
            say("there");
            // A subscriber begins with the oldest message.
            while take_past_deaths(&mut *taker) != number {}
            say("taken");
            listen();
            if number < TIMES {
                become_role(&["take", name, domain, &(number + 1).to_string()]);
            }
        }
        ["bind", domain, number] => {
            let number: u64 = number.parse().unwrap();
            let opened = Domain::open(domain).unwrap();
            let mut listener = Builder::new("service").domain(&opened).timeout(LONG).bind().unwrap();
            say("bound");
            let mut connection = listener.accept().unwrap();
            connection.send(&number.to_le_bytes()).unwrap();
            listen();
            if number < TIMES {
                become_role(&["bind", domain, &(number + 1).to_string()]);
            }
        }
        // While another thread works with it.
        ["exec with the lock", domain] => {
            let opened = Domain::open(domain).unwrap();
            fault::stop_at(Site::DomainLocked);
            std::thread::spawn(move || opened.list());
            while !fault::has_stopped() {
                std::thread::yield_now();
            }
            become_role(&["open and use", domain]);
        }
        // A thread opens continuously.
        ["exec amid opening", domain] => {
            let rounds = AtomicU64::new(0);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    loop {
                        let domain = Domain::open(domain).unwrap();
                        let ends = ((ALL[0].giver)(how(&domain)), (ALL[0].taker)(how(&domain)));
                        drop(ends);
                        rounds.fetch_add(1, Ordering::Relaxed);
                    }
                });
                while rounds.load(Ordering::Relaxed) < 3 {
                    std::thread::yield_now();
                }
                become_role(&["open and use", domain]);
            });
        }
        ["open and use", domain] => {
            let domain = Domain::open(domain).unwrap();
            let mut taker = (ALL[0].taker)(how(&domain)).unwrap();
            let mut giver = (ALL[0].giver)(how(&domain)).unwrap();
            assert_eq!(giver.give(1, LONG), Told::Yes);
            assert_eq!(taker.take(LONG), Told::Number(1));
            say("used");
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Executes this program again, in another role.
fn become_role(role: &[&str]) -> ! {
    let error = Command::new("/proc/self/exe")
        .args(["--exact", "plays_a_role", "--nocapture", "--test-threads=1", "--quiet"])
        .env(ROLE, role.join("\x1f"))
        .exec();
    panic!("{error}");
}

fn take_past_deaths(taker: &mut dyn Taker) -> u64 {
    loop {
        match taker.take(LONG) {
            Told::Number(number) => return number,
            Told::Gone => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The service and this process, however often the service restarted itself.
fn has_two_members(domain: &Domain) {
    let listing = domain.list().unwrap();
    assert_eq!(listing.processes.len(), 2, "{:?}", listing.processes);
}

#[test]
fn a_giver_that_starts_itself_anew_has_its_end_again() {
    private_namespace();
    let before = kernel_objects();
    for kind in all() {
        let domain = Domain::open(&unique("exec")).unwrap();
        let mut taker = (kind.taker)(how(&domain)).unwrap();
        let mut giver = Role::start("give", &[kind.name, domain.name(), "1"]);
        for number in 1..=TIMES {
            assert_eq!(giver.hear(), "given", "{}", kind.name);
            assert_eq!(take_past_deaths(&mut *taker), number, "{}", kind.name);
            has_two_members(&domain);
            giver.tell("go on");
        }
        giver.finish();
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_taker_that_starts_itself_anew_has_its_end_again() {
    private_namespace();
    let before = kernel_objects();
    for kind in all() {
        let domain = Domain::open(&unique("exec")).unwrap();
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        let mut taker = Role::start("take", &[kind.name, domain.name(), "1"]);
        for number in 1..=TIMES {
            assert_eq!(taker.hear(), "there", "{}", kind.name);
            while giver.give(number, LONG) != Told::Yes {}
            assert_eq!(taker.hear(), "taken", "{}", kind.name);
            has_two_members(&domain);
            taker.tell("go on");
        }
        taker.finish();
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_listener_that_starts_itself_anew_has_its_name_again() {
    private_namespace();
    let before = kernel_objects();
    let domain = Domain::open(&unique("exec")).unwrap();
    let mut server = Role::start("bind", &[domain.name(), "1"]);
    let service = Builder::new("service").domain(&domain).timeout(LONG);
    for number in 1..=TIMES {
        assert_eq!(server.hear(), "bound");
        assert_eq!(service.connect().unwrap().recv().unwrap(), number.to_le_bytes());
        has_two_members(&domain);
        server.tell("go on");
    }
    server.finish();
    drop((service, domain));
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_lock_held_at_an_exec_is_given_back_by_the_new_program() {
    private_namespace();
    let domain = unique("lock");
    let mut process = Role::start("exec with the lock", &[&domain]);
    assert_eq!(process.hear(), "used");
    // And by then it is free for others.
    drop(Domain::open(&domain).unwrap());
    process.tell("go on");
    process.finish();
}

#[test]
fn a_program_can_become_another_whatever_its_threads_are_opening() {
    private_namespace();
    for _ in 0..10 {
        let domain = unique("amid");
        let mut process = Role::start("exec amid opening", &[&domain]);
        assert_eq!(process.hear(), "used");
        has_two_members(&Domain::open(&domain).unwrap());
        process.tell("go on");
        process.finish();
    }
}
