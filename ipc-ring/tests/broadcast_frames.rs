//! Broadcast rings and channels of frames: each subscriber gets every frame whole, or the exact number of
//! those that it missed; also with joins, deaths of publishers in the middle of a frame, and a publisher that
//! overruns all readers.

mod common;
mod spsc_common;

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Role, private_namespace, role, say, unique};
use ipc_ring::broadcast::frames::{Builder, Publisher as Channel, Subscriber as Reader, Watcher};
use ipc_ring::broadcast::{Mode, PopError, Position, PushError, Resume, Start};
use ipc_ring::platform::Site;
use ipc_ring::ring::broadcast::frames::{Mapped, Pop, Publisher, Refused, Start as At, Subscriber, longest};
use ipc_ring::ring::broadcast::seat;
use ipc_ring::{AttachError, AttachErrorKind, Barrier, Domain, PeerExit, Region, WaitStrategy, fault};
use proptest::prelude::*;
use spsc_common::{Random, mix};

/// The bytes of frame `number`, of any length up to `most`; each is derived from the number.
fn frame(number: u64, most: usize) -> Vec<u8> {
    let len = (mix(number) % (most as u64 + 1)) as usize;
    (0..len as u64).map(|at| mix(number ^ at << 40) as u8).collect()
}

fn ring(capacity: u64, mode: Mode) -> (Region, Publisher<Mapped>) {
    let region = Region::heap(Mapped::geometry(capacity).unwrap().total_size());
    let ring = Mapped::make(region.clone(), capacity, Barrier::Fence, mode).unwrap();
    (region, Publisher::attach(ring).unwrap())
}

fn open(region: &Region) -> Mapped {
    Mapped::open(region.clone()).unwrap()
}

fn join(region: &Region, start: At) -> Subscriber<Mapped> {
    let ring = open(region);
    let seat = seat::take(&ring, NonZeroU64::new(7).unwrap()).unwrap();
    Subscriber::join(ring, seat, start, Resume::Oldest, || true).unwrap()
}

fn leave(region: &Region, subscriber: Subscriber<Mapped>) {
    seat::leave(&open(region), subscriber.into_seat().unwrap());
}

#[test]
fn frames_of_all_lengths_arrive_whole_at_all_subscribers() {
    for mode in [Mode::Lossy, Mode::Gated] {
        for capacity in [64, 256, 4096] {
            let (region, mut publisher) = ring(capacity, mode);
            let most = publisher.longest();
            assert_eq!(most as u64, longest(capacity));
            let mut readers = [join(&region, At::Oldest), join(&region, At::Next)];
            let mut watcher = Subscriber::watch(open(&region), At::Newest, Resume::Oldest).unwrap();
            let (mut out, mut place) = (Vec::new(), vec![0; most]);
            for number in 0..500 {
                let sent = if number % 50 == 0 { vec![7; most] } else { frame(number, most) };
                assert_eq!(publisher.sequence(), number);
                if number % 3 == 0 {
                    // An abort leaves nothing; a claim may be longer than the frame.
                    publisher.try_claim(most / 2).unwrap().write(0, &[1]);
                    let mut claim = publisher.try_claim(most).unwrap();
                    claim.write(0, &sent);
                    claim.commit(sent.len());
                } else {
                    publisher.try_publish(&sent).unwrap();
                }
                for reader in &mut readers {
                    assert!(reader.has_something());
                    assert_eq!((reader.sequence(), reader.behind()), (number, 1));
                    if !sent.is_empty() {
                        let short = reader.try_pop_into(&mut place[..sent.len() - 1]);
                        assert_eq!(short, Pop::TooLong { len: sent.len() });
                    }
                    assert!(
                        matches!(reader.try_pop_into(&mut place), Pop::Frame { len, .. } if len == sent.len())
                    );
                    assert_eq!(place[..sent.len()], sent);
                    assert!(matches!(reader.try_pop_vec(&mut out), Pop::Empty { .. }));
                    assert!(!reader.has_something());
                }
                assert!(matches!(watcher.try_pop_vec(&mut out), Pop::Frame { .. }));
                assert_eq!(out, sent);
            }
            assert!(matches!(publisher.try_publish(&vec![0; most + 1]), Err(Refused::TooLarge(_))));
        }
    }
}

