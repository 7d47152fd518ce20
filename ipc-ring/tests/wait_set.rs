//! One thread waits for many channels at once, with producers in other processes that push, close, detach and
//! are killed.

mod common;
mod kinds;
mod spsc_common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::{
    AttachErrorKind, Domain, Event, News, WaitSet, WaitSetError, WaitStrategy, Waitable, broadcast, bytes,
    call, latest, mpmc, spsc,
};

const CHANNELS: usize = 8;

fn ticks(domain: &Domain, number: usize) -> spsc::Builder<u64> {
    spsc::Builder::new(&format!("ticks-{number}")).domain(domain)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        // Pushes to one channel after another, so that the waiter sleeps in between.
        ["walk", domain, count] => {
            let domain = Domain::open(domain).unwrap();
            let mut producers: Vec<_> =
                (0..CHANNELS).map(|number| ticks(&domain, number).open_sender().unwrap()).collect();
            for message in 0..count.parse::<u64>().unwrap() {
                producers[message as usize % CHANNELS].push(message).unwrap();
                if message % 3 == 0 {
                    std::thread::sleep(Duration::from_micros(300));
                }
            }
        }
        ["one then stay", domain, kind] => {
            let domain = Domain::open(domain).unwrap();
            match kind {
                "spsc" => {
                    let mut producer = ticks(&domain, 0).open_sender().unwrap();
                    producer.push(1).unwrap();
                    say("pushed");
                    listen();
                    producer.detach();
                }
                "bytes" => {
                    let mut producer = bytes::Builder::new("frames").domain(&domain).open_sender().unwrap();
                    producer.push(b"one").unwrap();
                    say("pushed");
                    listen();
                    producer.detach();
                }
                "latest" => {
                    let mut writer =
                        latest::Builder::<u64>::new("pose").domain(&domain).open_sender().unwrap();
                    writer.publish(1).unwrap();
                    say("pushed");
                    listen();
                }
                _ => {
                    let mut producer =
                        mpmc::Builder::<u64>::new("jobs").domain(&domain).open_sender().unwrap();
                    producer.push(1).unwrap();
                    say("pushed");
                    listen();
                }
            }
            say("left");
            listen();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn next(set: &mut WaitSet, ends: &mut [&mut dyn Waitable]) -> Event {
    set.wait(ends, Some(Instant::now() + Duration::from_secs(100))).unwrap()
}

#[test]
fn every_message_of_many_channels_wakes_the_one_waiter() {
    private_namespace();
    for strategy in [WaitStrategy::Sleep, WaitStrategy::DEFAULT, WaitStrategy::SpinYield] {
        let name = unique("wait-set-many");
        let domain = Domain::open(&name).unwrap();
        let mut consumers: Vec<_> =
            (0..CHANNELS).map(|number| ticks(&domain, number).create_receiver().unwrap()).collect();
        let mut set = WaitSet::with_strategy(&domain, strategy).unwrap();
        let total = 4000u64;
        let walker = Role::start("walk", &[&name, &total.to_string()]);
        let mut counts = [0u64; CHANNELS];
        let mut closed = [false; CHANNELS];
        while !closed.iter().all(|closed| *closed) {
            let open: Vec<usize> = (0..CHANNELS).filter(|number| !closed[*number]).collect();
            let mut ends: Vec<&mut dyn Waitable> = consumers
                .iter_mut()
                .enumerate()
                .filter(|(number, _)| !closed[*number])
                .map(|(_, consumer)| consumer as &mut dyn Waitable)
                .collect();
            let event = next(&mut set, &mut ends);
            assert!(matches!(event.news, News::Ready | News::Ended));
            let number = open[event.index];
            loop {
                match consumers[number].try_pop() {
                    Ok(message) => {
                        assert_eq!(message, counts[number] * CHANNELS as u64 + number as u64);
                        counts[number] += 1;
                    }
                    Err(spsc::PopError::Empty) => break,
                    Err(spsc::PopError::Closed) => {
                        closed[number] = true;
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        assert_eq!(counts.iter().sum::<u64>(), total);
        walker.finish();
    }
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

#[test]
fn a_death_and_a_leaving_are_told_once_and_a_successor_is_heard() {
    private_namespace();
    for kind in ["spsc", "bytes", "mpmc"] {
        for killed in [true, false] {
            let name = unique("wait-set-death");
            let domain = Domain::open(&name).unwrap();
            let mut tick = ticks(&domain, 0).create_receiver().unwrap();
            let mut frame = bytes::Builder::new("frames").domain(&domain).create_receiver().unwrap();
            let mut job = mpmc::Builder::<u64>::new("jobs").domain(&domain).create_receiver().unwrap();
            let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
            let index = ["spsc", "bytes", "mpmc"].iter().position(|other| *other == kind).unwrap();
            for _ in 0..2 {
                let mut producer = Role::start("one then stay", &[&name, kind]);
                let event = next(&mut set, &mut [&mut tick, &mut frame, &mut job]);
                assert_eq!(event, Event { index, news: News::Ready }, "{kind}");
                match kind {
                    "spsc" => assert_eq!(tick.try_pop().unwrap(), 1),
                    "bytes" => assert_eq!(frame.try_pop().unwrap(), b"one"),
                    _ => assert_eq!(job.try_pop().unwrap(), 1),
                }
                assert_eq!(producer.hear(), "pushed");
                if killed {
                    producer.kill();
                } else {
                    producer.tell("leave");
                    assert_eq!(producer.hear(), "left");
                }
                let event = next(&mut set, &mut [&mut tick, &mut frame, &mut job]);
                assert_eq!(event, Event { index, news: News::PeerGone }, "{kind} {killed}");
                let soon = Some(Instant::now() + Duration::from_millis(250));
                let nothing = set.wait(&mut [&mut tick, &mut frame, &mut job], soon);
                assert!(matches!(nothing, Err(WaitSetError::TimedOut)), "{kind} {killed}: {nothing:?}");
            }
        }
    }
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

#[test]
fn subscribers_are_waited_for_beside_the_others() {
    private_namespace();
    let domain = Domain::open(&unique("wait-set-broadcast")).unwrap();
    let prices = broadcast::Builder::<u64>::new("prices").domain(&domain).wait(WaitStrategy::Sleep);
    let news = broadcast::frames::Builder::new("news").domain(&domain).wait(WaitStrategy::Sleep);
    let (mut price, mut line) = (prices.create_receiver().unwrap(), news.create_receiver().unwrap());
    let (mut pricing, mut telling) = (prices.open_sender().unwrap(), news.open_sender().unwrap());
    let mut tick = ticks(&domain, 0).create_receiver().unwrap();
    let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..50 {
                std::thread::sleep(Duration::from_millis(1));
                pricing.push(number).unwrap();
                std::thread::sleep(Duration::from_millis(1));
                telling.push(&number.to_le_bytes()).unwrap();
            }
            pricing.detach();
            telling.close();
        });
        let (mut priced, mut told) = (0, 0u64);
        let (mut left, mut closed) = (false, false);
        while !(left && closed) {
            let event = if closed {
                next(&mut set, &mut [&mut tick, &mut price])
            } else {
                next(&mut set, &mut [&mut tick, &mut price, &mut line])
            };
            match (event.index, event.news) {
                (1, News::Ready) => {
                    assert_eq!(price.try_pop().unwrap(), priced);
                    priced += 1;
                }
                (1, News::PeerGone) => left = true,
                (2, News::Ready | News::Ended) => match line.try_pop() {
                    Ok(frame) => {
                        assert_eq!(frame, told.to_le_bytes());
                        told += 1;
                    }
                    Err(broadcast::PopError::Closed) => closed = true,
                    Err(error) => panic!("{error}"),
                },
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((priced, told), (50, 50));
    });
}

#[test]
fn newest_values_and_calls_are_waited_for_beside_the_others() {
    private_namespace();
    let domain = Domain::open(&unique("wait-set-latest")).unwrap();
    let poses = latest::Builder::<u64>::new("pose").domain(&domain);
    let table = latest::TableBuilder::<u64>::new("prices").domain(&domain).keys(5);
    let sums = call::Builder::<u64, u64>::new("sums").domain(&domain).wait(WaitStrategy::Sleep);
    let (mut pose, mut prices) = (poses.create_receiver().unwrap(), table.create_receiver().unwrap());
    let (mut moving, mut pricing) = (poses.open_sender().unwrap(), table.open_sender().unwrap());
    let (mut asking, mut answering) = (sums.create_sender().unwrap(), sums.open_receiver().unwrap());
    const ROUNDS: u64 = 30;
    let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
    assert_eq!(set.try_wait(&mut [&mut pose, &mut prices, &mut answering]), None);
    std::thread::scope(|scope| {
        let there = scope.spawn(|| {
            let mut own = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
            for number in 1..=ROUNDS {
                std::thread::sleep(Duration::from_millis(1));
                moving.publish(number).unwrap();
                std::thread::sleep(Duration::from_millis(1));
                pricing.publish((number % 5) as u32, number).unwrap();
                // The caller waits for its reply in a set too.
                asking.ask(number).unwrap();
                assert_eq!(next(&mut own, &mut [&mut asking]), Event { index: 0, news: News::Ready });
                assert_eq!(asking.try_reply().unwrap(), Some(2 * number));
            }
            moving.detach();
            pricing.close();
            drop(asking);
        });
        let (mut at, mut priced, mut answered) = (0, 0, 0);
        let (mut left, mut closed, mut done) = (false, false, false);
        while !(left && closed && done) {
            // An end that has ended is left out from then on; `pose` reports only once.
            let mut ends: Vec<(usize, &mut dyn Waitable)> = vec![(0, &mut pose)];
            if !closed {
                ends.push((1, &mut prices));
            }
            if !done {
                ends.push((2, &mut answering));
            }
            let (which, mut ends): (Vec<usize>, Vec<&mut dyn Waitable>) = ends.into_iter().unzip();
            let event = next(&mut set, &mut ends);
            match (which[event.index], event.news) {
                (0, News::Ready) => {
                    let value = pose.get_newer().unwrap().expect("there is news").value;
                    assert!(value > at);
                    at = value;
                }
                (0, News::PeerGone) => {
                    assert!(!std::mem::replace(&mut left, true), "told once");
                }
                (1, News::Ready | News::Ended) => match prices.changed().unwrap() {
                    Some(key) => {
                        let value = prices.get_newer(key).unwrap().expect("there is news").value;
                        assert_eq!(value % 5, u64::from(key));
                        priced = priced.max(value);
                    }
                    None => closed = true,
                },
                (2, News::Ready | News::Ended) => match answering.try_take() {
                    Ok(Some(request)) => {
                        answered += 1;
                        assert_eq!(request.value(), answered);
                        let sum = 2 * request.value();
                        request.reply(sum);
                    }
                    Ok(None) => panic!("ready for nothing"),
                    Err(call::CallError::Closed) => done = true,
                    Err(error) => panic!("{error}"),
                },
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((at, priced, answered), (ROUNDS, ROUNDS, ROUNDS));
        there.join().unwrap();
    });
}

#[test]
fn the_death_of_a_writer_is_told_once() {
    private_namespace();
    let name = unique("wait-set-writer");
    let domain = Domain::open(&name).unwrap();
    let mut pose = latest::Builder::<u64>::new("pose").domain(&domain).create_receiver().unwrap();
    let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
    for round in 1..=2 {
        let mut writer = Role::start("one then stay", &[&name, "latest"]);
        let event = next(&mut set, &mut [&mut pose]);
        assert_eq!(event, Event { index: 0, news: News::Ready }, "{round}");
        assert_eq!(pose.get_newer().unwrap().expect("there is news").sequence, round);
        assert_eq!(writer.hear(), "pushed");
        writer.kill();
        assert_eq!(next(&mut set, &mut [&mut pose]), Event { index: 0, news: News::PeerGone });
        let soon = Some(Instant::now() + Duration::from_millis(250));
        assert!(matches!(set.wait(&mut [&mut pose], soon), Err(WaitSetError::TimedOut)));
    }
}

#[test]
fn busy_ends_take_turns_and_an_end_waits_alone_in_between() {
    private_namespace();
    let domain = Domain::open(&unique("wait-set-turns")).unwrap();
    let mut producers = [0, 1].map(|number| ticks(&domain, number).create_sender().unwrap());
    let [mut left, mut right] = [0, 1].map(|number| ticks(&domain, number).open_receiver().unwrap());
    for producer in &mut producers {
        (0..3).for_each(|number| producer.push(number).unwrap());
    }
    let mut set = WaitSet::new(&domain).unwrap();
    let mut indices = Vec::new();
    for _ in 0..6 {
        let event = next(&mut set, &mut [&mut left, &mut right]);
        let _ = if event.index == 0 { left.try_pop() } else { right.try_pop() };
        indices.push(event.index);
    }
    assert_eq!(indices, [0, 1, 0, 1, 0, 1]);
    assert_eq!(set.try_wait(&mut [&mut left, &mut right]), None);

    // The same ends alone, asleep, and in the set again.
    let [mut first, mut second] = producers;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            first.push(10).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            second.push(11).unwrap();
        });
        assert_eq!(left.pop().unwrap(), 10);
        assert_eq!(next(&mut set, &mut [&mut left, &mut right]).index, 1);
        assert_eq!(right.try_pop().unwrap(), 11);
    });
}

#[test]
fn deadlines_strangers_and_children() {
    private_namespace();
    let domain = Domain::open(&unique("wait-set-here")).unwrap();
    let other = Domain::open(&unique("wait-set-there")).unwrap();
    let mut here = ticks(&domain, 0).create_receiver().unwrap();
    let mut there = ticks(&other, 0).create_receiver().unwrap();
    let mut set = WaitSet::new(&domain).unwrap();
    let began = Instant::now();
    let soon = began + Duration::from_millis(30);
    assert!(matches!(set.wait(&mut [&mut here], Some(soon)), Err(WaitSetError::TimedOut)));
    assert!(began.elapsed() >= Duration::from_millis(30));
    let none = set.wait(&mut [], Some(Instant::now() + Duration::from_millis(1)));
    assert!(matches!(none, Err(WaitSetError::TimedOut)));
    let foreign = set.wait(&mut [&mut here, &mut there], None);
    assert!(matches!(foreign, Err(WaitSetError::Foreign { index: 1 })), "{foreign:?}");
    assert!(foreign.unwrap_err().to_string().contains("end 1 is not of the set's domain"));

    // A semaphore of the domain for each set, and free again afterwards.
    drop(set);
    let mut sets = Vec::new();
    let full = loop {
        match WaitSet::new(&domain) {
            Ok(set) => sets.push(set),
            Err(error) => break error,
        }
    };
    assert!(matches!(full.kind(), AttachErrorKind::DomainFull { what: "wake semaphores", .. }), "{full}");
    sets.clear();
    WaitSet::new(&domain).unwrap();
}

#[test]
fn semaphores_that_are_removed_end_the_wait() {
    private_namespace();
    let domain = Domain::open(&unique("wait-set-removed")).unwrap();
    let mut consumer = ticks(&domain, 0).create_receiver().unwrap();
    let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| set.wait(&mut [&mut consumer], None));
        std::thread::sleep(Duration::from_millis(50));
        for (id, _) in ipc_core::list::sets().unwrap() {
            ipc_core::sem::SemaphoreSet::from_id(id).remove().unwrap();
        }
        let ended = waiter.join().unwrap();
        assert!(matches!(ended, Err(WaitSetError::System(_))), "{ended:?}");
    });
    drop((consumer, set, domain));
    for (id, _) in ipc_core::list::segments().unwrap() {
        ipc_core::shm::SharedMemory::from_id(id).remove().unwrap();
    }
}

/// The end of a stream is reported once, after all its contents, for every kind of channel: a loop that
/// ignores it does not spin.
#[test]
fn an_end_is_told_once() {
    private_namespace();
    for kind in kinds::ALL {
        let domain = Domain::open(&unique("wait-set-ended")).unwrap();
        let how = kinds::How::new(&domain, WaitStrategy::DEFAULT);
        let (mut taker, mut giver) = ((kind.taker)(how).unwrap(), (kind.giver)(how).unwrap());
        assert_eq!(giver.give(7, Duration::ZERO), kinds::Told::Yes, "{}", kind.name);
        giver.close();
        let mut set = WaitSet::new(&domain).unwrap();
        let event = set.wait(&mut [taker.waitable()], None).unwrap();
        assert_eq!(event.news, News::Ready, "{}", kind.name);
        assert_eq!(taker.take(Duration::ZERO), kinds::Told::Number(7), "{}", kind.name);
        let event = set.wait(&mut [taker.waitable()], None).unwrap();
        assert_eq!(event.news, News::Ended, "{}", kind.name);
        let soon = Some(Instant::now() + Duration::from_millis(150));
        let nothing = set.wait(&mut [taker.waitable()], soon);
        assert!(matches!(nothing, Err(WaitSetError::TimedOut)), "{}: {nothing:?}", kind.name);
        assert_eq!(taker.take(Duration::ZERO), kinds::Told::Closed, "{}", kind.name);
    }
}
