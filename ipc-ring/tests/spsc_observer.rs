//! What is seen by a third process that attaches read-only and takes no seat.

mod common;

use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::spsc::{Builder, Counters, Observer, PopError, PushError};
use ipc_ring::{AttachError, AttachErrorKind, Domain, Fingerprint, PeerExit, PeerState, WaitStrategy};

type Item = [u16; 28];

fn builder(domain: &str) -> Builder<Item> {
    Builder::new("channel").domain(&Domain::open(domain).unwrap()).wait(WaitStrategy::Sleep)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["observe", domain] => {
            // It knows the name only, not the type.
            let observer = Observer::open_in(&Domain::open(domain).unwrap(), "channel").unwrap();
            say(&format!("{} {}", observer.capacity(), observer.element_size()));
            loop {
                match listen().as_str() {
                    "counters" => say(&words(&observer.counters())),
                    "ends" => {
                        say(&format!("{:?} {:?}", observer.producer().unwrap(), observer.consumer().unwrap()))
                    }
                    "asleep" => {
                        while !observer.consumer_sleeps() {
                            std::thread::yield_now();
                        }
                        say("asleep");
                    }
                    _ => break,
                }
            }
        }
        ["pop", domain, count] => {
            let mut consumer = builder(domain).open_receiver().unwrap();
            say("ready");
            for _ in 0..count.parse().unwrap() {
                listen();
                consumer.pop().unwrap();
                say("popped");
            }
            listen();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

/// Pushed, popped, waiting, found full, found empty, high water, wakes of the producer, wakes of the
/// consumer.
fn words(counters: &Counters) -> String {
    let Counters { pushed, popped, waiting, .. } = counters;
    let Counters { found_full, found_empty, high_water, producer_wakes, consumer_wakes, .. } = counters;
    format!(
        "{pushed} {popped} {waiting} {found_full} {found_empty} {high_water} {producer_wakes} {consumer_wakes}"
    )
}

fn ask(observer: &mut Role, what: &str) -> String {
    observer.tell(what);
    observer.hear()
}

#[test]
fn a_third_process_sees_everything_and_can_change_nothing() {
    private_namespace();
    let domain = unique("observer");
    let mut producer = builder(&domain).capacity(8).create_sender().unwrap();
    let me = PeerState::Alive { pid: std::process::id() };
    let mut observer = Role::start("observe", &[&domain]);
    assert_eq!(observer.hear(), "8 56");

    // Of the three segments that it has mapped, the domain's, its own and the ring's, it has the ring's for
    // reading only.
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", observer.pid())).unwrap();
    let segments: Vec<&str> = maps.lines().filter(|line| line.contains("/SYSV")).collect();
    let read_only = segments.iter().filter(|line| line.contains(" r--s ")).count();
    assert_eq!((segments.len(), read_only), (3, 1), "{segments:?}");

    assert_eq!(ask(&mut observer, "counters"), "0 0 0 0 0 0 0 0");
    assert_eq!(ask(&mut observer, "ends"), format!("{me:?} {:?}", PeerState::Gone(PeerExit::NeverAttached)));
    for _ in 0..5 {
        producer.push([7; 28]).unwrap();
    }
    assert_eq!(ask(&mut observer, "counters"), "5 0 5 0 0 5 0 0");
    for _ in 5..8 {
        producer.push([7; 28]).unwrap();
    }
    assert!(matches!(producer.try_push([8; 28]), Err(PushError::Full(_))));
    assert_eq!(ask(&mut observer, "counters"), "8 0 8 1 0 8 0 0");

    let mut consumer = Role::start("pop", &[&domain, "9"]);
    assert_eq!(consumer.hear(), "ready");
    let alive = PeerState::Alive { pid: consumer.pid() };
    assert_eq!(ask(&mut observer, "ends"), format!("{me:?} {alive:?}"));
    for _ in 0..8 {
        assert_eq!(ask(&mut consumer, "pop"), "popped");
    }
    assert_eq!(ask(&mut observer, "counters"), "8 8 0 1 0 8 0 0");

    // Asleep, then woken once.
    consumer.tell("pop");
    assert_eq!(ask(&mut observer, "asleep"), "asleep");
    producer.push([9; 28]).unwrap();
    assert_eq!(consumer.hear(), "popped");
    let counters = ask(&mut observer, "counters");
    // Between two heartbeat checks a sleeper cannot be woken: 0 then.
    assert!(matches!(counters.as_str(), "9 9 0 1 1 8 1 0" | "9 9 0 1 1 8 0 0"), "{counters}");

    let pid = consumer.pid();
    consumer.kill();
    let died = PeerState::Gone(PeerExit::Died { pid });
    assert_eq!(ask(&mut observer, "ends"), format!("{me:?} {died:?}"));
    producer.close();
    assert_eq!(ask(&mut observer, "ends"), format!("{:?} {died:?}", PeerState::Closed));
    assert!(ask(&mut observer, "counters").starts_with("9 9 0"));
    observer.tell("end");
    observer.finish();
}

#[test]
fn an_observer_takes_no_seat_and_keeps_no_end_waiting() {
    private_namespace();
    let name = unique("no-seat");
    let domain = Domain::open(&name).unwrap();
    let missing = Observer::open_in(&domain, "channel").unwrap_err();
    assert!(matches!(missing.kind(), AttachErrorKind::NotFound), "{missing}");
    assert_eq!((missing.channel(), missing.domain()), (Some("channel"), Some(domain.name())));
    assert!(matches!(
        Observer::open_in(&domain, "").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::InvalidName { .. })
    ));
    let mut consumer = builder(&name).capacity(2).create_receiver().unwrap();
    let observers: Vec<_> = (0..3).map(|_| Observer::open_in(&domain, "channel").unwrap()).collect();
    assert!(matches!(consumer.pop_timeout(Duration::from_millis(1)), Err(PopError::TimedOut)));
    let mut producer = builder(&name).open_sender().unwrap();
    producer.push([1; 28]).unwrap();
    consumer.pop().unwrap();
    drop((producer, consumer));
    for observer in &observers {
        assert_eq!(observer.element_type(), Fingerprint::of::<Item>());
        assert!(observer.created_ns() > 0);
        assert_eq!(observer.producer().unwrap(), PeerState::Closed);
        assert_eq!(observer.consumer().unwrap(), PeerState::Gone(PeerExit::Detached));
        assert_eq!(observer.counters().popped, 1);
    }
    // The name is free although the memory is still being read.
    assert!(matches!(
        Observer::open_in(&domain, "channel").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
    drop(builder(&name).create_new_sender().unwrap());
}

#[test]
fn what_is_read_from_outside_is_true_of_some_moment() {
    private_namespace();
    let name = unique("racy");
    let domain = Domain::open(&name).unwrap();
    let mut producer = builder(&name).capacity(16).create_sender().unwrap();
    let mut consumer = builder(&name).open_receiver().unwrap();
    let observer = Observer::open_in(&domain, "channel").unwrap();
    let pushing = std::thread::spawn(move || {
        for value in 0..30_000 {
            producer.push([value as u16; 28]).unwrap();
        }
    });
    let popping = std::thread::spawn(move || while consumer.pop().is_ok() {});
    let mut last = Counters::default();
    while last.popped < 30_000 {
        let now = observer.counters();
        assert!(now.pushed >= last.pushed && now.popped >= last.popped, "{last:?} then {now:?}");
        assert!(now.pushed >= now.popped && now.waiting <= 16 && now.high_water <= 16, "{now:?}");
        assert!(now.found_empty >= last.found_empty && now.found_full >= last.found_full);
        last = now;
        std::thread::yield_now();
    }
    pushing.join().unwrap();
    popping.join().unwrap();
    assert_eq!((observer.counters().pushed, observer.counters().waiting), (30_000, 0));
}
