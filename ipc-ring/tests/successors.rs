//! Ends that wait for a successor of an end that died or left, for every kind of channel.

mod common;
mod kinds;
mod spsc_common;

use std::thread::scope;
use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::{Domain, WaitStrategy};
use kinds::{CAPACITY, How, Kind, STRATEGIES, Told, all, kind};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
/// Long enough for a waiting end to have checked several times whether the other one is alive.
const SEVERAL_LOOKS: Duration = Duration::from_millis(250);

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let domain = Domain::open(&role[1]).unwrap();
    let how = How::new(&domain, WaitStrategy::Sleep);
    match &*role[2] {
        "giver" => {
            let mut giver = (kind(&role[0]).giver)(how).unwrap();
            assert_eq!(giver.give(1, LONG), Told::Yes);
            say("given");
            listen();
        }
        "taker" => {
            let _taker = (kind(&role[0]).taker)(how).unwrap();
            say("there");
            listen();
        }
        other => panic!("no such role: {other:?}"),
    }
}

fn takers_wait(kind: &Kind, wait: WaitStrategy) {
    let name = unique(kind.name);
    let domain = Domain::open(&name).unwrap();
    let how = How { successors: true, ..How::new(&domain, wait) };
    let mut taker = (kind.taker)(how).unwrap();
    let mut giver = Role::start(kind.name, &[&name, "giver"]);
    assert_eq!(giver.hear(), "given");
    assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
    scope(|scope| {
        let waiting = scope.spawn(|| (taker.take(LONG), taker.take(LONG)));
        giver.kill();
        std::thread::sleep(SEVERAL_LOOKS);
        let mut second = (kind.giver)(how).unwrap();
        assert_eq!(second.give(2, LONG), Told::Yes, "{}", kind.name);
        // A newer value would take its place before it is read, and a call takes one number at a time.
        std::thread::sleep(SEVERAL_LOOKS);
        second.leave();
        std::thread::sleep(SEVERAL_LOOKS);
        let mut third = (kind.giver)(how).unwrap();
        assert_eq!(third.give(3, LONG), Told::Yes, "{}", kind.name);
        assert_eq!(waiting.join().unwrap(), (Told::Number(2), Told::Number(3)), "{} {wait:?}", kind.name);
    });
}

/// The wait begins when the giver has left already.
fn takers_come_late(kind: &Kind, wait: WaitStrategy) {
    let domain = Domain::open(&unique(kind.name)).unwrap();
    let how = How { successors: true, ..How::new(&domain, wait) };
    let mut taker = (kind.taker)(how).unwrap();
    let mut first = (kind.giver)(how).unwrap();
    assert_eq!(first.give(1, LONG), Told::Yes, "{}", kind.name);
    assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
    first.leave();
    assert_eq!(taker.take(SEVERAL_LOOKS), Told::TimedOut, "{} {wait:?}", kind.name);
    let mut second = (kind.giver)(how).unwrap();
    assert_eq!(second.give(2, LONG), Told::Yes, "{}", kind.name);
    assert_eq!(taker.take(LONG), Told::Number(2), "{} {wait:?}", kind.name);
}

fn givers_wait(kind: &Kind, wait: WaitStrategy) {
    let name = unique(kind.name);
    let domain = Domain::open(&name).unwrap();
    let how = How { successors: true, ..How::new(&domain, wait) };
    let mut giver = (kind.giver)(how).unwrap();
    let mut taker = Role::start(kind.name, &[&name, "taker"]);
    assert_eq!(taker.hear(), "there");
    // The ring is filled while the taker takes nothing.
    let mut given = 0;
    while given < 100 * CAPACITY && giver.give(given + 1, Duration::from_millis(1)) == Told::Yes {
        given += 1;
    }
    assert!((1..100 * CAPACITY).contains(&given), "{} takes {given}", kind.name);
    scope(|scope| {
        let waiting = scope.spawn(|| giver.give(given + 1, LONG));
        taker.kill();
        std::thread::sleep(SEVERAL_LOOKS);
        let mut second = (kind.taker)(how).unwrap();
        for number in 1..=given + 1 {
            assert_eq!(second.take(LONG), Told::Number(number), "{} {wait:?}", kind.name);
        }
        assert_eq!(waiting.join().unwrap(), Told::Yes, "{} {wait:?}", kind.name);
    });
}

#[test]
fn takers_wait_for_successors_of_givers_that_died_or_left() {
    private_namespace();
    for kind in all() {
        STRATEGIES.into_iter().for_each(|wait| takers_wait(kind, wait));
    }
}

#[test]
fn takers_wait_for_successors_of_givers_that_had_left() {
    private_namespace();
    for kind in all() {
        STRATEGIES.into_iter().for_each(|wait| takers_come_late(kind, wait));
    }
}

#[test]
fn givers_wait_for_successors_of_takers_that_died() {
    private_namespace();
    // A gated publisher does not wait for subscribers that died, so there is none to succeed.
    let waiting = ["spsc", "bytes", "mpmc", "lender"];
    for kind in all().filter(|kind| waiting.contains(&kind.name)) {
        STRATEGIES.into_iter().for_each(|wait| givers_wait(kind, wait));
    }
}
