//! A many-to-many channel seen by a third party, and how its ends learn of a corruption.

mod common;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::mpmc::{Builder, Observer, PopError, PushError};
use ipc_ring::ring::mpmc::Memory as _;
use ipc_ring::{AttachError, AttachErrorKind, Domain, WaitStrategy, spsc};

fn builder(domain: &str) -> Builder<u64> {
    Builder::new("jobs").domain(&Domain::open(domain).unwrap()).capacity(4).wait(WaitStrategy::Sleep)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["produce", domain] => {
            let mut producer = builder(domain).create_sender().unwrap();
            (0..3).for_each(|number| producer.push(number).unwrap());
            say("pushed");
            listen();
        }
        ["consume", domain] => {
            let mut consumer = builder(domain).create_receiver().unwrap();
            say("ready");
            let _ = consumer.pop();
            say("popped");
            let _ = consumer.pop_with(|lent| {
                say(&lent.read().to_string());
                listen();
            });
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

#[test]
fn it_sees_messages_ends_deaths_and_repairs() {
    private_namespace();
    let name = unique("observer");
    let domain = Domain::open(&name).unwrap();
    assert!(matches!(
        Observer::open_in(&domain, "jobs").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
    let mut producer = Role::start("produce", &[&name]);
    assert_eq!(producer.hear(), "pushed");
    let observer = Observer::open_in(&domain, "jobs").unwrap();
    let counters = observer.counters();
    assert_eq!((counters.pushed, counters.popped, counters.waiting), (3, 0, 3));
    assert_eq!((observer.capacity(), observer.element_size()), (4, 8));
    assert_eq!((observer.producers().unwrap().alive, observer.consumers().unwrap().alive), (1, 0));
    assert!(!observer.is_closed() && !observer.is_corrupt());

    let mut victim = Role::start("consume", &[&name]);
    assert_eq!((victim.hear(), victim.hear(), victim.hear()), ("ready".into(), "popped".into(), "1".into()));
    assert_eq!(observer.consumers().unwrap().alive, 1);
    victim.kill();
    let consumers = observer.consumers().unwrap();
    assert_eq!((consumers.alive, consumers.dead), (0, 1));
    // The next one cleans up after it, and gets its message.
    let mut consumer = builder(&name).create_receiver().unwrap();
    let mut popped = Vec::new();
    while popped.len() < 2 {
        match consumer.pop() {
            Ok(number) => popped.push(number),
            Err(error) => panic!("{error}"),
        }
    }
    popped.sort_unstable();
    assert_eq!(popped, [1, 2]);
    let counters = observer.counters();
    assert_eq!((counters.pushed, counters.waiting), (3, 0));
    assert_eq!((counters.orphaned, counters.recovered), (1, 1));
    assert_eq!(observer.consumers().unwrap().dead, 0);

    // A sleeping one is served eventually.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| consumer.pop());
        while observer.consumers().unwrap().asleep == 0 {
            std::thread::yield_now();
        }
        builder(&name).open_sender().unwrap().close();
        assert!(matches!(waiting.join().unwrap(), Err(PopError::Closed)));
    });
    assert!(observer.is_closed());
    producer.tell("end");
    producer.finish();
}

#[test]
fn a_channel_of_another_kind_is_refused() {
    private_namespace();
    let domain = Domain::open(&unique("observer-kind")).unwrap();
    let _producer = spsc::Builder::<u64>::new("jobs").domain(&domain).create_sender().unwrap();
    assert!(matches!(
        Observer::open_in(&domain, "jobs").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Kind { .. })
    ));
}

/// One end finds an impossible tag; the tag is restored before any other end reads it. All are notified, also
/// those asleep and those that join later.
#[test]
fn all_ends_learn_of_a_corruption() {
    private_namespace();
    let name = unique("told");
    let domain = Domain::open(&name).unwrap();
    let builder = builder(&name);
    let mut meets = builder.create_sender().unwrap();
    let mut other = builder.create_sender().unwrap();
    let [mut idle, mut asleep] = [(); 2].map(|()| builder.create_receiver().unwrap());
    let observer = Observer::open_in(&domain, "jobs").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| asleep.pop());
        while observer.consumers().unwrap().asleep == 0 {
            std::thread::yield_now();
        }
        let memory = meets.memory().clone();
        let before = memory.tag(0).swap(15, Relaxed);
        assert!(matches!(meets.try_push(1), Err(PushError::Corrupt(1, _))));
        memory.tag(0).store(before, Relaxed);
        assert!(matches!(waiting.join().unwrap(), Err(PopError::Corrupt(_))));
    });
    assert!(observer.is_corrupt());
    assert!(matches!(idle.try_pop(), Err(PopError::Corrupt(found)) if found.word == "state"));
    assert!(matches!(idle.pop_timeout(Duration::from_secs(100)), Err(PopError::Corrupt(_))));
    assert!(matches!(other.try_push(2), Err(PushError::Corrupt(2, found)) if found.word == "state"));
    assert!(matches!(other.push_slice(&[3, 4]), Err(PushError::Corrupt(0, _))));
    assert!(matches!(
        builder.open_sender().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Corrupt(_))
    ));
    assert!(matches!(
        builder.open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Corrupt(_))
    ));
}
