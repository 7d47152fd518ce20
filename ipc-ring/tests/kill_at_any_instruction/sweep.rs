//! The sweep: which operations, at which points, how often.
//!
//! It kills at one random instruction in each [place](crate::course) of one operation after the other, and
//! then at random instructions until the time is up. In operations that this does not reach it kills once at
//! a random instruction. And it kills before each system call of each operation, where nothing may be lost
//! that was not handed over. When asked to, it kills at every single instruction of all operations that
//! are short enough.

use std::time::{Duration, Instant};

use crate::common::{kernel_objects, say, unique};
use crate::course::{Course, Spot};
use crate::stepping::{Step, Victim};

/// Where a trial happens.
#[derive(Clone, Debug)]
pub struct Place {
    /// The name of a domain that only this trial uses.
    pub domain: String,
}

/// One operation during which a process is killed.
pub struct Case {
    /// What it is.
    pub name: String,
    /// Whether the victim sleeps in it.
    pub sleeps: bool,
    /// Whether it has hundreds of thousands of instructions: opening and closing.
    pub is_long: bool,
    /// What is there before the victim.
    pub prepare: Prepare,
    /// The victim's life. It calls the function once before the operation and once after it.
    pub live: Live,
}

pub type Prepare = Box<dyn Fn(&Place) -> Box<dyn Survivor>>;
pub type Live = Box<dyn Fn(&Place, &dyn Fn())>;

/// The survivor, which judges.
pub trait Survivor {
    /// The victim has been started, and is on its way to its operation.
    fn born(&mut self) {}
    /// The victim waits in its operation: do what it waits for. May be called too often.
    fn rouse(&mut self) {}
    /// The victim is dead.
    fn judge(self: Box<Self>, killed: Killed);
}

/// Where a victim was when it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// Before a system call of its operation, or in one: what has not been handed over must be there for
    /// others.
    AtCall,
    /// At another place in its operation.
    Within,
    /// It had completed the operation.
    Over,
}

impl Killed {
    pub fn over(self) -> bool {
        self == Self::Over
    }
}

/// After this number of system calls, plus this number of instructions.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub calls: usize,
    pub steps: usize,
    /// Inside the next system call, asleep.
    pub asleep: bool,
    /// Before the next system call, wherever it is.
    pub at_call: bool,
}

impl Point {
    pub fn new(calls: usize, steps: usize) -> Self {
        Self { calls, steps, asleep: false, at_call: false }
    }
}

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub seed: u64,
    /// Time for one ring.
    pub time: Duration,
    /// Every instruction of operations of at most this number of instructions; if not 0, all places of the
    /// others too.
    pub every_up_to: usize,
}

impl Effort {
    /// From the environment: `KILL_SEED`, `KILL_SECONDS` for each ring, `KILL_EVERY`.
    pub fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        Self {
            seed: number("KILL_SEED").unwrap_or(clock % 1_000_000),
            time: Duration::from_secs(number("KILL_SECONDS").unwrap_or(3)),
            every_up_to: number("KILL_EVERY").unwrap_or(0) as usize,
        }
    }
}

/// Kills in all of the cases.
pub fn sweep(ring: &str, cases: &[Case], effort: Effort) {
    say(&format!("{ring}: KILL_SEED={}", effort.seed));
    let mut random = Random(effort.seed);
    let everything = effort.every_up_to > 0;
    let only = std::env::var("KILL_ONLY").unwrap_or_default();
    let mut order: Vec<usize> = (0..cases.len()).filter(|index| cases[*index].name.contains(&only)).collect();
    random.shuffle(&mut order);
    order.sort_by_key(|index| cases[*index].is_long); // Those whose places are determined first.
    let mut at_calls = 0;
    for index in &order {
        if !cases[*index].is_long {
            at_calls += at_each_call(&cases[*index]);
        }
    }
    let began = Instant::now();
    let (mut visited, mut others, mut places, mut kills) = (0, 0, 0, 0);
    let mut courses = Vec::new();
    for index in order {
        let case = &cases[index];
        if !everything && (case.is_long || began.elapsed() > effort.time) {
            // Once at least, whatever the time.
            kills += blindly(case, &mut random, began + effort.time);
            others += 1;
            continue;
        }
        let course = Course::of(case);
        say(&format!("{ring}, {}: {course}", case.name));
        visited += 1;
        places += course.places.len();
        let every = course.instructions() <= effort.every_up_to;
        for place in &course.places {
            let points = if every { place.first.steps..place.end } else { random.within(place) };
            for steps in points {
                trial(case, &course, Point { steps, ..place.first });
                kills += 1;
            }
        }
        courses.push((case, course));
    }
    while began.elapsed() < effort.time && !courses.is_empty() {
        let (case, course) = &courses[random.below(courses.len())];
        let place = &course.places[random.below(course.places.len())];
        for steps in random.within(place) {
            trial(case, course, Point { steps, ..place.first });
            kills += 1;
        }
    }
    assert!(kills > 0 && kills >= places, "all places that were found were tried");
    say(&format!(
        "{ring}: killed {at_calls} times before system calls, {kills} times elsewhere, among them in all {places} places of \
         {visited} operations and at random ones of {others} others, in {:.1?}",
        began.elapsed()
    ));
}

