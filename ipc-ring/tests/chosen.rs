//! Who decides what a channel is like: the end where messages go in. An end where they come out, which says nothing and was there
//! first, goes along with it.

mod common;
mod kinds;
mod spsc_common;

use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::{AttachError, Domain, Lifetime, WaitSet, WaitStrategy, broadcast, spsc};
use kinds::{ALL, Giver, How, Kind, Taker, Told, kind};

/// Longer than anything takes; the watchdog is quicker.
const LONG: Duration = Duration::from_secs(1000);
const WAITS: [WaitStrategy; 3] = [WaitStrategy::Sleep, WaitStrategy::SpinYield, WaitStrategy::DEFAULT];
/// Less than what is usual, and more.
const CAPACITIES: [u64; 2] = [4, 1 << 17];

fn choosing() -> impl Iterator<Item = &'static Kind> {
    ALL.iter().filter(|kind| kind.chooses)
}

/// Who says nothing.
fn silent(domain: &Domain, wait: WaitStrategy) -> How<'_> {
    How { capacity: None, ..How::new(domain, wait) }
}

/// The capacity of an end for so many numbers, as the kind counts.
fn units(kind: &Kind, numbers: u64) -> u64 {
    if matches!(kind.name, "bytes" | "frames") { numbers * 64 } else { numbers }
}

fn give(giver: &mut dyn Giver, number: u64, kind: &Kind) {
    loop {
        match giver.give(number, LONG) {
            Told::Yes => return,
            // No block is free: the others have not let go yet.
            Told::TimedOut => std::thread::yield_now(),
            other => panic!("{}: {other:?}", kind.name),
        }
    }
}

