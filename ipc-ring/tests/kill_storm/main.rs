//! A storm: producers and consumers of a channel are killed with SIGKILL at random moments and restarted,
//! while messages flow. In the end the books must balance: every pushed message was popped once, or was lost
//! with the reader that held it; every published message was read by each subscriber, or reported to it as
//! missed.
//!
//! Some seconds a ring in the everyday run; `STORM_SECONDS` for longer, with `TEST_WATCHDOG`; `STORM_SEED`
//! for the same moments again, as far as time allows.

#[path = "../bytes_common/mod.rs"]
mod bytes_common;
#[path = "../common/mod.rs"]
mod common;
#[path = "../spsc_common/mod.rs"]
mod spsc_common;

mod books;
mod broadcast;
mod chronicle;
mod diary;
mod patience;
mod pool;
mod rings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use books::{Accounts, Books, message};
use broadcast::{Gated, Lossy};
use chronicle::Chronicle;
use common::{Role, kernel_objects, private_namespace, role, unique};
use diary::Diary;
use ipc_ring::{Domain, Lifetime, WaitStrategy};
use patience::patiently;
use pool::Pool;
use rings::{Bytes, Mpmc, NAME, Ring, Spsc};
use spsc_common::Random;

/// The children's half.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["mpmc", ref rest @ ..] => live::<Mpmc>(rest),
        ["spsc", ref rest @ ..] => live::<Spsc>(rest),
        ["bytes", ref rest @ ..] => live::<Bytes>(rest),
        ["pool", ref rest @ ..] => live::<Pool>(rest),
        ["gated", ref rest @ ..] => live::<Gated>(rest),
        ["lossy", ref rest @ ..] => live::<Lossy>(rest),
        ref other => panic!("no such role: {other:?}"),
    }
}

fn live<R: Ring>(role: &[&str]) {
    let [side, domain, life, diary, lifetime] = role else { panic!("no such role: {role:?}") };
    let (domain, diary) = (patiently(|| Domain::open(domain)), Diary::open(diary));
    let life: u64 = life.parse().unwrap();
    let mut random = Random::new(life);
    let wait = match random.below(4) {
        0 => WaitStrategy::SpinYield,
        1 => WaitStrategy::Sleep,
        _ => WaitStrategy::DEFAULT,
    };
    let how = (wait, if *lifetime == "ephemeral" { Lifetime::Ephemeral } else { Lifetime::Persistent });
    if *side == "push" {
        let mut producer = R::producer(&domain, how);
        while !diary.is_full() {
            let first = message(life, diary.done());
            let count = if random.below(2) == 0 { 1 } else { 1 + random.below(6) };
            diary.begin(count);
            diary.pushed(R::push(&mut producer, first..first + count));
            random.pause();
        }
        R::leave(producer);
    } else {
        let mut consumer = R::consumer(&domain, how);
        while !diary.is_full() {
            let most = if random.below(2) == 0 { 1 } else { 4 };
            diary.begin(most);
            for message in R::pop(&mut consumer, most as usize).unwrap_or_default() {
                diary.popped(message);
            }
            diary.begin(0);
        }
    }
}

/// A living process and what it writes.
struct Life {
    process: Role,
    diary: Diary,
    number: u64,
    pushes: bool,
}

impl Life {
    fn start(ring: &str, domain: &str, number: u64, pushes: bool, lifetime: &str) -> Self {
        let (diary, place) = Diary::new();
        let side = if pushes { "push" } else { "pop" };
        let process = Role::start(ring, &[side, domain, &number.to_string(), &place, lifetime]);
        Self { process, diary, number, pushes }
    }

    /// Kills it if it lives, and closes its account. Gives how much it has done.
    fn end(mut self, accounts: &mut impl Accounts) -> u64 {
        self.process.kill_or_finish();
        if self.pushes {
            accounts.producer(self.number, &self.diary);
        } else {
            accounts.consumer(&self.diary);
        }
        self.diary.done()
    }
}

/// Longest time between two kills, as long as the victims have done some work.
const CALM: u64 = 40_000;

