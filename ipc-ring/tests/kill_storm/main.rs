//! A storm: producers and consumers of a channel are killed with SIGKILL at random moments and started anew, while messages
//! flow. In the end the books must balance: what was pushed was popped once, or died in the hands of its reader.
//!
//! Some seconds a ring in the everyday run; `STORM_SECONDS` for longer, with `TEST_WATCHDOG`; `STORM_SEED` for the same
//! moments again, as far as time allows.

#[path = "../bytes_common/mod.rs"]
mod bytes_common;
#[path = "../common/mod.rs"]
mod common;
#[path = "../spsc_common/mod.rs"]
mod spsc_common;

mod books;
mod diary;
mod rings;

use std::time::{Duration, Instant};

use books::{Books, message};
use common::{Role, kernel_objects, private_namespace, role, unique};
use diary::Diary;
use ipc_ring::{Domain, Lifetime, WaitStrategy};
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
        ref other => panic!("no such role: {other:?}"),
    }
}

fn live<R: Ring>(role: &[&str]) {
    let [side, domain, life, diary, lifetime] = role else { panic!("no such role: {role:?}") };
    let (domain, diary) = (Domain::open(domain).unwrap(), Diary::open(diary));
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

    /// Kills it if it lives, and closes its account.
    fn end(mut self, books: &mut Books) {
        self.process.kill_or_finish();
        if self.pushes {
            books.producer(self.number, &self.diary);
        } else {
            books.consumer(&self.diary);
        }
    }
}

fn storm<R: Ring>(ring: &str, producers: usize, consumers: usize) {
    private_namespace();
    let before = kernel_objects();
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = setting("STORM_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("{ring}: STORM_SEED={seed}");
    let mut random = Random::new(seed);
    let domain = unique("storm");
    let home = Domain::open(&domain).unwrap();
    let mut books = Books::default();
    let mut lives: Vec<Life> = Vec::new();
    let (mut number, mut deaths) = (0, 0);
    let end = Instant::now() + Duration::from_secs(setting("STORM_SECONDS").unwrap_or(4));
    while Instant::now() < end {
        for (pushes, wanted) in [(true, producers), (false, consumers)] {
            while lives.iter().filter(|life| life.pushes == pushes).count() < wanted {
                number += 1;
                lives.push(Life::start(ring, &domain, number, pushes, "persistent"));
            }
        }
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
        lives.swap_remove(random.below(lives.len() as u64) as usize).end(&mut books);
        deaths += 1;
    }
    for life in lives {
        life.end(&mut books);
        deaths += 1;
    }
    // Everybody is dead; a successor finds the rest.
    let mut consumer = R::consumer(&home, (WaitStrategy::Sleep, Lifetime::Persistent));
    while let Some(messages) = R::pop(&mut consumer, 1) {
        messages.into_iter().for_each(|message| books.popped(message));
    }
    books.judge(ring, deaths);
    drop(consumer);
    assert!(home.remove_channel(NAME).unwrap());
    drop(home);
    assert_eq!(kernel_objects(), before, "nothing is left");
}

#[test]
fn mpmc_storm() {
    storm::<Mpmc>("mpmc", 3, 3);
}

#[test]
fn spsc_storm() {
    storm::<Spsc>("spsc", 1, 1);
}

#[test]
fn bytes_storm() {
    storm::<Bytes>("bytes", 1, 1);
}
