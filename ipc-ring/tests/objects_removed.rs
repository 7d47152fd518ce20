//! Somebody removes the kernel's objects by hand, under every waiting and every busy end: an error or nothing at all, but no
//! hang and no crash.

mod common;
mod kinds;
mod spsc_common;

use std::time::Duration;

use common::{kernel_objects, private_namespace, unique};
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_ring::{Domain, WaitStrategy};
use kinds::{ALL, How, Kind, Told};

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

/// Longer than anything takes; the watchdog is quicker.
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
        // In this order there is somebody to wait for when numbers are given.
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
fn under(wait: WaitStrategy, patience: Duration, expected: &Told) {
    private_namespace();
    for kind in ALL {
        let names = [unique("removed"), unique("removed")];
        let threads: Vec<_> =
            waits(kind, &names, wait, patience).into_iter().map(std::thread::spawn).collect();
        std::thread::sleep(Duration::from_millis(50));
        remove_everything();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), *expected, "{}", kind.name);
        }
    }
}

#[test]
fn who_sleeps_is_told() {
    under(WaitStrategy::Sleep, LONG, &Told::Removed);
}

#[test]
fn who_polls_goes_on_with_the_memory_it_has() {
    under(WaitStrategy::SpinYield, Duration::from_millis(250), &Told::TimedOut);
}

#[test]
fn messages_flow_on_and_the_name_starts_anew() {
    private_namespace();
    for kind in ALL {
        let name = unique("flow");
        let domain = Domain::open(&name).unwrap();
        let how = How::new(&domain, WaitStrategy::DEFAULT);
        let (mut taker, mut giver) = ((kind.taker)(how).unwrap(), (kind.giver)(how).unwrap());
        remove_everything();
        for number in 0..50 {
            assert_eq!(giver.give(number, LONG), Told::Yes, "{}", kind.name);
            assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
        }
        // Nobody finds the old one; who opens the domain anew makes a new one.
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