/// Kills and restarts, until the time is over and enough has happened. Gives the number of deaths.
fn storm<A: Accounts>(
    ring: &str,
    domain: &str,
    (producers, consumers): (usize, usize),
    accounts: &mut A,
) -> u64 {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = setting("STORM_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("{ring}: STORM_SEED={seed}");
    let mut random = Random::new(seed);
    let mut lives: Vec<Life> = Vec::new();
    let (mut number, mut deaths, mut in_vain) = (0, 0, 0);
    let end = Instant::now() + Duration::from_secs(setting("STORM_SECONDS").unwrap_or(2));
    while Instant::now() < end || deaths <= 5 || accounts.known() <= 100 {
        for (pushes, wanted) in [(true, producers), (false, consumers)] {
            while lives.iter().filter(|life| life.pushes == pushes).count() < wanted {
                number += 1;
                lives.push(Life::start(ring, domain, number, pushes, "persistent"));
            }
        }
        // On a slow machine a process takes long to start.
        std::thread::sleep(Duration::from_micros(random.below(CALM * (1 + in_vain))));
        let done = lives.swap_remove(random.below(lives.len() as u64) as usize).end(accounts);
        in_vain = if done > 0 { 0 } else { in_vain + 1 };
        deaths += 1;
    }
    for life in lives {
        life.end(accounts);
        deaths += 1;
    }
    deaths
}

/// A storm over a channel that gives each message to one consumer.
fn queue_storm<R: Ring>(ring: &str, many: (usize, usize), home: &Domain) {
    let mut books = Books::default();
    let deaths = storm(ring, home.name(), many, &mut books);
    // All are dead; a successor finds the rest.
    let mut consumer = R::consumer(home, (WaitStrategy::Sleep, Lifetime::Persistent));
    while let Some(messages) = R::pop(&mut consumer, 1) {
        messages.into_iter().for_each(|message| books.popped(message));
    }
    books.judge(ring, deaths);
    drop(consumer);
    assert!(home.remove_channel(NAME).unwrap());
}

/// A storm over a channel that delivers each message to every subscriber.
fn broadcast_storm<R: Ring<Consumer: Send>>(ring: &str, subscribers: usize, may_miss: bool, home: &Domain) {
    let mut witness = R::consumer(home, broadcast::WITNESS);
    let over = AtomicBool::new(false);
    let mut chronicle = Chronicle::default();
    let deaths = std::thread::scope(|scope| {
        let (over, witness) = (&over, &mut witness);
        let reading = scope.spawn(move || {
            let mut list = Vec::new();
            loop {
                // Whatever was published is there to be read when all are dead.
                let is_over = over.load(Ordering::SeqCst);
                match R::pop(witness, 1) {
                    Some(entries) => list.extend(entries),
                    None if is_over => return list,
                    None => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        let deaths = {
            let _over = SetWhenDropped(over);
            storm(ring, home.name(), (1, subscribers), &mut chronicle)
        };
        chronicle.witness(reading.join().unwrap());
        deaths
    });
    chronicle.judge(ring, deaths, may_miss);
}

/// Also when the storm fails.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn in_its_own_world(weather: impl FnOnce(&Domain)) {
    private_namespace();
    let before = kernel_objects();
    let home = Domain::open(&unique("storm")).unwrap();
    weather(&home);
    drop(home);
    assert_eq!(kernel_objects(), before, "nothing is left");
}

#[test]
fn mpmc_storm() {
    in_its_own_world(|home| queue_storm::<Mpmc>("mpmc", (3, 3), home));
}

#[test]
fn spsc_storm() {
    in_its_own_world(|home| queue_storm::<Spsc>("spsc", (1, 1), home));
}

#[test]
fn bytes_storm() {
    in_its_own_world(|home| queue_storm::<Bytes>("bytes", (1, 1), home));
}

#[test]
fn pool_storm() {
    in_its_own_world(|home| {
        let pool = pool::open(home);
        queue_storm::<Pool>("pool", (3, 3), home);
        pool::judge(&pool);
    });
}

#[test]
fn gated_storm() {
    in_its_own_world(|home| broadcast_storm::<Gated>("gated", 3, false, home));
}

#[test]
fn lossy_storm() {
    in_its_own_world(|home| broadcast_storm::<Lossy>("lossy", 3, true, home));
}
