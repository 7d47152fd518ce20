//! Death at every named place. A process that holds one end kills itself there with SIGKILL, a successor
//! takes over its end, dies at the same place, and so on; the other end survives all of it. Nothing is lost,
//! nothing is delivered twice, no one waits for ever.
//!
//! What a dead consumer had popped but not yet handed to its caller is gone with it, as documented: the tests
//! state for each place whether that may be, and how much.

mod common;
mod spsc_common;

use std::time::Duration;

use common::{Role, private_namespace, role, say, unique};
use ipc_ring::fault;
use ipc_ring::platform::Site;
use ipc_ring::spsc::{Builder, Consumer, Observer, PopError, Producer, PushError};
use ipc_ring::{AttachError, AttachErrorKind, Domain, PeerExit, PeerState, WaitStrategy};
use spsc_common::{Random, check, payload};

/// Two words and a bit: a slot of several cache lines would hide nothing, one of a part of a line would.
type Item = [u8; 41];

/// Messages of one case.
const TOTAL: u64 = 300;
/// Processes that die in each case, one after the other.
const VICTIMS: usize = 2;
/// Messages of one batch.
const BATCH: usize = 5;

fn builder(domain: &str, wait: &str) -> Builder<Item> {
    let wait = match wait {
        "busy" => WaitStrategy::SpinYield,
        "asleep" => WaitStrategy::Sleep,
        _ => panic!("no such way to wait: {wait}"),
    };
    Builder::new("channel").domain(&Domain::open(domain).unwrap()).wait(wait)
}

