//! A storm over every kind of channel, with all ends sleeping: they are killed with SIGKILL, and stopped with
//! SIGSTOP for a while, at random moments, and the killed ones are restarted. In the end the books balance,
//! and no sleep was ended by the periodic check although a wake-up was owed.
//!
//! Some seconds a kind in the everyday run; `STORM_SECONDS` for longer, with `TEST_WATCHDOG`; `STORM_SEED`
//! for the same moments again, as far as time allows.

#[allow(dead_code, reason = "this file uses a part")]
#[path = "kill_storm/books.rs"]
mod books;
mod common;
#[path = "kill_storm/diary.rs"]
mod diary;
mod kinds;
mod spsc_common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use books::{Accounts as _, Books, life_and_rank, message};
use common::{Role, private_namespace, role, unique};
use diary::Diary;
use ipc_ring::wait::late;
use ipc_ring::{Domain, Lifetime, WaitStrategy};
use kinds::promise::{self, Promise};
use kinds::{How, Kind, Told};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use spsc_common::Random;

fn how(domain: &Domain) -> How<'_> {
    How { lifetime: Some(Lifetime::Persistent), ..How::new(domain, WaitStrategy::Sleep) }
}

/// Microseconds of the clock that all processes of the storm share.
fn now() -> u64 {
    u64::try_from(Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap()).as_micros()).unwrap()
}

/// When this process's last late sleep was.
static LATE_AT: AtomicU64 = AtomicU64::new(0);

/// How long an end waits in one call.
const PATIENCE: Duration = Duration::from_secs(5);

/// The children's half.
#[test]
fn plays_a_role() {
    // Counted, and judged when the storm is over.
    late::report_to(|place| {
        LATE_AT.store(now(), Ordering::SeqCst);
        eprintln!("{}: a sleep at {place} ended by the periodic look, and a wake-up was owed", now());
    });
    let Some(role) = role() else { return };
    let [side, kind, domain, life, diary] = &role[..] else { panic!("no such role: {role:?}") };
    let (kind, domain, diary) = (kinds::kind(kind), Domain::open(domain).unwrap(), Diary::open(diary));
    let _kept = promise::keeper(kind, &domain);
    let life: u64 = life.parse().unwrap();
    let mut random = Random::new(life);
    if side == "give" {
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        while !diary.is_full() {
            diary.begin(1);
            match giver.give(message(life, diary.done()), PATIENCE) {
                Told::Yes => diary.pushed(1),
                Told::Gone => std::thread::sleep(Duration::from_micros(500)),
                Told::TimedOut => {}
                other => panic!("{other:?}"),
            }
            diary.note_late(late::count(), LATE_AT.load(Ordering::SeqCst));
            pause(&mut random);
        }
        // Releasing the end would end the channel.
        std::thread::sleep(Duration::from_secs(3600));
    }
    let mut taker = (kind.taker)(how(&domain)).unwrap();
    while !diary.is_full() {
        diary.begin(1);
        match taker.take(PATIENCE) {
            Told::Number(number) => diary.popped(number),
            Told::Gone => std::thread::sleep(Duration::from_micros(500)),
            Told::TimedOut => {}
            other => panic!("{other:?}"),
        }
        diary.note_late(late::count(), LATE_AT.load(Ordering::SeqCst));
        pause(&mut random);
    }
    std::thread::sleep(Duration::from_secs(3600));
}

/// So that the channel alternates between empty and full.
fn pause(random: &mut Random) {
    match random.below(100) {
        0..40 => {}
        40..99 => random.pause(),
        _ => std::thread::sleep(Duration::from_micros(random.below(3000))),
    }
}

/// A living process and what it writes.
struct Life {
    process: Role,
    diary: Diary,
    number: u64,
    gives: bool,
    /// It is stopped until then.
    stopped: Option<Instant>,
}

impl Life {
    fn start(kind: Kind, domain: &str, number: u64, gives: bool) -> Self {
        let (diary, place) = Diary::new();
        let side = if gives { "give" } else { "take" };
        let process = Role::start(side, &[kind.name, domain, &number.to_string(), &place]);
        Self { process, diary, number, gives, stopped: None }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.pid().cast_signed()), signal).unwrap();
    }
}

/// The accounts of one kind.
#[derive(Default)]
struct Accounts {
    books: Books,
    /// Of each giving life: numbers surely given, and perhaps given.
    given: BTreeMap<u64, (u64, u64)>,
    /// What each taker has taken.
    taken: Vec<Vec<u64>>,
    late: u64,
    /// What happened to which life, and when.
    events: Vec<(u64, String)>,
    kills: u64,
    stops: u64,
}

impl Accounts {
    fn close(&mut self, mut life: Life) -> u64 {
        self.note(&life, "is killed");
        life.process.kill_or_finish();
        self.note(&life, "is dead");
        self.kills += 1;
        let (late, at) = life.diary.late();
        self.late += late;
        if late > 0 {
            self.tell_events_around(at, &life);
        }
        let (done, in_doubt) = (life.diary.done(), life.diary.in_doubt());
        if life.gives {
            self.books.producer(life.number, &life.diary);
            self.given.insert(life.number, (done, done + in_doubt));
        } else {
            self.books.consumer(&life.diary);
            self.taken.push(life.diary.list());
        }
        done
    }

    fn note(&mut self, life: &Life, what: &str) {
        let side = if life.gives { "giver" } else { "taker" };
        self.events.push((now(), format!("{side} {} (process {}) {what}", life.number, life.process.pid())));
    }

