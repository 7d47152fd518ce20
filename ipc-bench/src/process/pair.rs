//! One round: two fresh processes, started together, watched until both have told their outcome.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::child::{Event, Worker};
use super::protocol::{Failure, Go, Job, Outcome, Plan, Reply, Role};
use super::{fds, interrupt};
use crate::mechanism::{Mechanism, Resources};
use crate::topology::Seats;

/// What both sides of a round found.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) producer: Outcome,
    pub(crate) consumer: Outcome,
    /// What the mechanism can hold, where it is known: slots of a ring, bytes of a kernel buffer.
    pub(crate) capacity: Option<u64>,
}

/// How long setting up may take.
const SET_UP: Duration = Duration::from_secs(20);
/// How much longer than planned a round may take. Generous: a spinning pair on one processor is slow, not broken.
const GRACE: Duration = Duration::from_secs(20);
/// How long the surviving side may still tell what it saw when the other has ended without an answer.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How often the parent looks for Ctrl-C.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Runs one round of `plan`. Whatever happens, both processes have ended and what the parent made is removed when this
/// returns.
///
/// # Errors
/// The mechanism is not there, one side failed, died or hung, or the user interrupted.
pub(crate) fn run(mechanism: &dyn Mechanism, plan: &Plan, seats: Seats) -> Result<Round, Failure> {
    let resources = mechanism.prepare(plan)?;
    let capacity = resources.capacity;
    let (sender, events) = channel();
    let spawn = |role, descriptors: &[_], cpu| {
        let job = Job {
            plan: plan.clone(),
            role,
            cpu,
            numbers: resources.numbers.clone(),
            descriptors: fds::numbers(descriptors),
        };
        fds::set_inherited(descriptors, true)?;
        let worker = Worker::spawn(&job, sender.clone());
        fds::set_inherited(descriptors, false)?;
        worker
    };
    let consumer = spawn(Role::Consumer, &resources.consumer, seats.consumer)?;
    let producer = spawn(Role::Producer, &resources.producer, seats.producer)?;
    drop(sender);
    // The workers hold their own copies now; ours would hide the death of one from the other.
    let Resources { producer: ours, consumer: theirs, keep, .. } = resources;
    drop((ours, theirs));
    let mut pair = Pair { producer, consumer, events };
    let result = pair.measure(plan);
    // Processes first: what they use is removed only when they are gone.
    drop(pair);
    drop(keep);
    let (producer, consumer) = result?;
    Ok(Round { producer, consumer, capacity })
}

struct Pair {
    producer: Worker,
    consumer: Worker,
    events: Receiver<Event>,
}

impl Pair {
    fn measure(&mut self, plan: &Plan) -> Result<(Outcome, Outcome), Failure> {
        let mut ready = (false, false);
        let deadline = Instant::now() + SET_UP;
        while ready != (true, true) {
            match self.next(deadline, "set up")? {
                (Role::Producer, Reply::Ready) => ready.0 = true,
                (Role::Consumer, Reply::Ready) => ready.1 = true,
                (role, reply) => return Err(self.unexpected(role, reply)),
            }
        }
        let start = plan.clock.now() + plan.clock.to_ticks(5_000_000);
        self.consumer.tell(&Go { start })?;
        self.producer.tell(&Go { start })?;
        let planned = Duration::from_nanos(plan.warm_up_ns + plan.measure_ns);
        let deadline = Instant::now() + planned * 8 + GRACE;
        let mut outcomes = (None, None);
        while outcomes.0.is_none() || outcomes.1.is_none() {
            match self.next(deadline, "finish")? {
                (Role::Producer, Reply::Outcome(outcome)) => outcomes.0 = Some(outcome),
                (Role::Consumer, Reply::Outcome(outcome)) => outcomes.1 = Some(outcome),
                (role, reply) => return Err(self.unexpected(role, reply)),
            }
        }
        match outcomes {
            (Some(producer), Some(consumer)) => Ok((producer, consumer)),
            _ => Err(Failure::Failed("a worker told no outcome".into())),
        }
    }

    /// The next line of either worker. A worker that ended after its outcome is not an event.
    fn next(&mut self, deadline: Instant, what: &str) -> Result<(Role, Reply), Failure> {
        loop {
            if interrupt::came() {
                return Err(Failure::Interrupted);
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(Failure::Failed(format!("the pair did not {what} in time and was stopped")));
            }
            match self.events.recv_timeout(LOOK_UP.min(deadline - now)) {
                Ok(Event::Said(role, reply)) => return Ok((role, reply)),
                Ok(Event::Silent(role)) => {
                    let status = match role {
                        Role::Producer => self.producer.ended_well(),
                        Role::Consumer => self.consumer.ended_well(),
                    };
                    if !status {
                        return Err(self.died(role));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Failed("both workers ended without an outcome".into()));
                }
            }
        }
    }

    /// The reason when `role` has ended without an answer; with what the other side saw of it, if it saw anything.
    fn died(&mut self, role: Role) -> Failure {
        let mut reason = match role {
            Role::Producer => self.producer.obituary(),
            Role::Consumer => self.consumer.obituary(),
        };
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let Event::Said(other, Reply::Failure(failure)) = event {
                reason = format!("{reason}; the {other} reported: {failure}");
                break;
            }
        }
        if interrupt::came() { Failure::Interrupted } else { Failure::Failed(reason) }
    }

    /// A failure told by one side. When the other side was killed, that is the cause and is named first.
    fn unexpected(&mut self, role: Role, reply: Reply) -> Failure {
        let told = match reply {
            Reply::Failure(Failure::Failed(reason)) => reason,
            Reply::Failure(other) => return other,
            reply => return Failure::Failed(format!("the {role} said {reply:?} out of turn")),
        };
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let other = match event {
                Event::Silent(other) if other != role => other,
                Event::Said(other, Reply::Failure(failure)) if other != role => {
                    return Failure::Failed(format!("the {role}: {told}; the {other}: {failure}"));
                }
                _ => continue,
            };
            let dead = match other {
                Role::Producer => &mut self.producer,
                Role::Consumer => &mut self.consumer,
            };
            if !dead.ended_well() {
                return Failure::Failed(format!("{}; the {role} reported: {told}", dead.obituary()));
            }
        }
        Failure::Failed(format!("the {role}: {told}"))
    }
}
