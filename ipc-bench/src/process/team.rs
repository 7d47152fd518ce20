//! One round: fresh processes, started together, watched until all have reported their outcome.
//!
//! A pair has one producer and one consumer, a fan has several of each. A member is one of them; it has a
//! process of its own, except with a mechanism between threads, where one process holds all members.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::books::Total;
use super::child::{Event, Worker};
use super::fds;
use super::protocol::{Failure, Job, Outcome, Plan, Reply, Role, Word};
use crate::mechanism::{Mechanism, Resources};
use crate::topology::Seats;
use crate::workload::Workload;
use ipc_cli_support::interrupt;

/// The results of both sides of a round.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// All producers together.
    pub(crate) producer: Outcome,
    /// All consumers together.
    pub(crate) consumer: Outcome,
    /// What the mechanism can hold, where it is known: slots of a ring, bytes of a kernel buffer.
    pub(crate) capacity: Option<u64>,
    /// Fewest measured messages of a producer, as a part of the most. Only where there are several.
    pub(crate) producer_fairness: Option<f64>,
    /// System calls of all members while they measured, where the plan asks for them.
    pub(crate) calls: Option<u64>,
}

/// How long setting up may take.
const SET_UP: Duration = Duration::from_secs(20);
/// How much longer than planned a round may take. Generous: a spinning pair on one processor is slow, not
/// broken.
const GRACE: Duration = Duration::from_secs(20);
/// How long the surviving side may still report what it saw after the other has ended without an answer.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How often the parent looks for Ctrl-C.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Runs one round of `plan`. Whatever happens, all processes have ended and what the parent made is removed
/// when this returns.
///
/// # Errors
/// The mechanism is not there, one member failed, died or hung, or the user interrupted.
pub(crate) fn run(mechanism: &dyn Mechanism, plan: &Plan, seats: Seats) -> Result<Round, Failure> {
    let resources = mechanism.prepare(plan)?;
    let capacity = resources.capacity;
    let (jobs, books) = jobs(plan, &resources, seats)?;
    let (sender, events) = channel();
    let mut team = Team { jobs, workers: Vec::new(), events, calls: Vec::new() };
    // One process for each, or one for all.
    let together = if mechanism.in_process() { team.jobs.len() } else { 1 };
    for (index, jobs) in team.jobs.chunks(together).enumerate() {
        let role = jobs[0].role;
        let inherited = if role == Role::Producer { &resources.producer } else { &resources.consumer };
        let consumer = jobs[0].books.and_then(|_| books.get(jobs[0].index));
        let books = if together > 1 { &books[..] } else { consumer.map_or(&[][..], std::slice::from_ref) };
        fds::set_inherited(inherited, true)?;
        fds::set_inherited(books, true)?;
        let worker = Worker::spawn(index, label(jobs, plan), jobs, sender.clone());
        fds::set_inherited(inherited, false)?;
        fds::set_inherited(books, false)?;
        team.workers.push(worker?);
    }
    drop(sender);
    // The workers have their own copies now; ours would hide the death of one from the other.
    let Resources { producer: ours, consumer: theirs, keep, .. } = resources;
    drop((ours, theirs));
    let result = team.measure(plan).and_then(|outcomes| Ok((outcomes, team.count_calls(plan)?)));
    // Processes first: what they use is removed only when they are gone.
    drop(team);
    drop(keep);
    let (outcomes, calls) = result?;
    Ok(Round { calls, ..sum(plan, outcomes, books, capacity)? })
}

/// The members, consumers first, and a file for the books of each consumer of a fan.
fn jobs(plan: &Plan, resources: &Resources, seats: Seats) -> Result<(Vec<Job>, Vec<OwnedFd>), Failure> {
    let fan = plan.workload == Workload::Fan;
    let books: Vec<OwnedFd> = (0..if fan { plan.consumers } else { 0 })
        .map(|_| memfd_create(c"books", MFdFlags::MFD_CLOEXEC).map_err(Failure::at("memfd_create")))
        .collect::<Result<_, _>>()?;
    let numbers = fds::numbers(&books);
    // If there are more members than processors, they share the processors in order.
    let several = plan.producers + plan.consumers > 2;
    let members = (0..plan.consumers as usize)
        .map(|index| (Role::Consumer, index))
        .chain((0..plan.producers as usize).map(|index| (Role::Producer, index)));
    let jobs = members.enumerate().map(|(member, (role, index))| {
        let (seat, descriptors) = match role {
            Role::Producer => (seats.producer, &resources.producer),
            Role::Consumer => (seats.consumer, &resources.consumer),
        };
        let cpus = if several { [seats.producer, seats.consumer] } else { [seat, None] };
        Job {
            plan: plan.clone(),
            role,
            member,
            index,
            cpus: cpus.into_iter().flatten().collect(),
            numbers: resources.numbers.clone(),
            descriptors: fds::numbers(descriptors),
            books: if role == Role::Consumer { numbers.get(index).copied() } else { None },
        }
    });
    Ok((jobs.collect(), books))
}

