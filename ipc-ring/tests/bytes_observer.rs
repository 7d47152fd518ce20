//! A third process reads the counters of a ring of frames while the two ends work, and cannot disturb them.

mod common;

use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::bytes::{Builder, Observer, PopError};
use ipc_ring::{AttachError, AttachErrorKind, Domain, PeerExit, PeerState, WaitStrategy, spsc};

fn log(domain: &Domain) -> Builder {
    Builder::new("log").domain(domain).capacity(4096).wait(WaitStrategy::Sleep)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, count] => {
            let mut producer = log(&Domain::open(domain).unwrap()).open_sender().unwrap();
            for number in 0..count.parse::<usize>().unwrap() {
                producer.push(&vec![7; number % 100]).unwrap();
            }
            say("pushed");
            listen();
        }
        // Watches until this number of frames has been popped; the counters only grow, and never say that
        // more was popped than pushed.
        ["watch", domain, count] => {
            let observer = Observer::open_in(&Domain::open(domain).unwrap(), "log").unwrap();
            say("watching");
            let (mut last, goal) = (observer.counters(), count.parse::<u64>().unwrap());
            while last.frames_popped < goal {
                let now = observer.counters();
                assert!(
                    now.frames_pushed >= now.frames_popped && now.bytes_pushed >= now.bytes_popped,
                    "{now:?}"
                );
                assert!(
                    now.frames_popped >= last.frames_popped && now.bytes_popped >= last.bytes_popped,
                    "{now:?}"
                );
                assert!(now.high_water >= last.high_water, "{now:?}");
                last = now;
            }
            say("seen");
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

#[test]
fn a_third_process_sees_every_frame_counted() {
    private_namespace();
    let domain = Domain::open(&unique("bytes-observer")).unwrap();
    let mut consumer = log(&domain).create_receiver().unwrap();
    let observer = Observer::open_in(&domain, "log").unwrap();
    assert_eq!(observer.counters(), ipc_ring::bytes::Counters::default());
    assert_eq!(observer.producer().unwrap(), PeerState::Gone(PeerExit::NeverAttached));
    let total = 20_000;
    let mut watcher = Role::start("watch", &[domain.name(), &total.to_string()]);
    assert_eq!(watcher.hear(), "watching");
    let mut producer = Role::start("push", &[domain.name(), &total.to_string()]);
    for number in 0..total {
        assert_eq!(consumer.pop().unwrap(), vec![7; number % 100]);
    }
    assert_eq!(producer.hear(), "pushed");
    assert_eq!(watcher.hear(), "seen");
    watcher.finish();
    let counters = observer.counters();
    assert_eq!((counters.frames_pushed, counters.frames_popped), (total as u64, total as u64));
    assert_eq!(counters.bytes_pushed, counters.bytes_popped);
    let least: usize = (0..total).map(|number| 8 + (number % 100).next_multiple_of(8)).sum();
    assert!(counters.bytes_pushed >= least as u64, "{counters:?}");
    assert!((1..=4096).contains(&counters.high_water), "{counters:?}");
    assert!(counters.found_empty > 0 && counters.producer_wakes > 0, "{counters:?}");

    assert_eq!(observer.producer().unwrap(), PeerState::Alive { pid: producer.pid() });
    producer.kill();
    assert!(matches!(observer.producer().unwrap(), PeerState::Gone(PeerExit::Died { .. })));
    assert!(matches!(consumer.pop(), Err(PopError::PeerGone(PeerExit::Died { .. }))));
    drop(consumer);
    assert_eq!(observer.consumer().unwrap(), PeerState::Gone(PeerExit::Detached));
}

#[test]
fn it_is_told_what_it_cannot_look_at_and_sees_a_sleeper() {
    private_namespace();
    let domain = Domain::open(&unique("bytes-observer-kinds")).unwrap();
    assert!(matches!(
        Observer::open_in(&domain, "log").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
    let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender().unwrap();
    assert!(matches!(
        Observer::open_in(&domain, "numbers").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Kind { .. })
    ));
    drop(numbers);

    let mut consumer = log(&domain).create_receiver().unwrap();
    let mut producer = log(&domain).open_sender().unwrap();
    let observer = Observer::open_in(&domain, "log").unwrap();
    assert_eq!(observer.capacity(), 4096);
    assert!(observer.created_ns() > 0);
    std::thread::scope(|scope| {
        let popping = scope.spawn(|| consumer.pop().unwrap());
        while !observer.consumer_sleeps() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!observer.producer_sleeps());
        producer.push(b"wake up").unwrap();
        assert_eq!(popping.join().unwrap(), b"wake up");
    });
}