/// The numbers of sites, for the children.
fn arm(site: &str, after: &str) {
    let number: u32 = site.parse().unwrap();
    if let Some(site) = Site::ALL.into_iter().find(|site| *site as u32 == number) {
        fault::arm(site, after.parse().unwrap());
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, wait, site, after, batch, pause] => {
            let mut producer = builder(domain, wait).open_sender().unwrap();
            arm(site, after);
            push_the_rest(&mut producer, batch == "batch", pause.parse().unwrap());
        }
        ["pop", domain, wait, site, after, batch, pause] => {
            let mut consumer = builder(domain, wait).open_receiver().unwrap();
            say(&format!("from {}", consumer.popped()));
            arm(site, after);
            pop_the_rest(&mut consumer, batch == "batch", pause.parse().unwrap());
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

/// Sleeps now and then, for up to this many microseconds.
fn rest(random: &mut Random, most: u64) {
    if most > 0 && random.below(3) > 0 {
        std::thread::sleep(Duration::from_micros(random.below(most)));
    }
}

fn push_the_rest(producer: &mut Producer<Item>, batch: bool, pause: u64) {
    let mut random = Random::new(u64::from(std::process::id()));
    while producer.pushed() < TOTAL {
        let next = producer.pushed();
        if batch {
            let items: Vec<Item> = (next..TOTAL.min(next + BATCH as u64)).map(payload).collect();
            producer.push_slice(&items).unwrap();
        } else {
            producer.push(payload(next)).unwrap();
        }
        rest(&mut random, pause);
    }
}

fn pop_the_rest(consumer: &mut Consumer<Item>, batch: bool, pause: u64) {
    let mut random = Random::new(u64::from(std::process::id()));
    while consumer.popped() < TOTAL {
        let first = consumer.popped();
        let mut items = [[0; 41]; BATCH];
        let count = match if batch { consumer.try_pop_slice(&mut items) } else { Err(PopError::Empty) } {
            Ok(count) => count,
            Err(PopError::Empty) => match consumer.pop() {
                Ok(item) => {
                    items[0] = item;
                    1
                }
                Err(PopError::PeerGone(PeerExit::Detached)) => 0,
                Err(other) => panic!("{other}"),
            },
            Err(PopError::PeerGone(PeerExit::Detached)) => 0,
            Err(other) => panic!("{other}"),
        };
        for (item, number) in items[..count].iter().zip(first..) {
            check(item, number);
            say(&format!("got {number}"));
        }
        rest(&mut random, pause);
    }
    say("all of it");
}

/// One case: where the victims die, and how both ends work meanwhile.
#[derive(Clone, Copy, Debug)]
struct Case {
    site: Site,
    /// The number of times that a victim passes the site before it dies there.
    after: u64,
    capacity: u64,
    /// How the surviving end waits.
    survivor: &'static str,
    /// How the victims wait.
    victim: &'static str,
    batch: bool,
    /// The longest pause between two operations, in microseconds: of the survivor, of the victims.
    pauses: (u64, u64),
}

/// The cases of one role. Where the site is one of waiting or waking, the end that has to wait is the faster
/// one.
fn cases(payload_sites: [Site; 2]) -> Vec<Case> {
    let mut cases = Vec::new();
    for capacity in [1, 4, 64] {
        for after in [0, 1, 7] {
            let batch = after == 7;
            let case = Case {
                site: Site::WakeClaimed,
                after: after.min(1),
                capacity,
                survivor: "asleep",
                victim: "asleep",
                batch,
                pauses: (0, 300),
            };
            // The victim wakes the survivor, which waits for it throughout.
            cases.push(case);
            // The victim waits for the survivor, which is slow.
            for survivor in ["busy", "asleep"] {
                cases.push(Case {
                    site: Site::WaitingSet,
                    after: after.min(4),
                    survivor,
                    pauses: (400, 0),
                    ..case
                });
            }
            for site in payload_sites {
                let victim = if batch { "busy" } else { "asleep" };
                for survivor in ["busy", "asleep"] {
                    cases.push(Case { site, after: after * 3, survivor, victim, ..case });
                }
            }
        }
    }
    cases
}

impl Case {
    fn start(&self, role: &str, domain: &str, armed: bool) -> Role {
        let site = if armed { self.site as u32 } else { 0 };
        let words = [site.to_string(), self.after.to_string(), self.pauses.1.to_string()];
        let batch = if self.batch { "batch" } else { "single" };
        Role::start(role, &[domain, self.victim, &words[0], &words[1], batch, &words[2]])
    }

    /// How many messages a consumer that died takes with it, at least and at most.
    fn taken_by_a_dead_consumer(&self) -> std::ops::RangeInclusive<u64> {
        match self.site {
            Site::SpscPayloadRead | Site::WaitingSet => 0..=0,
            // Dead after the position was stored, before the caller had the message; or before the wake that
            // follows a position, or a check of an empty ring.
            Site::SpscConsumed if self.batch => 1..=BATCH as u64,
            Site::SpscConsumed => 1..=1,
            _ if self.batch => 0..=BATCH as u64,
            _ => 0..=1,
        }
    }
}

fn producers_die(case: Case) {
    private_namespace();
    let domain = unique("crash-producer");
    let mut consumer = builder(&domain, case.survivor).capacity(case.capacity).create_receiver().unwrap();
    let mut victim = case.start("push", &domain, true);
    let mut random = Random::new(case.after);
    let mut deaths = 0;
    let mut expected = 0;
    loop {
        match consumer.pop() {
            Ok(item) => {
                check(&item, expected);
                expected += 1;
                rest(&mut random, case.pauses.0);
            }
            Err(PopError::PeerGone(PeerExit::Died { pid })) => {
                assert_eq!(pid, victim.pid(), "{case:?}");
                assert!(deaths < VICTIMS, "{case:?}: the last one was not to die");
                victim.wait_killed();
                deaths += 1;
                victim = case.start("push", &domain, deaths < VICTIMS);
                // Until it has joined, the dead one is reported again, at once.
                while consumer.peer().unwrap() != (PeerState::Alive { pid: victim.pid() }) {
                    match consumer.pop() {
                        Ok(item) => {
                            check(&item, expected);
                            expected += 1;
                        }
                        // It may join, work and die in this moment.
                        Err(PopError::PeerGone(_)) if victim.has_ended() => break,
                        Err(PopError::PeerGone(_)) => std::thread::sleep(Duration::from_micros(200)),
                        Err(PopError::Closed) => break,
                        Err(other) => panic!("{case:?}: {other}"),
                    }
                }
            }
            Err(PopError::Closed) => break,
            Err(other) => panic!("{case:?}: {other}"),
        }
    }
    assert_eq!(expected, TOTAL, "{case:?}");
    assert_eq!(deaths, VICTIMS, "{case:?}: the site was not reached");
    victim.finish();
}

fn consumers_die(case: Case) {
    private_namespace();
    let domain = unique("crash-consumer");
    let mut producer = builder(&domain, case.survivor).capacity(case.capacity).create_sender().unwrap();
    let pushing = std::thread::spawn(move || {
        let mut random = Random::new(case.after);
        for number in 0..TOTAL {
            let mut item = payload(number);
            loop {
                match producer.push(item) {
                    Ok(()) => break,
                    Err(PushError::PeerGone(back, PeerExit::Died { .. })) => {
                        item = back;
                        std::thread::sleep(Duration::from_micros(200));
                    }
                    Err(other) => panic!("{case:?}: {other}"),
                }
            }
            rest(&mut random, case.pauses.0);
        }
        producer // Lives on: a channel without any end is gone with what is in it.
    });
    let mut expected = 0;
    for life in 0..=VICTIMS {
        let mut victim = case.start("pop", &domain, life < VICTIMS);
        let from: u64 = victim.hear().strip_prefix("from ").unwrap().parse().unwrap();
        let taken = from - expected;
        if life == 0 {
            assert_eq!(from, 0);
        } else {
            assert!(case.taken_by_a_dead_consumer().contains(&taken), "{case:?}: {taken} went with the dead");
        }
        expected = from;
        let mut all = false;
        while let Some(said) = victim.hear_or_end() {
            all = said == "all of it";
            if !all {
                assert_eq!(said, format!("got {expected}"), "{case:?}");
                expected += 1;
            }
        }
        if life < VICTIMS {
            assert!(!all, "{case:?}: the site was not reached");
            victim.wait_killed();
        } else {
            assert!(all, "{case:?}");
            victim.finish();
        }
    }
    assert_eq!(expected, TOTAL, "{case:?}");
    drop(pushing.join().unwrap());
}

/// Runs the cases of one capacity, so that the capacities run side by side.
fn run(cases: Vec<Case>, capacity: u64, one: fn(Case)) {
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.capacity == capacity).collect();
    assert_eq!(cases.len(), 21);
    cases.into_iter().for_each(one);
}

fn producer_cases() -> Vec<Case> {
    cases([Site::SpscPayloadWritten, Site::SpscPublished])
}

fn consumer_cases() -> Vec<Case> {
    cases([Site::SpscPayloadRead, Site::SpscConsumed])
}

#[test]
fn producers_die_everywhere_at_capacity_1() {
    run(producer_cases(), 1, producers_die);
}

#[test]
fn producers_die_everywhere_at_capacity_4() {
    run(producer_cases(), 4, producers_die);
}

#[test]
fn producers_die_everywhere_at_capacity_64() {
    run(producer_cases(), 64, producers_die);
}

#[test]
fn consumers_die_everywhere_at_capacity_1() {
    run(consumer_cases(), 1, consumers_die);
}

#[test]
fn consumers_die_everywhere_at_capacity_4() {
    run(consumer_cases(), 4, consumers_die);
}

#[test]
fn consumers_die_everywhere_at_capacity_64() {
    run(consumer_cases(), 64, consumers_die);
}

/// Both ends die at once, an observer keeps the memory: two successors find everything as it was.
#[test]
fn both_die_and_two_successors_go_on() {
    private_namespace();
    let domain = unique("crash-both");
    let case = Case {
        site: Site::SpscPublished,
        after: 6,
        capacity: 8,
        survivor: "asleep",
        victim: "asleep",
        batch: false,
        pauses: (0, 0),
    };
    let membership = Domain::open(&domain).unwrap();
    builder(&domain, "busy").capacity(8).create_sender().unwrap().detach();
    // The channel is gone with its only end: no process had it attached any more.
    let gone = Observer::open_in(&membership, "channel");
    assert!(matches!(gone.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::NotFound)), "{gone:?}");

    let mut first = builder(&domain, "busy").capacity(8).create_sender().unwrap();
    let observer = Observer::open_in(&membership, "channel").unwrap();
    for number in 0..3 {
        first.push(payload(number)).unwrap();
    }
    let mut consumer = Case { site: Site::SpscPayloadRead, after: 5, ..case }.start("pop", &domain, true);
    assert_eq!(consumer.hear(), "from 0");
    for number in 0..3 {
        assert_eq!(consumer.hear(), format!("got {number}"));
    }
    first.detach();
    let mut producer = case.start("push", &domain, true);
    while let Some(said) = consumer.hear_or_end() {
        assert!(said.starts_with("got "), "{said}");
    }
    consumer.wait_killed();
    producer.wait_killed();
    let counters = observer.counters();
    // It died with its seventh message published: an observer sees it in the slot.
    assert_eq!((counters.pushed, counters.popped), (10, 5));
    assert!(matches!(observer.producer().unwrap(), PeerState::Gone(PeerExit::Died { .. })));
    assert!(matches!(observer.consumer().unwrap(), PeerState::Gone(PeerExit::Died { .. })));
    let mut consumer = builder(&domain, "asleep").open_receiver().unwrap();
    let mut producer = builder(&domain, "asleep").open_sender().unwrap();
    assert_eq!((producer.pushed(), consumer.popped()), (10, 5));
    let held = producer.pushed();
    for number in 5..held {
        check(&consumer.pop().unwrap(), number);
    }
    producer.push(payload(held)).unwrap();
    check(&consumer.pop().unwrap(), held);
}
