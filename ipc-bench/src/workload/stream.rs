//! One way, at full speed; the rate is the consumer's, from the first measured message to the last.

use std::io;

use super::Buffer;
use super::deadline::Deadline;
use super::pingpong::outcome;
use crate::mechanism::Link;
use crate::payload::{self, END, Ledger, MEASURED, WARM_UP};
use crate::process::{Failure, Gate, Job, Outcome, Usage};

/// How many messages are prepared together, at most.
const STAGED: usize = 64;
/// Memory for messages that are prepared before they are sent.
const STAGE_BYTES: usize = 8 * 1024;

/// Sends until the time is over.
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
    let mut sequence = 0;
    let end = Deadline::after(clock, started, plan.warm_up_ns);
    sequence = stage.send_until(link, sequence, WARM_UP, u64::MAX, end)?;
    let first = sequence;
    let usage = Usage::now();
    let started = clock.now();
    let last = plan.messages.map_or(u64::MAX, |messages| sequence + messages);
    let end = Deadline::after(clock, started, plan.measure_ns);
    sequence = stage.send_until(link, sequence, MEASURED, last, end)?;
    let mut outcome = Outcome { count: sequence - first, ..Outcome::default() };
    usage.until(Usage::now(), &mut outcome);
    outcome.elapsed_ns = clock.to_ns(clock.now() - started);
    send_end(link, buffer.bytes(), sequence + 1)?;
    Ok(outcome)
}

/// Messages prepared some time before they are sent, so that they are complete in the L1 cache.
///
/// A message that is sent right after it was written is still in the processor's store buffer, in pieces. A
/// copy by vector loads cannot be served from such pieces and waits until all earlier stores are done, those
/// to the peer's lines included. That would be measured as if it were a cost of the mechanism.
pub(super) struct Stage<B>(Vec<B>);

impl<B: Buffer> Stage<B> {
    pub(super) fn new(size: usize) -> Stage<B> {
        let count = (STAGE_BYTES / size).clamp(1, STAGED);
        Stage((0..count).map(|_| B::zeroed(size)).collect())
    }

    #[inline(always)]
    fn send_until<L: Link>(
        &mut self,
        link: &mut L,
        mut sequence: u64,
        phase: u64,
        last: u64,
        mut end: Deadline,
    ) -> Result<u64, Failure> {
        loop {
            sequence = self.send_some(link, sequence, phase, last)?;
            if sequence == last || end.is_over() {
                return Ok(sequence);
            }
        }
    }

    /// Sends the messages after `sequence`, up to `last` and as many as are prepared together; gives the last
    /// one's number. `marks` are the upper bits of all.
    #[inline(always)]
    pub(super) fn send_some<L: Link>(
        &mut self,
        link: &mut L,
        mut sequence: u64,
        marks: u64,
        last: u64,
    ) -> io::Result<u64> {
        let count = last.saturating_sub(sequence).min(self.0.len() as u64) as usize;
        let messages = &mut self.0[..count];
        for message in messages.iter_mut() {
            sequence += 1;
            payload::write(message.bytes(), marks | sequence);
        }
        for message in messages {
            link.send(message.bytes())?;
        }
        Ok(sequence)
    }
}

/// Sends the end mark; several times where messages may get lost on the way.
pub(super) fn send_end<L: Link>(link: &mut L, message: &mut [u8], sequence: u64) -> io::Result<()> {
    payload::write(message, END | sequence);
    for attempt in 0..L::END_MARKS {
        if attempt > 0 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        match link.send(message).and_then(|()| link.flush()) {
            // The consumer may have left after the first mark.
            Err(_) if attempt > 0 => break,
            sent => sent?,
        }
    }
    Ok(())
}

/// Receives until the end mark.
pub(super) fn receive<B: Buffer, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: &mut L,
    mut buffer: B,
) -> Result<Outcome, Failure> {
    let clock = job.plan.clock;
    let mut warm = Ledger::starting_at(1);
    gate.pass()?;
    loop {
        link.receive(buffer.bytes())?;
        match payload::read(buffer.bytes()) {
            Some(word) if payload::phase(word) == WARM_UP => warm.arrived(payload::number(word)),
            Some(_) => break,
            None => warm.arrived_damaged(),
        }
    }
    // The first measured message is in the buffer; time and count start after it.
    let first = payload::number(payload::read(buffer.bytes()).unwrap_or(1));
    let mut ledger = Ledger::starting_at(MEASURED | first);
    let usage = Usage::now();
    let started = clock.now();
    loop {
        match payload::read(buffer.bytes()) {
            Some(word) if ledger.arrived_next(word) => {}
            Some(word) if payload::phase(word) == MEASURED => ledger.arrived(word),
            Some(word) => {
                if payload::phase(word) == END {
                    ledger.ended_at(MEASURED | payload::number(word));
                }
                break;
            }
            None => ledger.arrived_damaged(),
        }
        if let Err(error) = link.receive(buffer.bytes()) {
            // Where messages may get lost, the end marks may too: silence ends the run. Its rate would be
            // wrong, but a row with losses has none.
            if L::END_MARKS > 1 && error.kind() == io::ErrorKind::TimedOut {
                ledger.silence();
                break;
            }
            return Err(error.into());
        }
    }
    let ended = clock.now();
    let mut outcome = outcome(&ledger);
    usage.until(Usage::now(), &mut outcome);
    outcome.elapsed_ns = clock.to_ns(ended.saturating_sub(started));
    outcome.count = ledger.received().saturating_sub(1);
    Ok(outcome)
}