    /// A notifier that is not on its way for so long owes nothing.
    fn tell_events_around(&self, at: u64, life: &Life) {
        eprintln!("late in life {} at {at}; before:", life.number);
        let near =
            self.events.iter().filter(|(time, _)| (at.saturating_sub(700_000)..at + 100_000).contains(time));
        near.for_each(|(time, what)| eprintln!("  {time}: {what}"));
    }

    fn numbers(&self) -> u64 {
        self.taken.iter().map(|list| list.len() as u64).sum()
    }

    fn judge(&self, kind: Kind, promise: Promise) {
        let Self { kills, stops, late, .. } = self;
        let numbers = self.numbers();
        eprintln!("{}: {kills} kills, {stops} stops, {numbers} numbers taken, {late} late sleeps", kind.name);
        for number in self.taken.iter().flatten() {
            let (life, rank) = life_and_rank(*number);
            let perhaps = self.given.get(&life).map_or(0, |(_, perhaps)| *perhaps);
            assert!(rank < perhaps, "{}: number {rank} of life {life} was never given", kind.name);
        }
        match promise {
            Promise::Once => self.books.judge(kind.name, *kills),
            Promise::ToAll => self.taken.iter().for_each(|list| self.has_all(kind, list)),
            Promise::Newest => self.taken.iter().for_each(|list| assert!(list.is_sorted_by(|a, b| a < b))),
            Promise::Answered => {}
        }
        assert_eq!(*late, 0, "{}: sleeps ended by the periodic look though a wake-up was owed", kind.name);
        assert!(*kills > 5 && *stops > 5 && numbers > 100, "{}: something happened", kind.name);
    }

    /// From the first on, all that was given, in order.
    fn has_all(&self, kind: Kind, list: &[u64]) {
        for pair in list.windows(2) {
            let [(life, rank), (next_life, next_rank)] = [life_and_rank(pair[0]), life_and_rank(pair[1])];
            if life == next_life {
                assert_eq!(next_rank, rank + 1, "{}: in life {life}", kind.name);
                continue;
            }
            assert!(life < next_life && next_rank == 0, "{}: {next_rank} of {next_life}", kind.name);
            let surely = self.given[&life].0;
            assert!(rank + 1 >= surely, "{}: {rank} is the last of life {life}, of {surely}", kind.name);
            let between = self.given.range(life + 1..next_life).map(|(_, (surely, _))| surely).sum::<u64>();
            assert_eq!(between, 0, "{}: between the lives {life} and {next_life}", kind.name);
        }
    }
}

/// Longest time between two blows, as long as the victims have done some work.
const CALM: u64 = 30_000;
/// Longest time that a process is stopped, in microseconds. A sleeper that it was about to wake waits that
/// long.
const STOP: u64 = 20_000;

fn storm(name: &str) {
    private_namespace();
    let kind = kinds::kind(name);
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = setting("STORM_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("{name}: STORM_SEED={seed}");
    let mut random = Random::new(seed);
    let home = Domain::open(&unique("storm")).unwrap();
    let (promise, kept) = (promise::of(kind), promise::keeper(kind, &home));
    let mut accounts = Accounts::default();
    let mut lives: Vec<Life> = Vec::new();
    let (mut number, mut in_vain) = (0, 0);
    let many = |many: bool| if many { 3 } else { 1 };
    let end = Instant::now() + Duration::from_secs(setting("STORM_SECONDS").unwrap_or(3));
    while Instant::now() < end || accounts.kills <= 5 || accounts.stops <= 5 || accounts.numbers() <= 100 {
        for (gives, wanted) in [(true, many(kind.many_givers)), (false, many(kind.many_takers))] {
            while lives.iter().filter(|life| life.gives == gives).count() < wanted {
                number += 1;
                let life = Life::start(kind, home.name(), number, gives);
                accounts.note(&life, "is started");
                lives.push(life);
            }
        }
        // On a slow machine a process takes long to start.
        let mut calm = Duration::from_micros(random.below(CALM * (1 + in_vain)));
        while !calm.is_zero() {
            let nap = calm.min(Duration::from_millis(2));
            std::thread::sleep(nap);
            calm -= nap;
            for life in &mut lives {
                if life.stopped.take_if(|until| *until <= Instant::now()).is_some() {
                    life.signal(Signal::SIGCONT);
                    accounts.note(life, "goes on");
                }
            }
        }
        let hit = random.below(lives.len() as u64) as usize;
        if random.below(3) == 0 {
            let life = &mut lives[hit];
            life.signal(Signal::SIGSTOP);
            accounts.note(life, "is stopped");
            life.stopped = Some(Instant::now() + Duration::from_micros(random.below(STOP)));
            accounts.stops += 1;
        } else {
            let done = accounts.close(lives.swap_remove(hit));
            in_vain = if done > 0 { 0 } else { (in_vain + 1).min(50) };
        }
    }
    for life in lives {
        accounts.close(life);
    }
    if promise == Promise::Once {
        // All are dead; a successor finds the rest.
        let mut taker = (kind.taker)(how(&home)).unwrap();
        while let Told::Number(number) = taker.take(Duration::from_millis(500)) {
            accounts.books.popped(number);
        }
    }
    accounts.judge(kind, promise);
    drop(kept);
    for name in [name, "handles", "lender handles", "broadcast", "latest"] {
        let _ = home.remove_channel(name);
    }
}

macro_rules! storms {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            storm(stringify!($name));
        })*

        #[test]
        fn every_kind_has_its_storm() {
            let all: Vec<&str> = kinds::every().chain([kinds::LENDER]).map(|kind| kind.name).collect();
            assert_eq!(all, [$(stringify!($name)),*]);
        }
    };
}

storms!(spsc bytes mpmc broadcast frames payloads latest pool call table lossy lender);
