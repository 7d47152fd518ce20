//! The kernel objects are removed by hand, under every waiting and every busy end: an error or no effect, but
//! no hang and no crash.

mod common;
mod kinds;
mod spsc_common;

use std::time::Duration;

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_ring::{Domain, WaitSet, WaitSetError, WaitStrategy};
use kinds::{Giver, How, Kind, LENDER, STRATEGIES, Taker, Told, every, kind};

/// Removes every set and every segment of this name space: the domain's both, and the data's once more.
fn remove_everything() {
    let (segments, sets, _) = kernel_objects();
    let id = |object: &String| object.split(' ').nth(1).unwrap().parse().unwrap();
    for set in &sets {
        SemaphoreSet::from_id(SemId::from_raw(id(set))).remove().unwrap();
    }
    for segment in &segments {
        let _ = SharedMemory::from_id(ShmId::from_raw(id(segment))).remove();
    }
}

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);

/// Both waits of a kind of channel, each with its other end, which lives: for a number, and for room.
fn waits(
    kind: Kind,
    names: &[String; 2],
    wait: WaitStrategy,
    patience: Duration,
) -> Vec<Box<dyn FnOnce() -> Told + Send>> {
    let open = |name: &String| {
        let domain = Domain::open(name).unwrap();
        let how = How::new(&domain, wait);
        // In this order there is an end to wait for when numbers are given.
        let taker = (kind.taker)(how).unwrap();
        (taker, (kind.giver)(how).unwrap())
    };
    let (mut taker, kept) = open(&names[0]);
    let mut both: Vec<Box<dyn FnOnce() -> Told + Send>> = vec![Box::new(move || {
        let told = taker.take(patience);
        drop(kept);
        told
    })];
    if kind.fills {
        let (also_kept, mut giver) = open(&names[1]);
        while giver.give(0, Duration::ZERO) == Told::Yes {}
        both.push(Box::new(move || {
            let told = giver.give(1, patience);
            drop(also_kept);
            told
        }));
    }
    both
}

/// Each wait in a thread of its own; then everything is removed; then what they say.
fn under(wait: WaitStrategy) {
    private_namespace();
    for kind in every().chain([LENDER]) {
        let names = [unique("removed"), unique("removed")];
        let threads: Vec<_> = waits(kind, &names, wait, LONG).into_iter().map(std::thread::spawn).collect();
        std::thread::sleep(Duration::from_millis(50));
        remove_everything();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Told::Removed, "{}, {wait:?}", kind.name);
        }
    }
}

#[test]
fn who_sleeps_is_told() {
    under(WaitStrategy::Sleep);
    under(WaitStrategy::DEFAULT);
}

#[test]
fn who_polls_is_told() {
    under(WaitStrategy::Spin);
    under(WaitStrategy::SpinYield);
}

/// Holds one end of a channel until it is killed.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let [name, domain, side] = &role[..] else { panic!("{role:?}") };
    let (kind, domain) = (kind(name), Domain::open(domain).unwrap());
    let how = How::new(&domain, WaitStrategy::Sleep);
    let _end = match &side[..] {
        "taker" => End::Taker((kind.taker)(how).unwrap()),
        _ => End::Giver((kind.giver)(how).unwrap()),
    };
    say("there");
    loop {
        std::thread::park();
    }
}

enum End {
    Taker(Box<dyn Taker>),
    Giver(Box<dyn Giver>),
}

impl End {
    /// Waits for an action that the other end does not take.
    fn wait(&mut self) -> Told {
        match self {
            End::Taker(taker) => taker.take(LONG),
            End::Giver(giver) => loop {
                let told = giver.give(0, LONG);
                if told != Told::Yes {
                    return told;
                }
            },
        }
    }
}

/// The other end's process is killed after the objects are gone, so no one can learn of its death: an error,
/// and no endless wait.
#[test]
fn whose_peer_is_killed_afterwards_is_told() {
    private_namespace();
    for (kind, wait) in every().chain([LENDER]).flat_map(|kind| STRATEGIES.map(|wait| (kind, wait))) {
        for side in ["taker", "giver"] {
            if side == "giver" && !kind.fills {
                continue;
            }
            let name = unique("killed");
            let domain = Domain::open(&name).unwrap();
            let how = How::new(&domain, wait);
            let mut mine = match side {
                "taker" => End::Taker((kind.taker)(how).unwrap()),
                _ => End::Giver((kind.giver)(how).unwrap()),
            };
            let other = if side == "taker" { "giver" } else { "taker" };
            let mut peer = Role::start(kind.name, &[&name, other]);
            assert_eq!(peer.hear(), "there");
            let waiting = std::thread::spawn(move || (mine.wait(), mine));
            remove_everything();
            peer.kill();
            let (told, mine) = waiting.join().unwrap();
            assert!(matches!(told, Told::Removed | Told::Gone), "{} {side}, {wait:?}: {told:?}", kind.name);
            let state = match &mine {
                End::Taker(taker) => taker.peer(),
                End::Giver(giver) => giver.peer(),
            };
            assert!(!matches!(state, Some(Ok(_))), "{} {side}: {state:?} of one that was killed", kind.name);
        }
    }
}

/// As above, for a set.
#[test]
fn a_set_whose_peers_are_killed_afterwards_is_told() {
    private_namespace();
    for (kind, wait) in every().chain([LENDER]).flat_map(|kind| STRATEGIES.map(|wait| (kind, wait))) {
        let name = unique("killed");
        let domain = Domain::open(&name).unwrap();
        let mut taker = (kind.taker)(How::new(&domain, wait)).unwrap();
        let mut peer = Role::start(kind.name, &[&name, "giver"]);
        assert_eq!(peer.hear(), "there");
        let mut set = WaitSet::with_strategy(&domain, wait).unwrap();
        let waiting = std::thread::spawn(move || set.wait(&mut [taker.waitable()], None));
        remove_everything();
        peer.kill();
        match waiting.join().unwrap() {
            Err(WaitSetError::System(_)) => {}
            other => panic!("{}, {wait:?}: {other:?}", kind.name),
        }
    }
}

#[test]
fn messages_flow_on_and_the_name_starts_anew() {
    private_namespace();
    for kind in every().chain([LENDER]) {
        let name = unique("flow");
        let domain = Domain::open(&name).unwrap();
        let how = How::new(&domain, WaitStrategy::DEFAULT);
        let (mut taker, mut giver) = ((kind.taker)(how).unwrap(), (kind.giver)(how).unwrap());
        remove_everything();
        for number in 0..50 {
            assert_eq!(giver.give(number, LONG), Told::Yes, "{}", kind.name);
            assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
        }
        // No process finds the old one; the next open of the domain creates a new one.
        assert!((kind.taker)(how).is_err(), "{}", kind.name);
        let again = Domain::open(&name).unwrap();
        let how = How { domain: &again, ..how };
        let (mut new_taker, mut new_giver) = ((kind.taker)(how).unwrap(), (kind.giver)(how).unwrap());
        assert_eq!(new_giver.give(1000, LONG), Told::Yes, "{}", kind.name);
        assert_eq!(giver.give(2000, LONG), Told::Yes, "{}", kind.name);
        assert_eq!(new_taker.take(LONG), Told::Number(1000), "{}", kind.name);
        assert_eq!(taker.take(LONG), Told::Number(2000), "{}", kind.name);
    }
}
