//! Many-to-many channels between real processes: order, fairness of a kind, deaths by SIGKILL at each named
//! site next to live competitors, and what is left behind.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::mpmc::{Builder, Consumer, Counter, PopError, Producer, PushError};
use ipc_ring::platform::Site;
use ipc_ring::ring::mpmc::Memory as _;
use ipc_ring::{AttachError, AttachErrorKind, Domain, WaitStrategy, fault};

fn builder(domain: &str) -> Builder<u64> {
    Builder::new("queue").domain(&Domain::open(domain).unwrap()).capacity(64)
}

fn value(number: u64, rank: u64) -> u64 {
    number << 32 | rank
}

/// What one consumer has seen: of each producer how many, their sum, and that they came in order.
#[derive(Default)]
struct Seen(BTreeMap<u64, (u64, u64, u64)>);

impl Seen {
    fn note(&mut self, value: u64) {
        let (number, rank) = (value >> 32, value & 0xffff_ffff);
        let (count, sum, next) = self.0.entry(number).or_default();
        assert!(rank >= *next, "out of order: {rank} of producer {number} after {next}");
        (*count, *sum, *next) = (*count + 1, *sum + rank, rank + 1);
    }

    fn all(consumer: &mut Consumer<u64>) -> Self {
        let mut seen = Self::default();
        loop {
            match consumer.pop() {
                Ok(value) => seen.note(value),
                Err(PopError::PeerGone(_) | PopError::Closed) => return seen,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn say(&self) {
        let parts: Vec<String> =
            self.0.iter().map(|(number, (count, sum, _))| format!("{number}:{count}:{sum}")).collect();
        say(&parts.join(" "));
    }

    fn hear(&mut self, said: &str) {
        for part in said.split_whitespace() {
            let fields: Vec<u64> = part.split(':').map(|field| field.parse().unwrap()).collect();
            let (count, sum, _) = self.0.entry(fields[0]).or_default();
            (*count, *sum) = (*count + fields[1], *sum + fields[2]);
        }
    }

    fn of(&self, number: u64) -> (u64, u64) {
        self.0.get(&number).map_or((0, 0), |(count, sum, _)| (*count, *sum))
    }
}

fn first(count: u64) -> (u64, u64) {
    (count, count * count.saturating_sub(1) / 2)
}

fn site(name: &str) -> Site {
    Site::ALL.into_iter().find(|site| format!("{site:?}") == name).unwrap()
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, number, count] => {
            let mut producer = builder(domain).create_sender().unwrap();
            say("ready");
            listen();
            for rank in 0..count.parse().unwrap() {
                producer.push(value(number.parse().unwrap(), rank)).unwrap();
            }
        }
        ["pop", domain] => {
            let mut consumer = builder(domain).create_receiver().unwrap();
            say("ready");
            Seen::all(&mut consumer).say();
        }
        ["push-and-die", domain, at, after] => {
            let mut producer = builder(domain).create_sender().unwrap();
            say("ready");
            listen();
            fault::arm(site(at), after.parse().unwrap());
            for rank in 0.. {
                producer.push(value(9, rank)).unwrap();
            }
        }
        ["pop-and-die", domain, at, after] => {
            let mut consumer = builder(domain).create_receiver().unwrap();
            fault::arm(site(at), after.parse().unwrap());
            say("ready");
            loop {
                let popped = consumer.pop().unwrap();
                say(&popped.to_string());
            }
        }
        ["read-and-die", domain] => {
            let mut consumer = builder(domain).create_receiver().unwrap();
            say("ready");
            let _ = consumer.pop_with(|lent| {
                say(&format!("{} {}", lent.read(), lent.attempt()));
                listen();
            });
        }
        ["recover-and-die", domain, at] => {
            let mut consumer = builder(domain).create_receiver().unwrap();
            say("ready");
            listen();
            fault::arm(site(at), 0);
            consumer.recover().unwrap();
        }
        ["seat-and-die", domain] => {
            fault::arm(Site::MpmcSeated, 0);
            let _ = builder(domain).create_sender();
        }
        ["sleep-and-die", domain] => {
            let mut consumer = builder(domain).wait(WaitStrategy::Sleep).create_receiver().unwrap();
            fault::arm(Site::WaitingSet, 0);
            say("ready");
            let _ = consumer.pop();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

/// Each message of each producer arrives once.
fn stream(producers: u64, consumers: usize, count: u64) {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("stream");
    // Holds the channel while the others join.
    let holder = builder(&domain).create_sender().unwrap();
    let mut poppers: Vec<Role> = (0..consumers).map(|_| Role::start("pop", &[&domain])).collect();
    let mut pushers: Vec<Role> = (0..producers)
        .map(|number| Role::start("push", &[&domain, &number.to_string(), &count.to_string()]))
        .collect();
    for role in poppers.iter_mut().chain(&mut pushers) {
        assert_eq!(role.hear(), "ready");
    }
    for pusher in &mut pushers {
        pusher.tell("go");
    }
    for pusher in pushers {
        pusher.finish();
    }
    drop(holder);
    let mut seen = Seen::default();
    for mut popper in poppers {
        seen.hear(&popper.hear());
        popper.finish();
    }
    for number in 0..producers {
        assert_eq!(seen.of(number), first(count), "producer {number}");
    }
    assert_eq!(kernel_objects(), before, "something was left behind");
}

#[test]
fn one_to_one() {
    stream(1, 1, 100_000);
}

#[test]
fn two_to_two() {
    stream(2, 2, 50_000);
}

#[test]
fn eight_to_one() {
    stream(8, 1, 10_000);
}

#[test]
fn one_to_eight() {
    stream(1, 8, 50_000);
}

#[test]
fn four_to_four() {
    stream(4, 4, 20_000);
}

#[test]
fn a_producer_killed_at_each_site() {
    private_namespace();
    for (site, arrives) in [("MpmcClaimed", 0), ("MpmcWritten", 0), ("MpmcPublished", 1), ("MpmcPushed", 1)] {
        let domain = unique("kill-producer");
        let mut consumer = builder(&domain).create_receiver().unwrap();
        let mut live = Role::start("push", &[&domain, "1", "3000"]);
        let mut victim = Role::start("push-and-die", &[&domain, site, "7"]);
        assert_eq!((live.hear(), victim.hear()), ("ready".into(), "ready".into()));
        live.tell("go");
        victim.tell("go");
        let seen = Seen::all(&mut consumer);
        victim.wait_killed();
        live.finish();
        assert_eq!(seen.of(1), first(3000), "{site}");
        assert_eq!(seen.of(9), first(7 + arrives), "{site}");
        let ring = consumer.memory();
        assert_eq!(ring.counter(Counter::Recovered).load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}

#[test]
fn a_consumer_killed_at_each_site() {
    private_namespace();
    for (site, dies_with) in [("MpmcTaken", 0), ("MpmcCopied", 0), ("MpmcReleased", 1), ("MpmcPopped", 1)] {
        let domain = unique("kill-consumer");
        let mut producer = builder(&domain).create_sender().unwrap();
        let mut victim = Role::start("pop-and-die", &[&domain, site, "7"]);
        let mut live = builder(&domain).create_receiver().unwrap();
        assert_eq!(victim.hear(), "ready");
        let mut own = (0, 0);
        let mut rank = 0;
        let mut delivered = std::thread::scope(|scope| {
            let popper = scope.spawn(|| {
                while let Ok(popped) = live.pop() {
                    own = (own.0 + 1, own.1 + popped);
                    std::thread::sleep(Duration::from_micros(20));
                }
            });
            while rank < 3000 {
                producer.push(rank).unwrap();
                rank += 1;
            }
            let mut said = (0, 0);
            for _ in 0..7 {
                said = (said.0 + 1, said.1 + victim.hear().parse::<u64>().unwrap());
            }
            victim.wait_killed();
            drop(producer);
            popper.join().unwrap();
            said
        });
        delivered = (delivered.0 + own.0, delivered.1 + own.1);
        let (count, sum) = first(3000);
        assert_eq!(delivered.0 + dies_with, count, "{site}");
        assert!(if dies_with == 0 { delivered.1 == sum } else { delivered.1 <= sum }, "{site}");
    }
}

#[test]
fn a_recoverer_killed_at_each_site() {
    private_namespace();
    for site in ["MpmcRepaired", "MpmcSwept", "MpmcOrphansPublished"] {
        let domain = unique("kill-recoverer");
        let mut producer = builder(&domain).create_sender().unwrap();
        let mut consumer = builder(&domain).create_receiver().unwrap();
        producer.push(5).unwrap();
        let mut recoverer = Role::start("recover-and-die", &[&domain, site]);
        assert_eq!(recoverer.hear(), "ready");
        let mut reader = Role::start("read-and-die", &[&domain]);
        assert_eq!(reader.hear(), "ready");
        assert_eq!(reader.hear(), "5 0");
        reader.kill();
        recoverer.tell("go");
        recoverer.wait_killed();
        assert_eq!(consumer.pop_timeout(Duration::from_secs(20)).unwrap(), 5, "{site}");
        assert!(matches!(consumer.try_pop(), Err(PopError::Empty)));
        consumer.recover().unwrap();
        let counter = |which| consumer.memory().counter(which).load(std::sync::atomic::Ordering::Relaxed);
        // The one killed right after the CAS has not counted it; the one killed later has.
        assert_eq!(counter(Counter::Orphaned), u64::from(site != "MpmcRepaired"));
        assert_eq!(counter(Counter::Recovered), 2);
    }
}

#[test]
fn a_seat_taken_by_the_dead_is_freed() {
    private_namespace();
    let domain = unique("kill-seated");
    let mut consumer = builder(&domain).create_receiver().unwrap();
    let mut victim = Role::start("seat-and-die", &[&domain]);
    victim.wait_killed();
    assert_eq!(consumer.recover().unwrap().seats, 1);
}

#[test]
fn a_killed_sleeper_keeps_no_other_end_asleep() {
    private_namespace();
    let domain = unique("kill-sleeper");
    let mut producer = builder(&domain).create_sender().unwrap();
    let mut victim = Role::start("sleep-and-die", &[&domain]);
    assert_eq!(victim.hear(), "ready");
    victim.wait_killed();
    let mut live = Role::start("read-and-die", &[&domain]);
    assert_eq!(live.hear(), "ready");
    std::thread::sleep(Duration::from_millis(50));
    producer.push(1).unwrap();
    assert_eq!(live.hear(), "1 0");
}

#[test]
fn answers_of_the_try_forms() {
    private_namespace();
    let domain = unique("try");
    let mut consumer = builder(&domain).capacity(64).create_receiver().unwrap();
    let mut producer = builder(&domain).open_sender().unwrap();
    assert!(matches!(consumer.try_pop(), Err(PopError::Empty)));
    assert!(matches!(consumer.pop_timeout(Duration::from_millis(5)), Err(PopError::TimedOut)));
    assert_eq!(producer.try_push_slice(&(0..100).collect::<Vec<_>>()).unwrap(), 64);
    assert!(matches!(producer.try_push(1), Err(PushError::Full(1))));
    let soon = Instant::now() + Duration::from_millis(5);
    assert!(matches!(producer.push_deadline(1, soon), Err(PushError::TimedOut(1))));
    assert_eq!((producer.len(), producer.capacity()), (64, 64));
    let mut out = [0; 40];
    assert_eq!(consumer.try_pop_slice(&mut out).unwrap(), 40);
    assert_eq!(out[39], 39);
    assert_eq!(consumer.try_pop_with(|lent| lent.read()).unwrap(), 40);
    assert_eq!(consumer.pop_with(|lent| (lent.read(), lent.attempt())).unwrap(), (41, 0));
    drop(producer);
    for rest in 42..64 {
        assert_eq!(consumer.pop().unwrap(), rest);
    }
    assert!(matches!(consumer.pop(), Err(PopError::PeerGone(_))));
    let mut producer: Producer<u64> = builder(&domain).open_sender().unwrap();
    producer.push(7).unwrap();
    producer.close();
    assert!(matches!(
        builder(&domain).open_sender().map(|_| ()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Closed)
    ));
    assert_eq!(consumer.pop().unwrap(), 7);
    assert!(matches!(consumer.pop(), Err(PopError::Closed)));
}

#[test]
fn a_producer_that_lets_slots_come_free_still_finds_the_ring_full_and_free_again() {
    private_namespace();
    let domain = unique("pace");
    let builder = Builder::<[u64; 8]>::new("lines").domain(&Domain::open(&domain).unwrap()).capacity(64);
    let (mut producer, mut consumer) = (builder.create_sender().unwrap(), builder.create_receiver().unwrap());
    let mut next = 0;
    for lap in 0..5 {
        // More than one run in a row, up to the last slot, with no consumer popping.
        for number in 64 * lap..64 * (lap + 1) {
            producer.push([number; 8]).unwrap();
        }
        match producer.push_timeout([7; 8], Duration::from_millis(2)) {
            Err(PushError::TimedOut(message)) => assert_eq!(message, [7; 8]),
            other => panic!("{other:?} in a full ring"),
        }
        assert!(matches!(producer.try_push([7; 8]), Err(PushError::Full(_))));
        for _ in 0..64 {
            assert_eq!(consumer.pop().unwrap(), [next; 8]);
            next += 1;
        }
        assert!(matches!(consumer.try_pop(), Err(PopError::Empty)));
    }
    // A producer that is always ahead of its consumer.
    let pushing = std::thread::spawn(move || {
        (next..next + 20_000).for_each(|number| producer.push([number; 8]).unwrap());
    });
    for number in next..next + 20_000 {
        assert_eq!(consumer.pop().unwrap(), [number; 8]);
    }
    pushing.join().unwrap();
}

#[test]
fn a_ring_of_another_kind_is_refused() {
    private_namespace();
    let domain = Domain::open(&unique("kind")).unwrap();
    let _queue = Builder::<u64>::new("name").domain(&domain).create_sender().unwrap();
    let other = ipc_ring::spsc::Builder::<u64>::new("name").domain(&domain).open_receiver();
    assert!(
        matches!(other.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::Kind { .. })),
        "{other:?}"
    );
}

#[test]
fn seats_run_out_and_the_257th_end_is_refused() {
    private_namespace();
    let domain = unique("full");
    let mut ends: Vec<Producer<u64>> = (0..256).map(|_| builder(&domain).create_sender().unwrap()).collect();
    assert!(matches!(
        builder(&domain).open_receiver().map(|_| ()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::DomainFull { .. })
    ));
    ends.pop();
    assert!(builder(&domain).open_receiver().is_ok());
}

#[test]
fn a_slice_is_pushed_whole_and_in_order_or_the_answer_says_how_far_it_came() {
    private_namespace();
    let domain = unique("slice");
    let mut producer = builder(&domain).create_sender().unwrap();
    let mut consumer = builder(&domain).open_receiver().unwrap();
    // More than the ring holds: a consumer has to pop meanwhile.
    let messages: Vec<u64> = (0..1000).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| producer.push_slice(&messages).unwrap());
        for expected in 0..1000 {
            assert_eq!(consumer.pop().unwrap(), expected);
        }
    });
    let soon = Instant::now() + Duration::from_millis(20);
    assert!(matches!(producer.push_slice_deadline(&messages, soon), Err(PushError::TimedOut(64))));
    assert_eq!(producer.push_slice(&[]).ok(), Some(()));
    consumer.close();
    assert!(matches!(producer.push_slice(&messages), Err(PushError::Closed(0))));
}
