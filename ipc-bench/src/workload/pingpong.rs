//! Round trips: a message goes over, is checked and copied, and comes back.

use super::Buffer;
use crate::histogram::Histogram;
use crate::mechanism::Link;
use crate::payload::{self, END, Ledger, MEASURED, WARM_UP};
use crate::process::{Failure, Gate, Job, Outcome, Usage};
use crate::timeline::Timeline;

/// Starts each round trip and times it.
pub(super) fn start<B: Buffer, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: &mut L,
    mut buffer: B,
) -> Result<Outcome, Failure> {
    let plan = &job.plan;
    let clock = plan.clock;
    let mut histogram = Histogram::new();
    let mut sequence = 0;
    gate.pass()?;

    let end = clock.now() + clock.to_ticks(plan.warm_up_ns);
    loop {
        sequence += 1;
        payload::write(buffer.bytes(), WARM_UP | sequence);
        link.send(buffer.bytes())?;
        link.receive(buffer.bytes())?;
        if clock.now() >= end {
            break;
        }
    }

    let mut ledger = Ledger::starting_at(sequence + 1);
    let last = plan.messages.map_or(u64::MAX, |messages| sequence + messages);
    let usage = Usage::now();
    let started = clock.now();
    let end = started + clock.to_ticks(plan.measure_ns);
    let mut timeline = Timeline::new(started, end - started);
    let ended = loop {
        sequence += 1;
        payload::write(buffer.bytes(), MEASURED | sequence);
        let before = clock.now();
        link.send(buffer.bytes())?;
        link.receive(buffer.bytes())?;
        let after = clock.now();
        histogram.record(after - before);
        timeline.note(after, after - before);
        match payload::read(buffer.bytes()) {
            Some(word) => ledger.arrived(payload::number(word)),
            None => ledger.arrived_damaged(),
        }
        if after >= end || sequence == last {
            break after;
        }
    };
    let mut outcome = outcome(&ledger);
    usage.until(Usage::now(), &mut outcome);
    outcome.elapsed_ns = clock.to_ns(ended - started);
    outcome.histogram = histogram.pairs();
    outcome.timeline = timeline.slices();

    payload::write(buffer.bytes(), END | (sequence + 1));
    link.send(buffer.bytes())?;
    link.flush()?;
    Ok(outcome)
}

/// Answers each message with itself.
pub(super) fn answer<B: Buffer, L: Link>(
    _job: &Job,
    gate: &mut Gate,
    link: &mut L,
    mut buffer: B,
) -> Result<Outcome, Failure> {
    gate.pass()?;
    loop {
        link.receive(buffer.bytes())?;
        match payload::read(buffer.bytes()) {
            Some(word) if payload::phase(word) == WARM_UP => link.send(buffer.bytes())?,
            _ => break,
        }
    }
    // The first measured message is in the buffer.
    let usage = Usage::now();
    let mut ledger = Ledger::starting_at(payload::read(buffer.bytes()).map_or(1, payload::number));
    loop {
        match payload::read(buffer.bytes()) {
            Some(word) if payload::phase(word) == END => break,
            Some(word) => ledger.arrived(payload::number(word)),
            None => ledger.arrived_damaged(),
        }
        link.send(buffer.bytes())?;
        link.receive(buffer.bytes())?;
    }
    let mut outcome = outcome(&ledger);
    usage.until(Usage::now(), &mut outcome);
    Ok(outcome)
}

/// An outcome with the counts of a ledger.
pub(super) fn outcome(ledger: &Ledger) -> Outcome {
    Outcome {
        count: ledger.received(),
        lost: ledger.lost,
        duplicated: ledger.duplicated,
        reordered: ledger.reordered,
        damaged: ledger.damaged,
        ..Outcome::default()
    }
}
