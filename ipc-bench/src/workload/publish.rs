//! What a publication costs while subscribers are attached that do not run continuously: each sleeps, reads
//! what has arrived, and sleeps again. The figure is the publisher's: messages it published in the measured
//! time.

use std::time::Duration;

use super::Buffer;
use super::stream::{Stage, send_end};
use crate::mechanism::Link;
use crate::payload::{self, END, MEASURED, WARM_UP};
use crate::process::{Failure, Gate, Job, Outcome, Usage};

/// How long a subscriber sleeps before it reads.
const NAP: Duration = Duration::from_millis(50);
/// How many messages a subscriber reads before it sleeps again.
const SOME: u64 = 16;

/// Publishes until the time is over.
pub(super) fn send<B: Buffer, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: &mut L,
    mut buffer: B,
) -> Result<Outcome, Failure> {
    let plan = &job.plan;
    let clock = plan.clock;
    let mut stage = Stage::<B>::new(plan.size);
    gate.pass()?;
    let started = clock.now();
    let mut sent = 0;
    while clock.now() < started + clock.to_ticks(plan.warm_up_ns) {
        sent = stage.send_some(link, sent, WARM_UP, u64::MAX)?;
    }
    let (first, usage, started) = (sent, Usage::now(), clock.now());
    let last = plan.messages.map_or(u64::MAX, |messages| sent + messages);
    while sent != last && clock.now() < started + clock.to_ticks(plan.measure_ns) {
        sent = stage.send_some(link, sent, MEASURED, last)?;
    }
    let mut outcome = Outcome { count: sent - first, ..Outcome::default() };
    outcome.elapsed_ns = clock.to_ns(clock.now() - started);
    usage.until(Usage::now(), &mut outcome);
    // Subscribers that read a few messages at a time may reach the end at any point.
    for number in 1..=2 * plan.slots as u64 {
        send_end(link, buffer.bytes(), sent + number)?;
    }
    Ok(outcome)
}

/// Reads now and then, until the end.
pub(super) fn receive<B: Buffer, L: Link>(
    _job: &Job,
    gate: &mut Gate,
    link: &mut L,
    mut buffer: B,
) -> Result<Outcome, Failure> {
    gate.pass()?;
    let mut outcome = Outcome::default();
    loop {
        std::thread::sleep(NAP);
        for _ in 0..SOME {
            link.receive(buffer.bytes())?;
            match payload::read(buffer.bytes()) {
                Some(word) if payload::phase(word) == END => return Ok(outcome),
                Some(_) => outcome.count += 1,
                None => outcome.damaged += 1,
            }
        }
    }
}