/// Kills before each system call of an operation; gives how often.
fn at_each_call(case: &Case) -> usize {
    let course = Course::default();
    for calls in 0.. {
        if trial(case, &course, Point { at_call: true, ..Point::new(calls, 0) }) == Killed::Over {
            return calls;
        }
    }
    unreachable!("an operation ends")
}

/// Trials of a long operation whose places are not determined.
const BLIND: usize = 12;

/// Kills somewhere after random system calls of an operation that is too long to be traced in the everyday
/// run, or for which there is no time; returns how often, once at least.
fn blindly(case: &Case, random: &mut Random, until: Instant) -> usize {
    let course = Course::default();
    let mut trial_run = Trial::start(case);
    let mut calls = 0;
    loop {
        let step = trial_run.victim.call(case.sleeps);
        if trial_run.after_call(step) == Step::Over {
            break;
        }
        calls += 1;
    }
    trial_run.victim.kill();
    trial_run.survivor.judge(Killed::Over);
    let mut kills = 0;
    while kills == 0 || kills < BLIND && Instant::now() < until {
        // Mostly near the call: its results are used there.
        let scale = random.below(14);
        let steps = random.below(1 << scale);
        trial(case, &course, Point::new(random.below(calls + 1), steps));
        kills += 1;
    }
    kills
}

/// Kills once; gives where.
fn trial(case: &Case, course: &Course, point: Point) -> Killed {
    let before = kernel_objects();
    let on_failure = Tell(&case.name, point);
    let mut trial = Trial::start(case);
    let killed = if trial.advance(course, Point::new(0, 0), point) {
        Killed::Over
    } else if point.asleep || point.at_call || trial.victim.is_at_call() {
        Killed::AtCall
    } else {
        Killed::Within
    };
    trial.victim.kill();
    trial.survivor.judge(killed);
    assert_eq!(kernel_objects(), before, "nothing is left");
    std::mem::forget(on_failure);
    killed
}

/// A victim under way, and its survivors.
pub struct Trial<'a> {
    pub case: &'a Case,
    pub victim: Victim,
    pub survivor: Box<dyn Survivor>,
    /// System calls that might have slept, since the last wake-up.
    awake: u32,
}

/// A victim is so slow that its deadline may have passed when it gets to sleep. So the survivor does what the
/// victim waits for after this number of system calls, asleep or not.
const PATIENCE: u32 = 8;

impl<'a> Trial<'a> {
    /// The victim is stopped before its operation.
    pub fn start(case: &'a Case) -> Self {
        let place = Place { domain: unique("kill") };
        if std::env::var_os("KILL_TELL").is_some() {
            eprintln!("{}: {}", place.domain, case.name);
        }
        crate::hand::empty();
        let mut survivor = (case.prepare)(&place);
        let victim = Victim::start(|mark| (case.live)(&place, mark), || survivor.born());
        Self { case, victim, survivor, awake: 0 }
    }

    /// Brings the victim from one point to a later one; true when its operation was over before.
    pub fn advance(&mut self, course: &Course, from: Point, to: Point) -> bool {
        let mut steps = from.steps;
        for _ in from.calls..to.calls {
            let step = self.victim.call(self.case.sleeps);
            if self.after_call(step) == Step::Over {
                return true;
            }
            steps = 0;
        }
        if to.at_call {
            return self.victim.run_to_call() == Step::Over;
        }
        if to.asleep {
            return match self.victim.call(true) {
                Step::Asleep => false, // To be killed there.
                step => step == Step::Over,
            };
        }
        // A process that sleeps does not take the same path each time.
        if !self.case.sleeps
            && let Some((address, times, target)) = course.shortcut(to.calls, steps, to.steps)
        {
            if self.victim.run_to(address, times) == Step::Over {
                return true;
            }
            steps = target;
        }
        (steps..to.steps).any(|_| self.step() == Step::Over)
    }

    /// One instruction.
    pub fn step(&mut self) -> Step {
        if self.case.sleeps && self.victim.is_at_call() {
            let step = self.victim.step(true);
            self.after_call(step)
        } else {
            self.victim.step(false)
        }
    }

    /// Does what the victim waits for, if it does.
    pub fn after_call(&mut self, step: Step) -> Step {
        self.awake += 1;
        if self.case.sleeps && (step == Step::Asleep || self.awake >= PATIENCE) {
            self.awake = 0;
            self.survivor.rouse();
        }
        if step == Step::Asleep { self.victim.go_on() } else { step }
    }
}

/// Reports where it was when something fails.
struct Tell<'a>(&'a str, Point);

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        eprintln!("while killing in: {}, at {:?}", self.0, self.1);
    }
}

/// Small, fast, the same on every machine (splitmix64; Steele, Lea, Flood, 2014).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// One of a place's instructions.
    fn within(&mut self, place: &Spot) -> std::ops::Range<usize> {
        let steps = place.first.steps + self.below(place.end - place.first.steps);
        steps..steps + 1
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}