#[test]
fn a_gated_publisher_waits_for_the_slowest_and_lends_in_place() {
    let (region, mut publisher) = ring(256, Mode::Gated);
    let mut slow = join(&region, At::Oldest);
    let mut sent = Vec::new();
    while publisher.try_publish(&frame(sent.len() as u64, 20)).is_ok() {
        sent.push(frame(sent.len() as u64, 20));
    }
    assert!(sent.len() > 5 && !publisher.has_room().unwrap());
    assert!(!publisher.drop_dead(|_| true));
    let view = slow.try_view().unwrap();
    let mut bytes = vec![0; view.len()];
    view.read(0, &mut bytes);
    assert_eq!((&bytes, view.sequence()), (&sent[0], 0));
    view.release();
    for expected in &sent[1..] {
        let mut out = Vec::new();
        assert!(matches!(slow.try_pop_vec(&mut out), Pop::Frame { .. }));
        assert_eq!(out, *expected);
    }
    assert!(publisher.has_room().unwrap());
    let most = publisher.longest();
    publisher.try_publish(&vec![1; most]).unwrap();
    assert_eq!(publisher.try_publish(&vec![2; most]), Err(Refused::Full));
    assert!(publisher.drop_dead(|_| false), "it holds the publisher up and is dead");
    publisher.try_publish(&vec![2; most]).unwrap();
    leave(&region, slow);
}

/// Also those before the first landmark, which are reached from the oldest frame.
#[test]
fn every_frame_that_a_gated_ring_holds_can_be_started_at() {
    let (region, mut publisher) = ring(1024, Mode::Gated);
    let mut slow = join(&region, At::Oldest);
    let mut random = Random::new(7);
    let mut out = Vec::new();
    for count in 0..500 {
        let size = if random.below(2) == 0 { 0 } else { random.below(330) as usize };
        while publisher.try_publish(&frame(count, size)) == Err(Refused::Full) {
            assert!(matches!(slow.try_pop_vec(&mut out), Pop::Frame { .. }));
        }
        for wanted in slow.sequence()..=count {
            let reader = join(&region, At::Numbered(wanted));
            assert_eq!(reader.sequence(), wanted, "of {} to {count}", slow.sequence());
            leave(&region, reader);
        }
    }
    leave(&region, slow);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    /// One publisher and four readers against the list of what was published.
    #[test]
    fn it_behaves_like_a_list(
        gated in any::<bool>(),
        log2 in 6u32..11,
        acts in prop::collection::vec((0u8..8, 0usize..4, 0usize..400), 1..150),
    ) {
        let mode = if gated { Mode::Gated } else { Mode::Lossy };
        let (region, mut publisher) = ring(1 << log2, mode);
        let most = publisher.longest();
        let mut published: Vec<Vec<u8>> = Vec::new();
        let mut readers: [Option<(Subscriber<Mapped>, u64)>; 4] = [const { None }; 4];
        let mut places: Vec<(u64, u64)> = Vec::new();
        for (act, number, size) in acts {
            match act {
                0..3 => {
                    let bytes = frame(published.len() as u64, size.min(most));
                    match publisher.try_publish(&bytes) {
                        Ok(()) => published.push(bytes),
                        Err(Refused::Full) => prop_assert!(gated && readers.iter().any(Option::is_some)),
                        Err(other) => panic!("{other:?}"),
                    }
                }
                3..6 => {
                    let Some((reader, at)) = &mut readers[number] else { continue };
                    places.push((reader.position(), reader.sequence()));
                    let mut out = Vec::new();
                    match reader.try_pop_vec(&mut out) {
                        Pop::Frame { len, .. } => {
                            prop_assert_eq!(len, out.len());
                            prop_assert_eq!(&out, &published[*at as usize]);
                            *at += 1;
                        }
                        Pop::Missed { count } => {
                            prop_assert!(!gated && count > 0);
                            *at += count;
                            prop_assert!(*at <= published.len() as u64);
                        }
                        Pop::Empty { .. } => prop_assert_eq!(*at, published.len() as u64),
                        other => panic!("{other:?}"),
                    }
                    prop_assert_eq!(reader.sequence(), *at);
                }
                6 => match readers[number].take() {
                    Some((reader, _)) => leave(&region, reader),
                    None => {
                        let count = published.len() as u64;
                        let start = match size % 6 {
                            0 | 1 => At::Oldest,
                            2 => At::Newest,
                            3 => At::Next,
                            4 => At::Numbered(count / 2),
                            _ => places.last().map_or(At::Next, |(position, sequence)| At::At {
                                position: *position,
                                sequence: *sequence,
                            }),
                        };
                        let reader = join(&region, start);
                        let at = reader.sequence();
                        match start {
                            At::Newest => prop_assert!(at + 1 >= count && at <= count),
                            At::Next => prop_assert_eq!(at, count),
                            At::Numbered(wanted) => prop_assert_eq!(at, wanted),
                            At::At { sequence, .. } => prop_assert_eq!(at, sequence),
                            _ => prop_assert!(at <= count),
                        }
                        if gated && !matches!(start, At::Numbered(_) | At::At { .. }) {
                            readers[number] = Some((reader, at));
                        } else if gated {
                            // It may have missed frames before it joined.
                            leave(&region, reader);
                        } else {
                            readers[number] = Some((reader, at));
                        }
                    }
                },
                _ => {
                    publisher = Publisher::attach(open(&region)).unwrap();
                    prop_assert_eq!(publisher.sequence(), published.len() as u64);
                }
            }
        }
    }
}

