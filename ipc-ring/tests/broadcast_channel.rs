//! Broadcast channels between real processes: starts, books under joins, leaves and SIGKILLs, sleepers, saved
//! positions, watchers, and what is left behind.

mod common;
mod spsc_common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::broadcast::{
    Builder, Mode, PopError, Position, Publisher, PushError, Resume, Start, Subscriber, Watcher,
};
use ipc_ring::platform::Site;
use ipc_ring::{AttachError, AttachErrorKind, Domain, PeerExit, PeerState, WaitStrategy, fault};
use spsc_common::{Random, check, payload};

type Item = [u8; 41];

fn builder(domain: &str) -> Builder<Item> {
    Builder::new("prices").domain(&Domain::open(domain).unwrap())
}

fn site(name: &str) -> Site {
    Site::ALL.into_iter().find(|site| format!("{site:?}") == name).unwrap()
}

/// What a subscriber got: everything from its start on, or a report of the loss.
#[derive(Default)]
struct Books {
    received: u64,
    missed: u64,
}

/// Reads until the channel is closed; panics unless the books balance and every message is the one of its
/// number.
fn read_all(subscriber: &mut Subscriber<Item>, pause: bool) -> Books {
    let mut books = Books::default();
    let from = subscriber.sequence();
    let mut random = Random::new(u64::from(std::process::id()));
    loop {
        let at = subscriber.sequence();
        match subscriber.pop() {
            Ok(item) => {
                check(&item, at);
                books.received += 1;
            }
            Err(PopError::Missed(missed)) => books.missed += missed.count,
            // A successor comes.
            Err(PopError::PeerGone(_)) => std::thread::sleep(Duration::from_millis(1)),
            Err(PopError::Closed) => break,
            Err(error) => panic!("{error}"),
        }
        if pause {
            random.pause();
        }
    }
    assert_eq!(from + books.received + books.missed, subscriber.sequence());
    books
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["publish", domain, until, at, after] => {
            let mut publisher = builder(domain).wait(WaitStrategy::SpinYield).open_sender().unwrap();
            if at != "nowhere" {
                fault::arm(site(at), after.parse().unwrap());
            }
            let until = until.parse().unwrap();
            while publisher.pushed() < until {
                publisher.push(payload(publisher.pushed())).unwrap();
            }
            if at == "nowhere" {
                publisher.close();
            } else {
                publisher.detach();
            }
        }
        ["read", domain, mode] => {
            let mut subscriber = builder(domain).start(Start::Next).open_receiver().unwrap();
            say(&subscriber.sequence().to_string());
            let books = read_all(&mut subscriber, true);
            assert!(mode == "lossy" || books.missed == 0, "{} missed", books.missed);
            say(&format!("{} {} {}", books.received, books.missed, subscriber.sequence()));
        }
        ["read-some", domain, count] => {
            let mut subscriber = builder(domain).open_receiver().unwrap();
            for _ in 0..count.parse().unwrap() {
                let at = subscriber.sequence();
                match subscriber.pop() {
                    Ok(item) => check(&item, at),
                    Err(PopError::Missed(_)) => {}
                    Err(PopError::Closed | PopError::PeerGone(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            say(&subscriber.position().to_string());
        }
        ["read-and-die", domain, at, after] => {
            let mut subscriber = builder(domain).open_receiver().unwrap();
            fault::arm(site(at), after.parse().unwrap());
            say("ready");
            loop {
                let _ = subscriber.pop();
            }
        }
        ["sit", domain, count] => {
            let all: Vec<_> =
                (0..count.parse().unwrap()).map(|_| builder(domain).open_receiver().unwrap()).collect();
            say("seated");
            let mut all = all;
            listen();
            for subscriber in &mut all {
                let books = read_all(subscriber, false);
                assert_eq!((books.received, books.missed), (50, 0));
            }
            say("read");
        }
        ["sleep", domain] => {
            let mut subscriber = builder(domain).wait(WaitStrategy::Sleep).open_receiver().unwrap();
            say("ready");
            let books = read_all(&mut subscriber, false);
            say(&books.received.to_string());
        }
        ["seat-and-die", domain, at] => {
            fault::arm(site(at), 0);
            let _ = builder(domain).open_receiver();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

#[test]
fn four_lines_a_side() {
    private_namespace();
    let domain = unique("four-lines");
    let mut publisher = builder(&domain).capacity(64).create_sender().unwrap();
    let mut first = builder(&domain).open_receiver().unwrap();
    let mut second = builder(&domain).create_receiver().unwrap();
    assert_eq!((publisher.mode(), publisher.capacity(), first.mode()), (Mode::Lossy, 64, Mode::Lossy));
    assert!(matches!(first.try_pop(), Err(PopError::Empty)));
    assert!(matches!(first.pop_timeout(Duration::from_millis(1)), Err(PopError::TimedOut)));
    publisher.push(payload(0)).unwrap();
    publisher.try_push(payload(1)).unwrap();
    publisher.push_slice(&[payload(2), payload(3)]).unwrap();
    let mut claim = publisher.try_claim().unwrap();
    claim.write(&payload(4));
    claim.commit().unwrap();
    for subscriber in [&mut first, &mut second] {
        check(&subscriber.try_pop().unwrap(), 0);
        check(&subscriber.pop().unwrap(), 1);
        let mut out = [[0; 41]; 2];
        assert_eq!(subscriber.pop_slice(&mut out).unwrap(), 2);
        check(&out[1], 3);
        let mut place = [0; 41];
        subscriber.pop_into(&mut place).unwrap();
        check(&place, 4);
        assert_eq!((subscriber.sequence(), subscriber.behind()), (5, 0));
    }
    let counters = first.counters();
    assert_eq!((counters.published, counters.subscribers, counters.missed, counters.dropped), (5, 2, 0, 0));
    assert_eq!(first.peer().unwrap(), PeerState::Alive { pid: std::process::id() });
    drop(second);
    publisher.push(payload(5)).unwrap();
    publisher.close();
    let rest: Vec<_> = (&mut first).collect();
    assert_eq!(rest, [Ok(payload(5))]);
    assert!(first.last_error().is_none());
    assert_eq!(first.peer().unwrap(), PeerState::Closed);
    assert!(matches!(
        builder(&domain).open_sender().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Closed)
    ));
    // A new channel under the name; its holders keep the old one.
    let publisher = builder(&domain).create_sender().unwrap();
    assert_eq!(publisher.pushed(), 0);
    assert!(matches!(first.try_pop(), Err(PopError::Closed)));
}

#[test]
fn an_iterator_gives_word_of_what_was_missed() {
    private_namespace();
    let domain = unique("iterator");
    let mut publisher = builder(&domain).capacity(8).create_sender().unwrap();
    let mut subscriber = builder(&domain).resume(Resume::Newest).open_receiver().unwrap();
    publisher.push_slice(&(0..20).map(payload).collect::<Vec<_>>()).unwrap();
    publisher.close();
    let mut given = (&mut subscriber).map(|message| message.map_err(|missed| missed.count));
    assert_eq!(given.next(), Some(Err(19)));
    assert_eq!(given.next(), Some(Ok(payload(19))));
    assert_eq!(given.next(), None);
}

#[test]
fn modes_ends_and_positions_that_do_not_fit_are_refused() {
    private_namespace();
    let domain = unique("refused");
    let mut publisher = builder(&domain).gated().create_sender().unwrap();
    assert!(matches!(
        builder(&domain).lossy().open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Mode { found: Mode::Gated, expected: Mode::Lossy })
    ));
    match builder(&domain).create_sender().map_err(AttachError::into_kind) {
        Err(AttachErrorKind::EndTaken { pid }) => assert_eq!(pid, std::process::id()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        Builder::<u64>::new("prices")
            .domain(&Domain::open(&domain).unwrap())
            .open_receiver()
            .as_ref()
            .map_err(AttachError::kind),
        Err(AttachErrorKind::ElementSize { .. })
    ));
    assert!(matches!(
        Builder::<u64>::new("prices")
            .domain(&Domain::open(&domain).unwrap())
            .open_observer()
            .as_ref()
            .map_err(AttachError::kind),
        Err(AttachErrorKind::ElementSize { .. })
    ));
    assert!(matches!(
        builder(&unique("no-publisher")).open_observer().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
    let mut subscriber = builder(&domain).open_receiver().unwrap();
    publisher.push_slice(&[payload(0), payload(1), payload(2)]).unwrap();
    check(&subscriber.pop().unwrap(), 0);
    let saved: Position = subscriber.position().to_string().parse().unwrap();
    // The saved position is valid as long as the channel is the same.
    let mut again = builder(&domain).start(Start::Saved(saved)).open_receiver().unwrap();
    check(&again.pop().unwrap(), 1);
    let mut third = builder(&domain).start(Start::Sequence(2)).open_receiver().unwrap();
    check(&third.pop().unwrap(), 2);
    publisher.close();
    let _publisher = builder(&domain).create_sender().unwrap();
    match builder(&domain).start(Start::Saved(saved)).open_receiver().map_err(AttachError::into_kind) {
        Err(AttachErrorKind::StalePosition { saved: was, channel }) => {
            assert!(was == saved.generation && channel != was);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        builder(&domain).start(Start::Saved(saved)).open_observer().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::StalePosition { .. })
    ));
}

/// An impossible position is this opener's error, and affects no other end.
#[test]
fn a_start_that_no_channel_reaches_is_refused_and_spoils_nothing() {
    private_namespace();
    let domain = unique("far-start");
    for mode in [Mode::Lossy, Mode::Gated] {
        let builder = || match mode {
            Mode::Lossy => builder(&domain).lossy(),
            Mode::Gated => builder(&domain).gated(),
        };
        let mut publisher = builder().capacity(2).create_sender().unwrap();
        let mut other = builder().open_receiver().unwrap();
        let generation = other.position().generation;
        for sequence in [1 << 63, u64::MAX - 20, u64::MAX - 1, u64::MAX] {
            for start in
                [Start::Sequence(sequence), Start::Saved(Position { generation, sequence, offset: sequence })]
            {
                let subscriber = builder().start(start).open_receiver().map_err(AttachError::into_kind);
                match subscriber.map(|mut end| end.try_pop()) {
                    Err(AttachErrorKind::NoSuchPosition { sequence: named }) => assert_eq!(named, sequence),
                    other => panic!("{start:?}: {other:?}"),
                }
                let watcher = builder().start(start).open_observer().map(|mut end| end.try_pop());
                assert!(
                    matches!(
                        watcher.as_ref().map_err(AttachError::kind),
                        Err(AttachErrorKind::NoSuchPosition { .. })
                    ),
                    "{start:?}: {watcher:?}"
                );
            }
        }
        publisher.push(payload(0)).expect("the channel is as it was");
        check(&other.try_pop().unwrap(), 0);
        publisher.close();
    }
}

#[test]
fn a_watcher_reads_along_and_writes_nothing() {
    private_namespace();
    let domain = unique("watcher");
    let mut publisher = builder(&domain).capacity(8).gated().create_sender().unwrap();
    let mut watcher: Watcher<Item> = builder(&domain).open_observer().unwrap();
    assert!(matches!(watcher.try_pop(), Err(PopError::Empty)));
    for number in 0..20 {
        publisher.try_push(payload(number)).unwrap();
        if number < 5 {
            check(&watcher.try_pop().unwrap(), number);
        }
    }
    assert_eq!(watcher.behind(), 15);
    let missed = match watcher.try_pop() {
        Err(PopError::Missed(missed)) => missed.count,
        other => panic!("{other:?}"),
    };
    check(&watcher.try_pop().unwrap(), 5 + missed);
    assert_eq!(watcher.position().sequence, 6 + missed);
    assert_eq!(watcher.peer().unwrap(), PeerState::Alive { pid: std::process::id() });
    let counters = watcher.counters();
    assert_eq!(
        (counters.published, counters.subscribers, watcher.mode(), watcher.capacity()),
        (20, 0, Mode::Gated, 8)
    );
    publisher.detach();
    while watcher.behind() > 0 {
        watcher.try_pop().unwrap();
    }
    assert!(matches!(watcher.try_pop(), Err(PopError::PeerGone(PeerExit::Detached))));
}

#[test]
fn a_gated_publisher_waits_and_is_woken() {
    private_namespace();
    let domain = unique("gated");
    let mut publisher =
        builder(&domain).capacity(8).gated().wait(WaitStrategy::Sleep).create_sender().unwrap();
    let mut subscriber = builder(&domain).wait(WaitStrategy::Sleep).open_receiver().unwrap();
    for number in 0..8 {
        publisher.push(payload(number)).unwrap();
    }
    assert!(matches!(publisher.try_push(payload(8)), Err(PushError::Full(item)) if item == payload::<41>(8)));
    assert!(matches!(publisher.try_push_slice(&[payload(8)]), Err(PushError::Full(0))));
    assert!(matches!(publisher.try_claim(), Err(PushError::Full(()))));
    let late = publisher.push_timeout(payload(8), Duration::from_millis(5));
    assert!(matches!(late, Err(PushError::TimedOut(_))));
    // A view that is not released leaves the message.
    let seen = subscriber.try_view().map(|view| (view.sequence(), view.read())).unwrap();
    assert_eq!(seen, (0, payload(0)));
    let reader = std::thread::spawn(move || read_all(&mut subscriber, true));
    for number in 8..5_000 {
        publisher.push(payload(number)).unwrap();
    }
    assert!(publisher.counters().high_water <= 8);
    publisher.close();
    let books = reader.join().unwrap();
    assert_eq!((books.received, books.missed), (5_000, 0));
}

#[test]
fn a_dead_subscriber_does_not_hold_up_the_publisher() {
    private_namespace();
    for at in ["BroadcastRead", "BroadcastConsumed", "WaitingSet"] {
        for (waits, wait) in [("asleep", WaitStrategy::Sleep), ("busy", WaitStrategy::SpinYield)] {
            let domain = unique("dead-subscriber");
            let mut publisher = builder(&domain).capacity(8).gated().wait(wait).create_sender().unwrap();
            let mut alive = builder(&domain).open_receiver().unwrap();
            let reader = std::thread::spawn(move || read_all(&mut alive, false));
            let mut victim = Role::start("read-and-die", &[&domain, at, "3"]);
            victim.hear();
            for number in 0..100 {
                publisher.push(payload(number)).unwrap_or_else(|error| panic!("{at} {waits}: {error}"));
                if at == "WaitingSet" && number < 10 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            victim.wait_killed();
            assert_eq!(publisher.counters().dropped, 1, "{at} {waits}");
            publisher.close();
            assert_eq!(reader.join().unwrap().missed, 0);
        }
    }
}

#[test]
fn a_seat_is_free_again_after_a_death_while_joining() {
    private_namespace();
    let domain = unique("dead-joiner");
    let mut publisher = builder(&domain).capacity(4).gated().create_sender().unwrap();
    for at in ["BroadcastSeated", "BroadcastJoined"] {
        Role::start("seat-and-die", &[&domain, at]).wait_killed();
        for number in 0..10 {
            publisher.push_timeout(payload(number), Duration::from_secs(60)).unwrap();
        }
    }
    let all: Vec<_> = (0..256).map(|_| builder(&domain).open_receiver().unwrap()).collect();
    assert_eq!(publisher.counters().subscribers, 256);
    drop(all);
}

#[test]
fn there_are_256_seats_and_the_257th_is_refused() {
    private_namespace();
    let domain = unique("seats");
    let mut publisher = builder(&domain).create_sender().unwrap();
    let mut children: Vec<_> = (0..8).map(|_| Role::start("sit", &[&domain, "32"])).collect();
    for child in &mut children {
        assert_eq!(child.hear(), "seated");
    }
    match builder(&domain).open_receiver().map_err(AttachError::into_kind) {
        Err(AttachErrorKind::DomainFull { what: "subscribers of one channel", limit: 256 }) => {}
        other => panic!("{other:?}"),
    }
    for number in 0..50 {
        publisher.push(payload(number)).unwrap();
    }
    publisher.close();
    for child in &mut children {
        child.tell("go");
        assert_eq!(child.hear(), "read");
    }
    children.into_iter().for_each(Role::finish);
}

#[test]
fn sleepers_are_woken_all_together() {
    private_namespace();
    let domain = unique("sleepers");
    let mut publisher = builder(&domain).create_sender().unwrap();
    let mut children: Vec<_> = (0..20).map(|_| Role::start("sleep", &[&domain])).collect();
    for child in &mut children {
        child.hear();
    }
    for number in 0..30 {
        std::thread::sleep(Duration::from_millis(3));
        publisher.push(payload(number)).unwrap();
    }
    publisher.close();
    for child in &mut children {
        assert_eq!(child.hear(), "30");
    }
    children.into_iter().for_each(Role::finish);
}

/// Publishers die at every site, one after the other; subscribers that live throughout have every message in
/// their books, while others join, leave and die.
fn publishers_die(mode: Mode) {
    private_namespace();
    let domain = unique("publishers-die");
    // Holds the channel, and reads it too.
    let mut first = builder(&domain).capacity(64).mode(mode).create_receiver().unwrap();
    let reader = std::thread::spawn(move || {
        let books = read_all(&mut first, false);
        (books, first.sequence())
    });
    let mut readers: Vec<_> = (0..2).map(|_| Role::start("read", &[&domain, &mode.to_string()])).collect();
    let starts: Vec<u64> = readers.iter_mut().map(|reader| reader.hear().parse().unwrap()).collect();
    let mut total = 0;
    for round in 0..3 {
        for at in ["BroadcastWritten", "BroadcastPublished", "BroadcastRaised", "WakeClaimed"] {
            total += 3_000;
            let after = [0, 7, 900][round];
            let after = if at.starts_with("BroadcastR") || at == "WakeClaimed" { after / 100 } else { after };
            let mut passer = Role::start("read-some", &[&domain, "200"]);
            let mut victim = Role::start("read-and-die", &[&domain, "BroadcastRead", "50"]);
            let mut publisher =
                Role::start("publish", &[&domain, &total.to_string(), at, &after.to_string()]);
            // It dies, or no one slept and it reached the end.
            let deadline = Instant::now() + Duration::from_secs(120);
            while !publisher.has_ended() {
                assert!(Instant::now() < deadline, "{at} {after}: the publisher hangs");
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(publisher);
            victim.kill();
            let _ = passer.hear_or_end();
        }
    }
    total += 2_000;
    Role::start("publish", &[&domain, &total.to_string(), "nowhere", "0"]).finish();
    let (books, end) = reader.join().unwrap();
    assert_eq!((books.received + books.missed, end), (total, total));
    assert!(mode == Mode::Lossy || books.missed == 0);
    for (mut reader, start) in readers.into_iter().zip(starts) {
        let said: Vec<u64> = reader.hear().split(' ').map(|number| number.parse().unwrap()).collect();
        assert_eq!((start + said[0] + said[1], said[2]), (total, total));
        reader.finish();
    }
}

#[test]
fn publishers_die_lossy() {
    publishers_die(Mode::Lossy);
}

#[test]
fn publishers_die_gated() {
    publishers_die(Mode::Gated);
}

#[test]
fn a_subscriber_that_sleeps_learns_of_the_publishers_death() {
    private_namespace();
    let domain = unique("dead-publisher");
    let mut subscriber = builder(&domain).wait(WaitStrategy::Sleep).create_receiver().unwrap();
    assert!(matches!(subscriber.pop_timeout(Duration::from_millis(5)), Err(PopError::TimedOut)));
    assert_eq!(subscriber.peer().unwrap(), PeerState::Gone(PeerExit::NeverAttached));
    let mut publisher = Role::start("publish", &[&domain, "10", "BroadcastWritten", "5"]);
    for number in 0..5 {
        check(&subscriber.pop().unwrap(), number);
    }
    match subscriber.pop() {
        Err(PopError::PeerGone(PeerExit::Died { pid })) => assert_eq!(pid, publisher.pid()),
        other => panic!("{other:?}"),
    }
    publisher.wait_killed();
    Role::start("publish", &[&domain, "10", "nowhere", "0"]).finish();
    assert_eq!(read_all(&mut subscriber, false).received, 5);
}

#[test]
fn nothing_is_left_behind() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("left");
    let publisher = builder(&domain).create_sender().unwrap();
    let mut victim = Role::start("read-and-die", &[&domain, "BroadcastRead", "1000"]);
    victim.hear();
    let watcher = builder(&domain).open_observer().unwrap();
    victim.kill();
    drop(publisher);
    drop(watcher);
    assert_eq!(kernel_objects(), before);
}

/// The short forms of the ends' names.
#[test]
fn ends_by_name_in_the_users_own_domain() {
    private_namespace();
    let name = unique("own-domain");
    let mut publisher = Publisher::<u64>::create(&name).unwrap();
    let mut subscriber = Subscriber::<u64>::open(&name).unwrap();
    let mut watcher = Watcher::<u64>::open(&name).unwrap();
    publisher.push(7).unwrap();
    assert_eq!((subscriber.pop().unwrap(), watcher.try_pop().unwrap()), (7, 7));
    subscriber.detach();
    drop(publisher);
    assert!(matches!(
        Publisher::<u64>::open(&name).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
}
