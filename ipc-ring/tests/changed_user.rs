//! A process that changes its user after it has opened a channel may no longer wake any other process. This
//! is reported to its caller, for every kind of channel and both ends, and no message is lost or duplicated
//! because of it.

mod common;
mod kinds;
mod spsc_common;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique, wait_for_a_sleeper};
use ipc_core::msg::MessageQueue;
use ipc_core::{ErrorKind, Mode, Trust};
use ipc_ring::control::{Builder, ConnectError};
use ipc_ring::{Domain, WaitStrategy};
use kinds::{How, Kind, Told, every, kind};
use nix::unistd::{Uid, geteuid, setuid};

/// A user unrelated to the domain.
const OTHER_USER: u32 = 65_534;
/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
const NUMBERS: u64 = 4;
/// How often a taker empties a full ring.
const ROUNDS: u32 = 200;

/// Opens an end, then becomes another user, then executes commands.
#[test]
fn plays_a_role() {
    lateness_is_expected();
    let Some(role) = role() else { return };
    if let [what, domain] = &role[..]
        && what == "connect"
    {
        become_other_user();
        let told = Builder::new("service").domain(&shared(domain)).timeout(LONG).connect();
        let Err(ConnectError::System { error, .. }) = told else { panic!("{told:?}") };
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        return say("denied");
    }
    let [name, domain, side] = &role[..] else { panic!("{role:?}") };
    let (kind, domain) = (kind(name), Domain::open(domain).unwrap());
    let how = How::new(&domain, WaitStrategy::Sleep);
    if side == "giver" {
        let mut giver = (kind.giver)(how).unwrap();
        become_other_user();
        for number in 1..=NUMBERS {
            assert_eq!(listen(), "go");
            say(&format!("{:?}", giver.give(number, LONG)));
        }
    } else {
        let mut taker = (kind.taker)(how).unwrap();
        become_other_user();
        while listen() == "go" {
            loop {
                let told = taker.take(Duration::ZERO);
                say(&format!("{told:?}"));
                if !matches!(told, Told::Number(_)) {
                    break;
                }
            }
        }
    }
}

fn become_other_user() {
    setuid(Uid::from_raw(OTHER_USER)).unwrap();
    say("another user");
}

/// A domain that all users may use.
fn shared(name: &str) -> Domain {
    let mode = Mode::new(0o666).unwrap();
    Domain::open_shared(name, 0, mode, Trust::anyone().mode_at_most(mode)).unwrap()
}

/// Whether this test can run: only a privileged process can become another user.
fn is_privileged() -> bool {
    let yes = geteuid().is_root();
    if !yes {
        common::skip(common::Need::Root, "only root can change its user");
    }
    yes
}

/// An end that is not woken is late: that is reported here.
fn lateness_is_expected() {
    ipc_ring::wait::late::report_to(|_| {});
}

/// What a sleeping taker gets, until the giver is gone.
fn taking(kind: Kind, domain: &str) -> Receiver<Told> {
    let (out, input) = channel();
    let domain = Domain::open(domain).unwrap();
    let mut taker = (kind.taker)(How::new(&domain, WaitStrategy::Sleep)).unwrap();
    std::thread::spawn(move || {
        while let told = taker.take(LONG)
            && out.send(told.clone()).is_ok()
            && matches!(told, Told::Number(_))
        {}
    });
    input
}

#[test]
fn the_sender_learns_that_no_end_was_woken() {
    if !is_privileged() {
        return;
    }
    lateness_is_expected();
    private_namespace();
    for kind in every() {
        let name = unique("giver");
        let taken = taking(kind, &name);
        let mut giver = Role::start(kind.name, &[&name, "giver"]);
        assert_eq!(giver.hear(), "another user");
        let mut heard = Vec::new();
        for number in 1..=NUMBERS {
            wait_for_a_sleeper();
            giver.tell("go");
            let told = giver.hear();
            // A payload's loan is consumed by it, so the next publication reports it. Of a loan that is sent
            // by handle, the block is returned, and the handle is invalid.
            let arrives = told == "Yes" || (told == "NotWoken" && kind.name != "pool");
            if arrives {
                assert_eq!(taken.recv().unwrap(), Told::Number(number), "{}", kind.name);
            }
            heard.push(told);
        }
        let expected = if kind.name == "payloads" {
            ["Yes", "Denied", "Yes", "Denied"]
        } else {
            ["NotWoken", "NotWoken", "NotWoken", "NotWoken"]
        };
        assert_eq!(heard, expected, "{}", kind.name);
        giver.finish();
        let last = taken.recv().unwrap();
        assert!(matches!(last, Told::Closed | Told::Gone), "{}: {last:?} once more", kind.name);
    }
}

#[test]
fn who_takes_is_told_when_there_is_nothing_left() {
    if !is_privileged() {
        return;
    }
    lateness_is_expected();
    private_namespace();
    for kind in every().filter(|kind| kind.fills) {
        let name = unique("taker");
        let domain = Domain::open(&name).unwrap();
        let mut taker = Role::start(kind.name, &[&name, "taker"]);
        assert_eq!(taker.hear(), "another user");
        let mut giver = (kind.giver)(How::new(&domain, WaitStrategy::Sleep)).unwrap();
        let interrupter = giver.interrupter().expect("it waits for room");
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let giving = std::thread::spawn(move || {
            let mut numbers = (0..).take_while(|_| !is_over.load(Relaxed));
            numbers.find(|number| giver.give(*number, LONG) != Told::Yes)
        });
        let mut numbers = 0;
        // Until the giver's sleeps are long: between two of them it needs no wake-up.
        let last = (0..ROUNDS)
            .map(|_| {
                (0..50).for_each(|_| wait_for_a_sleeper());
                taker.tell("go");
                loop {
                    let told = taker.hear();
                    if told != format!("Number({numbers})") {
                        break told;
                    }
                    numbers += 1;
                }
            })
            .find(|told| told != "TimedOut");
        assert_eq!(last.as_deref(), Some("Denied"), "{}", kind.name);
        drop(taker);
        stop.store(true, Relaxed);
        interrupter.interrupt().unwrap();
        giving.join().unwrap();
    }
}

/// A client that may not write to the queue of a listener that is there.
#[test]
fn who_may_not_greet_is_told_so_and_not_that_the_server_is_gone() {
    if !is_privileged() {
        return;
    }
    private_namespace();
    let name = unique("greet");
    let _listener = Builder::new("service").domain(&shared(&name)).bind().unwrap();
    for (queue, _) in ipc_core::list::queues().unwrap() {
        MessageQueue::from_id(queue).set_mode(Mode::PRIVATE).unwrap();
    }
    let mut client = Role::start("connect", &[&name]);
    assert_eq!(client.hear(), "another user");
    assert_eq!(client.hear(), "denied");
    client.finish();
}
