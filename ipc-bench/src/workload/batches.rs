//! The stream of a ring that takes and gives many messages per call. Messages are made in the memory that the
//! call reads, and checked in the memory that it writes, so that no copy is added.

use std::io;

use zerocopy::IntoBytes;

use super::deadline::Deadline;
use super::pingpong::outcome;
use crate::payload::{self, END, Ledger, MEASURED, WARM_UP};
use crate::process::{Failure, Gate, Job, Outcome, Role, Usage};

/// How many messages a call moves, at most.
pub(crate) const BATCH: usize = 64;
/// How many bytes a call moves, at most, if that is not less than a message. Both ends' buffers stay in the
/// L1 cache, as those of single messages do: a batch of 64 KiB is written to the L2 cache and read from there
/// at each end, which is no property of the ring.
const BATCH_BYTES: usize = 16 * 1024;

/// One process's end, for messages of `WORDS` words.
pub(crate) trait BatchLink<const WORDS: usize> {
    /// Sends all of them; waits while there is no room.
    fn send_slice(&mut self, messages: &[[u64; WORDS]]) -> io::Result<()>;

    /// Waits for a message, then receives as many as there are; gives their number.
    fn receive_slice(&mut self, messages: &mut [[u64; WORDS]]) -> io::Result<usize>;
}

/// Memory for one batch, at the start of a cache line like the slots it is copied to.
#[repr(align(64))]
struct Batch<const WORDS: usize>([[u64; WORDS]; BATCH]);

/// Runs one side of the stream.
///
/// # Errors
/// The link failed, or the parent went away.
pub(crate) fn run_batches<const WORDS: usize, L: BatchLink<WORDS>>(
    job: &Job,
    gate: &mut Gate,
    mut link: L,
) -> Result<Outcome, Failure> {
    // A batch that fills a small ring would make the two sides take turns.
    let size = BATCH.min(job.plan.slots / 4).min(BATCH_BYTES / (WORDS * 8)).max(1);
    let mut batch = Box::new(Batch([[0; WORDS]; BATCH]));
    match job.role {
        Role::Producer => send(job, gate, &mut link, &mut batch.0[..size]),
        Role::Consumer => receive(job, gate, &mut link, &mut batch.0[..size]),
    }
}

fn send<const WORDS: usize, L: BatchLink<WORDS>>(
    job: &Job,
    gate: &mut Gate,
    link: &mut L,
    batch: &mut [[u64; WORDS]],
) -> Result<Outcome, Failure> {
    let plan = &job.plan;
    let clock = plan.clock;
    gate.pass()?;
    let mut sequence = 0;
    let mut send_until = |phase, last: u64, mut end: Deadline| -> io::Result<u64> {
        loop {
            let count = last.saturating_sub(sequence).min(batch.len() as u64) as usize;
            for message in &mut batch[..count] {
                sequence += 1;
                payload::write(message.as_mut_bytes(), phase | sequence);
            }
            link.send_slice(&batch[..count])?;
            if sequence == last || end.is_over() {
                return Ok(sequence);
            }
        }
    };
    let first = send_until(WARM_UP, u64::MAX, Deadline::after(clock, clock.now(), plan.warm_up_ns))?;
    let usage = Usage::now();
    let started = clock.now();
    let last = plan.messages.map_or(u64::MAX, |messages| first + messages);
    let sent = send_until(MEASURED, last, Deadline::after(clock, started, plan.measure_ns))?;
    let mut outcome = Outcome { count: sent - first, ..Outcome::default() };
    usage.until(Usage::now(), &mut outcome);
    outcome.elapsed_ns = clock.to_ns(clock.now() - started);
    payload::write(batch[0].as_mut_bytes(), END | (sent + 1));
    link.send_slice(&batch[..1])?;
    Ok(outcome)
}

fn receive<const WORDS: usize, L: BatchLink<WORDS>>(
    job: &Job,
    gate: &mut Gate,
    link: &mut L,
    batch: &mut [[u64; WORDS]],
) -> Result<Outcome, Failure> {
    let clock = job.plan.clock;
    let mut warm = Ledger::starting_at(1);
    let mut measured: Option<(Ledger, Usage, u64)> = None;
    gate.pass()?;
    loop {
        let count = link.receive_slice(batch)?;
        let mut messages = batch[..count].iter().peekable();
        if let Some((ledger, ..)) = &mut measured {
            // Mostly all that there are.
            while messages
                .next_if(|message| {
                    payload::read(message.as_bytes()).is_some_and(|word| ledger.arrived_next(word))
                })
                .is_some()
            {}
        }
        for message in messages {
            let word = payload::read(message.as_bytes());
            match (&mut measured, word) {
                (Some((ledger, ..)), Some(word)) if payload::phase(word) == MEASURED => ledger.arrived(word),
                (None, Some(word)) if payload::phase(word) == WARM_UP => warm.arrived(payload::number(word)),
                // Time and count start after the first measured message.
                (None, Some(word)) if payload::phase(word) == MEASURED => {
                    let mut ledger = Ledger::starting_at(word);
                    ledger.arrived(word);
                    measured = Some((ledger, Usage::now(), clock.now()));
                }
                (Some((ledger, ..)), None) => ledger.arrived_damaged(),
                (None, None) => warm.arrived_damaged(),
                (_, Some(word)) => {
                    let ended = clock.now();
                    let (mut ledger, usage, started) =
                        measured.unwrap_or_else(|| (Ledger::starting_at(MEASURED | 1), Usage::now(), ended));
                    ledger.ended_at(MEASURED | payload::number(word));
                    ledger.damaged += warm.damaged;
                    let mut outcome = outcome(&ledger);
                    usage.until(Usage::now(), &mut outcome);
                    outcome.elapsed_ns = clock.to_ns(ended.saturating_sub(started));
                    outcome.count = ledger.received().saturating_sub(1);
                    return Ok(outcome);
                }
            }
        }
    }
}