/// The name of a process in messages.
fn label(jobs: &[Job], plan: &Plan) -> String {
    match jobs {
        [job] if plan.producers == 1 && job.role == Role::Producer => "producer".into(),
        [job] if plan.consumers == 1 && job.role == Role::Consumer => "consumer".into(),
        [job] => format!("{} {}", job.role, job.index + 1),
        _ => "process of all threads".into(),
    }
}

/// The outcomes of all members as those of two sides; in a fan, with the totals of the books.
fn sum(
    plan: &Plan,
    outcomes: Vec<(Role, Outcome)>,
    books: Vec<OwnedFd>,
    capacity: Option<u64>,
) -> Result<Round, Failure> {
    let sides = outcomes.into_iter().partition::<Vec<_>, _>(|(role, _)| *role == Role::Producer);
    let (producers, consumers) = sides;
    let counts = producers.iter().map(|(_, outcome)| outcome.count);
    let producer_fairness = counts
        .clone()
        .min()
        .zip(counts.max())
        .filter(|(_, most)| plan.producers > 1 && *most > 0)
        .map(|(fewest, most)| fewest as f64 / most as f64);
    let mut total = Total::new(plan.producers as usize);
    let any = !books.is_empty();
    for file in books {
        total.add(File::from(file))?;
    }
    let lost: u64 =
        producers.iter().enumerate().map(|(index, (_, outcome))| total.lost(index, outcome.sent)).sum();
    let side = |members: Vec<(Role, Outcome)>| {
        let mut members = members.into_iter().map(|(_, outcome)| outcome);
        let first = members.next().ok_or_else(|| Failure::Failed("a side has no members".into()))?;
        Ok::<_, Failure>(members.fold(first, Outcome::and))
    };
    let (producer, mut consumer) = (side(producers)?, side(consumers)?);
    if any {
        consumer.lost += lost;
        consumer.duplicated += total.duplicated;
    }
    Ok(Round { producer, consumer, capacity, producer_fairness, calls: None })
}

struct Team {
    jobs: Vec<Job>,
    workers: Vec<Worker>,
    events: Receiver<Event>,
    /// The reports of the members that count system calls.
    calls: Vec<Result<Option<u64>, String>>,
}

impl Team {
    fn measure(&mut self, plan: &Plan) -> Result<Vec<(Role, Outcome)>, Failure> {
        let deadline = Instant::now() + SET_UP;
        for _ in 0..self.jobs.len() {
            match self.next(deadline, "set up")? {
                (_, Reply::Ready) => {}
                (member, reply) => return Err(self.unexpected(member, reply)),
            }
        }
        let start = plan.clock.now() + plan.clock.to_ticks(5_000_000);
        for member in 0..self.jobs.len() {
            self.tell(member, &Word::Go { start })?;
        }
        let planned = Duration::from_nanos(plan.warm_up_ns + plan.measure_ns);
        let deadline = Instant::now() + planned * 8 + GRACE;
        let mut outcomes: Vec<_> = self.jobs.iter().map(|job| (job.role, None)).collect();
        let mut sent = 0;
        while outcomes.iter().any(|(_, outcome)| outcome.is_none()) {
            match self.next(deadline, "finish")? {
                (_, Reply::Sent) => {
                    sent += 1;
                    if sent == plan.producers {
                        self.tell_the_last()?;
                    }
                }
                (member, Reply::Outcome(outcome)) => outcomes[member].1 = Some(outcome),
                (member, reply) => return Err(self.unexpected(member, reply)),
            }
        }
        let told = outcomes.into_iter().map(|(role, outcome)| outcome.map(|outcome| (role, outcome)));
        told.collect::<Option<_>>().ok_or_else(|| Failure::Failed("a member told no outcome".into()))
    }