fn take_all(taker: &mut dyn Taker, count: u64, kind: &Kind) {
    for number in 0..count {
        assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["detect", name, domain, count, wait] => {
            let (kind, domain) = (kind(name), Domain::open(domain).unwrap());
            let mut taker = (kind.taker)(silent(&domain, WAITS[wait.parse::<usize>().unwrap()])).unwrap();
            say("there");
            take_all(&mut *taker, count.parse().unwrap(), &kind);
            say(&taker.capacity().unwrap().to_string());
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

#[test]
fn who_was_there_first_and_said_nothing_follows_who_chooses() {
    private_namespace();
    let count = 40;
    for kind in choosing() {
        for (wait, capacity) in (0..WAITS.len()).flat_map(|wait| CAPACITIES.map(|capacity| (wait, capacity)))
        {
            let domain = Domain::open(&unique("chosen")).unwrap();
            let detectors = if kind.many_takers && kind.name != "mpmc" { 3 } else { 1 };
            let arguments = [kind.name, domain.name(), &count.to_string(), &wait.to_string()];
            let mut detectors: Vec<Role> = (0..detectors)
                .map(|_| {
                    let mut detector = Role::start("detect", &arguments);
                    assert_eq!(detector.hear(), "there");
                    detector
                })
                .collect();
            let how = How { capacity: Some(capacity), ..How::new(&domain, WaitStrategy::Sleep) };
            let mut camera = (kind.giver)(how).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            assert_eq!(camera.capacity(), Some(units(kind, capacity)), "{}", kind.name);
            (0..count).for_each(|number| give(&mut *camera, number, kind));
            for detector in &mut detectors {
                assert_eq!(detector.hear(), units(kind, capacity).to_string(), "{}", kind.name);
                detector.tell("go");
            }
            detectors.into_iter().for_each(Role::finish);
            drop((camera, domain));
            assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{}", kind.name);
        }
    }
}

/// One that is not in a call when the other comes follows at its next.
#[test]
fn who_is_busy_follows_later() {
    private_namespace();
    for kind in choosing() {
        for wait in WAITS {
            let domain = Domain::open(&unique("chosen-busy")).unwrap();
            let mut taker = (kind.taker)(silent(&domain, wait)).unwrap();
            let how = How { capacity: Some(4), ..How::new(&domain, wait) };
            let mut giver = (kind.giver)(how).unwrap();
            (0..3).for_each(|number| give(&mut *giver, number, kind));
            take_all(&mut *taker, 3, kind);
            // It is there, and holds the giver up.
            let mut given = 3;
            while giver.give(given, Duration::from_millis(1)) == Told::Yes {
                given += 1;
                assert!(given < 1000, "{}", kind.name);
            }
            for number in 3..given {
                assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
            }
            drop(giver);
            assert!(matches!(taker.take(LONG), Told::Closed | Told::Gone), "{}", kind.name);
        }
    }
}

#[test]
fn a_lifetime_and_a_mode_are_chosen_too() {
    private_namespace();
    for kind in choosing() {
        let domain = Domain::open(&unique("chosen-lifetime")).unwrap();
        let mut taker = (kind.taker)(silent(&domain, WaitStrategy::Sleep)).unwrap();
        let how = silent(&domain, WaitStrategy::Sleep);
        let mut giver = (kind.giver)(How { lifetime: Lifetime::Persistent, ..how }).unwrap();
        give(&mut *giver, 0, kind);
        assert_eq!(taker.take(LONG), Told::Number(0), "{}", kind.name);
        drop((giver, taker, domain));
        let kept = ipc_ring::gc::examine().unwrap();
        assert_eq!(kept.len(), 1, "{}: {kept:?}", kind.name);
        assert!(kept[0].remove().unwrap());
    }
    let domain = Domain::open(&unique("chosen-mode")).unwrap();
    let channel = broadcast::Builder::<u64>::new("prices").domain(&domain);
    let mut subscriber = channel.create_subscriber().unwrap();
    let mut publisher = channel.clone().gated().create_publisher().unwrap();
    publisher.publish(7).unwrap();
    assert_eq!(subscriber.pop().unwrap(), 7);
    assert_eq!(subscriber.mode(), broadcast::Mode::Gated);
}

#[test]
fn what_was_chosen_is_not_chosen_again() {
    private_namespace();
    for kind in choosing() {
        let domain = Domain::open(&unique("chosen-once")).unwrap();
        let silent = silent(&domain, WaitStrategy::Sleep);
        let small = How { capacity: Some(4), ..silent };
        let large = How { capacity: Some(64), ..silent };
        // By who takes, and says so.
        let taker = (kind.taker)(small).unwrap();
        assert!(matches!((kind.giver)(large), Err(AttachError::Capacity { .. })), "{}", kind.name);
        drop(taker);
        // By who gives, also if it says nothing: there may be something in it.
        let giver = (kind.giver)(silent).unwrap();
        assert!(matches!((kind.taker)(small), Err(AttachError::Capacity { .. })), "{}", kind.name);
        drop(giver);
        // By who takes and comes second, of two of them.
        let domain = Domain::open(&unique("chosen-twice")).unwrap();
        let (silent, small) = (How { domain: &domain, ..silent }, How { domain: &domain, ..small });
        let mut first = (kind.taker)(silent).unwrap();
        match (kind.taker)(small) {
            Ok(mut second) => {
                let mut giver = (kind.giver)(silent).unwrap();
                assert_eq!(giver.capacity(), Some(units(kind, 4)), "{}", kind.name);
                give(&mut *giver, 0, kind);
                assert_eq!(second.take(LONG), Told::Number(0), "{}", kind.name);
                if kind.name == "mpmc" {
                    give(&mut *giver, 0, kind);
                }
                assert_eq!(first.take(LONG), Told::Number(0), "{}", kind.name);
            }
            // There is one place, and somebody has it.
            Err(AttachError::Capacity { .. }) => assert!(!kind.many_takers, "{}", kind.name),
            Err(other) => panic!("{}: {other}", kind.name),
        }
    }
}

#[test]
fn who_waits_in_a_set_or_for_the_other_end_follows_too() {
    private_namespace();
    let domain = Domain::open(&unique("chosen-set")).unwrap();
    let channel = |name: &str| spsc::Builder::<u64>::new(name).domain(&domain).wait(WaitStrategy::Sleep);
    let mut consumer = channel("set").create_consumer().unwrap();
    let mut waiting = channel("peer").create_consumer().unwrap();
    std::thread::scope(|scope| {
        let in_set = scope.spawn(|| {
            let mut set = WaitSet::new(&domain).unwrap();
            loop {
                match consumer.try_pop() {
                    Ok(number) => return number,
                    Err(spsc::PopError::Empty) => drop(set.wait(&mut [&mut consumer], None).unwrap()),
                    Err(other) => panic!("{other}"),
                }
            }
        });
        let for_peer = scope.spawn(|| {
            let state = waiting.wait_for_producer(None).unwrap();
            (state, waiting.pop().unwrap())
        });
        let mut producers = ["set", "peer"].map(|name| channel(name).capacity(4).create_producer().unwrap());
        producers.iter_mut().for_each(|producer| producer.push(5).unwrap());
        assert_eq!(in_set.join().unwrap(), 5);
        let (state, number) = for_peer.join().unwrap();
        assert!(matches!(state, ipc_ring::PeerState::Alive { .. }), "{state:?}");
        assert_eq!(number, 5);
    });
}