/// Threads that read, join and leave while one publishes.
fn under_load(mode: Mode, capacity: u64, total: u64) {
    private_namespace();
    let (region, mut publisher) = ring(capacity, mode);
    let most = publisher.longest();
    let over = AtomicBool::new(false);
    let lock = std::sync::Mutex::new(());
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (region, over, lock) = (region.clone(), &over, &lock);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                let mut out = Vec::new();
                while !over.load(Ordering::Acquire) {
                    let start = [At::Oldest, At::Newest, At::Next][random.below(3) as usize];
                    let mut reader = {
                        let _locked = lock.lock().unwrap();
                        join(&region, start)
                    };
                    let from = reader.sequence();
                    let (mut got, mut lost) = (0, 0);
                    let stay = random.below(1000);
                    while got < stay {
                        let at = reader.sequence();
                        match reader.try_pop_vec(&mut out) {
                            Pop::Frame { .. } => {
                                assert_eq!(out, frame(at, most), "frame {at}");
                                got += 1;
                            }
                            Pop::Missed { count } => {
                                assert_eq!(mode, Mode::Lossy, "a gated subscriber missed {count} at {at}");
                                lost += count;
                            }
                            Pop::Empty { .. } if over.load(Ordering::Acquire) => break,
                            Pop::Empty { .. } => std::thread::yield_now(),
                            other => panic!("{other:?}"),
                        }
                        random.pause();
                    }
                    assert_eq!(from + got + lost, reader.sequence());
                    let _locked = lock.lock().unwrap();
                    leave(&region, reader);
                }
            });
        }
        let mut random = Random::new(99);
        for number in 0..total {
            while publisher.try_publish(&frame(number, most)) == Err(Refused::Full) {
                std::thread::yield_now();
            }
            random.pause();
        }
        over.store(true, Ordering::Release);
    });
}