    /// The system calls of all workers, when the plan asks for them.
    fn count_calls(&mut self, plan: &Plan) -> Result<Option<u64>, Failure> {
        if !plan.count_calls {
            return Ok(None);
        }
        let deadline = Instant::now() + GRACE;
        while self.calls.len() < self.workers.len() {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Counted(calls)) => self.calls.push(calls),
                Ok(_) => {}
                Err(_) => return Err(Failure::Failed("the calls were not told in time".into())),
            }
        }
        let mut sum = 0;
        for calls in self.calls.drain(..) {
            let calls = calls.map_err(Failure::Failed)?;
            sum += calls.ok_or_else(|| Failure::Failed("a worker did not mark what it measured".into()))?;
        }
        Ok(Some(sum))
    }

    /// All producers have sent everything: one of them sends the end marks.
    fn tell_the_last(&mut self) -> Result<(), Failure> {
        let producers = self.jobs.iter().filter(|job| job.role == Role::Producer);
        let words: Vec<_> = producers.map(|job| (job.member, Word::Close { last: job.index == 0 })).collect();
        words.into_iter().try_for_each(|(member, word)| self.tell(member, &word))
    }

    /// The worker that holds a member.
    fn worker_of(&self, member: usize) -> usize {
        if self.workers.len() == 1 { 0 } else { member }
    }

    fn tell(&mut self, member: usize, word: &Word) -> Result<(), Failure> {
        let worker = self.worker_of(member);
        self.workers[worker].tell(&(member, word))
    }

    fn label(&self, member: usize) -> String {
        self.workers[self.worker_of(member)].label().to_owned()
    }

    /// The next line of any member. A worker that ended after its outcomes is not an event.
    fn next(&mut self, deadline: Instant, what: &str) -> Result<(usize, Reply), Failure> {
        loop {
            if interrupt::came() {
                return Err(Failure::Interrupted);
            }
            let now = Instant::now();
            if now >= deadline {
                let who = if self.jobs.len() == 2 { "the pair" } else { "the fan" };
                return Err(Failure::Failed(format!("{who} did not {what} in time and was stopped")));
            }
            match self.events.recv_timeout(LOOK_UP.min(deadline - now)) {
                Ok(Event::Said(member, reply)) if member < self.jobs.len() => return Ok((member, reply)),
                Ok(Event::Said(..)) => return Err(Failure::Failed("a worker spoke for another one".into())),
                Ok(Event::Counted(Err(reason))) => return Err(Failure::Failed(reason)),
                Ok(Event::Counted(calls)) => self.calls.push(calls),
                Ok(Event::Silent(worker)) => {
                    if !self.workers[worker].ended_well() {
                        return Err(self.died(worker));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Failed("all workers ended without an outcome".into()));
                }
            }
        }
    }

    /// The reason when a worker has ended without an answer; with what another one observed of it, if
    /// anything.
    fn died(&mut self, worker: usize) -> Failure {
        let mut reason = self.workers[worker].obituary();
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let Event::Said(other, Reply::Failure(failure)) = event {
                reason = format!("{reason}; the {} reported: {failure}", self.label(other));
                break;
            }
        }
        if interrupt::came() { Failure::Interrupted } else { Failure::Failed(reason) }
    }

    /// A failure reported by one member. When another one was killed, that is the cause and is named first.
    fn unexpected(&mut self, member: usize, reply: Reply) -> Failure {
        let label = self.label(member);
        let told = match reply {
            Reply::Failure(Failure::Failed(reason)) => reason,
            Reply::Failure(other) => return other,
            reply => return Failure::Failed(format!("the {label} said {reply:?} out of turn")),
        };
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let other = match event {
                Event::Silent(other) if other != self.worker_of(member) => other,
                Event::Said(other, Reply::Failure(failure)) if other != member => {
                    let other = self.label(other);
                    return Failure::Failed(format!("the {label}: {told}; the {other}: {failure}"));
                }
                _ => continue,
            };
            if !self.workers[other].ended_well() {
                let obituary = self.workers[other].obituary();
                return Failure::Failed(format!("{obituary}; the {label} reported: {told}"));
            }
        }
        Failure::Failed(format!("the {label}: {told}"))
    }
}
