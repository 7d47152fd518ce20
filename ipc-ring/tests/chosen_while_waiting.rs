//! A taker that leaves the channel's parameters open, and waits when a giver chooses them: in a set, or for
//! the other end. It follows to the ring that the giver makes.

mod common;
mod kinds;
mod spsc_common;

use std::time::Duration;

use common::{private_namespace, unique};
use ipc_ring::{Domain, Lifetime, WaitSet, WaitStrategy, spsc};
use kinds::{ALL, How, Parameter, TABLE, Told};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
const WAITS: [WaitStrategy; 3] = [WaitStrategy::Sleep, WaitStrategy::SpinYield, WaitStrategy::DEFAULT];

#[test]
fn who_waits_in_a_set_follows_too() {
    private_namespace();
    for (kind, wait) in ALL.iter().chain([&TABLE]).flat_map(|kind| WAITS.map(|wait| (kind, wait))) {
        let domain = Domain::open(&unique("chosen-set")).unwrap();
        let silent = How::silent(&domain, wait);
        let chosen = match kind.parameters[0] {
            Parameter::Capacity | Parameter::Keys => How { capacity: Some(4), ..silent },
            Parameter::Lifetime => How { lifetime: Some(Lifetime::Persistent), ..silent },
            other => panic!("{}: {other:?}", kind.name),
        };
        let mut taker = (kind.taker)(silent).unwrap();
        std::thread::scope(|scope| {
            let in_set = scope.spawn(|| {
                let mut set = WaitSet::with_strategy(&domain, wait).unwrap();
                loop {
                    match taker.take(Duration::ZERO) {
                        Told::TimedOut => drop(set.wait(&mut [taker.waitable()], None).unwrap()),
                        told => return told,
                    }
                }
            });
            let mut giver = (kind.giver)(chosen).unwrap();
            assert_eq!(giver.give(5, LONG), Told::Yes, "{} {wait:?}", kind.name);
            assert_eq!(in_set.join().unwrap(), Told::Number(5), "{} {wait:?}", kind.name);
        });
    }
}

#[test]
fn who_waits_for_the_other_end_follows_too() {
    private_namespace();
    let domain = Domain::open(&unique("chosen-peer")).unwrap();
    let channel = || spsc::Builder::<u64>::new("peer").domain(&domain).wait(WaitStrategy::Sleep);
    let mut waiting = channel().create_receiver().unwrap();
    std::thread::scope(|scope| {
        let for_peer = scope.spawn(|| (waiting.wait_for_peer(None).unwrap(), waiting.pop().unwrap()));
        let mut producer = channel().capacity(4).create_sender().unwrap(); // Dropping it would close.
        producer.push(5).unwrap();
        let (state, number) = for_peer.join().unwrap();
        assert!(matches!(state, ipc_ring::PeerState::Alive { .. }), "{state:?}");
        assert_eq!(number, 5);
    });
}