#[test]
fn lossy_under_load() {
    under_load(Mode::Lossy, 128, 60_000);
    under_load(Mode::Lossy, 1024, 60_000);
}

#[test]
fn gated_under_load() {
    under_load(Mode::Gated, 128, 20_000);
    under_load(Mode::Gated, 1024, 30_000);
}

fn builder(domain: &str) -> Builder {
    Builder::new("news").domain(&Domain::open(domain).unwrap())
}

const MOST: usize = 300;

fn read_all(subscriber: &mut Reader) -> (u64, u64) {
    let from = subscriber.sequence();
    let (mut received, mut missed) = (0, 0);
    let mut out = Vec::new();
    loop {
        let at = subscriber.sequence();
        match subscriber.pop_vec(&mut out) {
            Ok(_) => {
                assert_eq!(out, frame(at, MOST), "frame {at}");
                received += 1;
            }
            Err(PopError::Missed(some)) => missed += some.count,
            // A successor comes.
            Err(PopError::PeerGone(_)) => std::thread::sleep(Duration::from_millis(1)),
            Err(PopError::Closed) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(from + received + missed, subscriber.sequence());
    (received, missed)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["publish", domain, until, at, after] => {
            let mut publisher = builder(domain).wait(WaitStrategy::SpinYield).open_sender().unwrap();
            if let Some(site) = Site::ALL.into_iter().find(|site| format!("{site:?}") == at) {
                fault::arm(site, after.parse().unwrap());
            }
            let until = until.parse().unwrap();
            while publisher.pushed() < until {
                publisher.push(&frame(publisher.pushed(), MOST)).unwrap();
            }
            if at == "nowhere" {
                publisher.close();
            } else {
                publisher.detach();
            }
        }
        ["read", domain] => {
            let mut subscriber = builder(domain).start(Start::Next).open_receiver().unwrap();
            say(&subscriber.sequence().to_string());
            let (received, missed) = read_all(&mut subscriber);
            say(&format!("{received} {missed} {}", subscriber.sequence()));
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

#[test]
fn a_channel_of_frames() {
    private_namespace();
    let domain = unique("frames");
    let mut publisher = builder(&domain).capacity(4096).gated().create_sender().unwrap();
    let mut first = builder(&domain).open_receiver().unwrap();
    let mut watcher: Watcher = builder(&domain).open_observer().unwrap();
    publisher.push(b"one").unwrap();
    publisher.push_batch(&["two", "", "four"]).unwrap();
    assert_eq!(first.pop().unwrap(), b"one");
    let saved: Position = first.position().to_string().parse().unwrap();
    let mut place = [0; 2];
    assert!(matches!(first.try_pop_into(&mut place), Err(PopError::BufferTooSmall { needed: 3 })));
    let view = first.try_view().unwrap();
    assert_eq!((view.to_vec(), view.sequence()), (b"two".to_vec(), 1));
    view.release();
    assert_eq!(first.pop_timeout(Duration::from_secs(60)).unwrap(), b"");
    assert_eq!(first.try_pop().unwrap(), b"four");
    assert!(matches!(first.try_pop(), Err(PopError::Empty)));
    assert!(matches!(first.pop_timeout(Duration::from_millis(2)), Err(PopError::TimedOut)));
    for expected in [&b"one"[..], b"two", b"", b"four"] {
        assert_eq!(watcher.try_pop().unwrap(), expected);
    }
    let mut again = builder(&domain).start(Start::Saved(saved)).open_receiver().unwrap();
    assert_eq!(again.pop().unwrap(), b"two");
    let mut third = builder(&domain).start(Start::Sequence(3)).open_receiver().unwrap();
    assert_eq!(third.pop().unwrap(), b"four");
    for wrong in [
        Start::Sequence(9),
        Start::Saved(Position { offset: 4, ..saved }),
        Start::Saved(Position { offset: saved.offset + 8, ..saved }),
        Start::Saved(Position { sequence: 2, ..saved }),
        Start::Saved(Position { offset: 1 << 40, ..saved }),
    ] {
        let refused = builder(&domain).start(wrong).open_receiver();
        assert!(
            matches!(
                refused.as_ref().map_err(AttachError::kind),
                Err(AttachErrorKind::NoSuchPosition { .. })
            ),
            "{wrong:?}: {refused:?}"
        );
        let refused = builder(&domain).start(wrong).open_observer();
        assert!(
            matches!(
                refused.as_ref().map_err(AttachError::kind),
                Err(AttachErrorKind::NoSuchPosition { .. })
            ),
            "{wrong:?}: {refused:?}"
        );
    }
    let stale = Start::Saved(Position { generation: saved.generation + 1, ..saved });
    assert!(matches!(
        builder(&domain).start(stale).open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::StalePosition { .. })
    ));
    drop(again);
    drop(third);
    assert_eq!(publisher.counters().subscribers, 1);
    let long = vec![0; publisher.longest() + 1];
    assert!(matches!(publisher.push(&long), Err(PushError::TooLarge((), _))));
    while publisher.try_push(&[5; 100]).is_ok() {}
    assert!(matches!(publisher.try_claim(100), Err(PushError::Full(()))));
    assert!(matches!(
        publisher.push_timeout(&[5; 100], Duration::from_millis(2)),
        Err(PushError::TimedOut(()))
    ));
    first.pop().unwrap();
    let mut claim = publisher.try_claim(8).unwrap();
    claim.write(0, b"claimed!");
    claim.commit(7).unwrap();
    publisher.close();
    let rest: Vec<_> = (&mut first).map(Result::unwrap).collect();
    assert_eq!(rest.last().unwrap(), b"claimed");
    assert!(first.last_error().is_none());
}

/// Publishers die at every site, one after the other; subscribers have everything in their books.
fn publishers_die(mode: Mode) {
    private_namespace();
    let domain = unique("frame-publishers-die");
    let mut first = builder(&domain).capacity(4096).mode(mode).create_receiver().unwrap();
    let reader = std::thread::spawn(move || (read_all(&mut first), first.sequence()));
    let mut readers: Vec<_> = (0..2).map(|_| Role::start("read", &[&domain])).collect();
    let starts: Vec<u64> = readers.iter_mut().map(|reader| reader.hear().parse().unwrap()).collect();
    let mut total = 0;
    for after in [0, 7, 400] {
        for at in ["BroadcastWritten", "BroadcastPublished", "BroadcastRaised"] {
            total += 1_000;
            let after = if at == "BroadcastRaised" { after / 20 } else { after };
            let mut publisher =
                Role::start("publish", &[&domain, &total.to_string(), at, &after.to_string()]);
            assert_eq!(publisher.hear_or_end(), None);
        }
    }
    total += 1_000;
    Role::start("publish", &[&domain, &total.to_string(), "nowhere", "0"]).finish();
    let ((received, missed), end) = reader.join().unwrap();
    assert_eq!((received + missed, end), (total, total));
    assert!(mode == Mode::Lossy || missed == 0);
    for (mut reader, start) in readers.into_iter().zip(starts) {
        let said: Vec<u64> = reader.hear().split(' ').map(|number| number.parse().unwrap()).collect();
        assert_eq!((start + said[0] + said[1], said[2]), (total, total));
        assert!(mode == Mode::Lossy || said[1] == 0);
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
fn ends_by_name() {
    private_namespace();
    let name = unique("own-frames");
    let mut publisher = Channel::create(&name).unwrap();
    let mut subscriber = Reader::open(&name).unwrap();
    publisher.push(b"hello").unwrap();
    publisher.detach();
    assert_eq!(subscriber.pop().unwrap(), b"hello");
    assert!(matches!(subscriber.pop(), Err(PopError::PeerGone(PeerExit::Detached))));
    assert_eq!(Channel::open(&name).unwrap().pushed(), 1);
}
