//! Many producers and many consumers at one queue.
//!
//! Each producer numbers its messages by itself. Each consumer keeps a book for each producer: which numbers
//! have arrived, and whether one arrived after a later one. When all have ended, the parent merges the
//! consumers' books: a number in no book was lost, one in two was duplicated.
//!
//! The measured time is the same for all, from the common start. A consumer stops at its first end mark; the
//! last producer to finish sends one for each consumer, after all messages.

use super::Buffer;
use super::stream::{Stage, send_end};
use crate::mechanism::Link;
use crate::payload::{self, END, MEASURED, WARM_UP};
use crate::process::{Books, Failure, Gate, Job, Outcome, Usage};

/// The position of the producer's index in a message's number.
const ORIGIN: u32 = 54;
/// The number of messages between two readings of the clock.
const LOOK_EVERY: u64 = 64;

/// The most producers, and the most consumers: the queue has enough ends for both.
pub(crate) const MOST: u32 = 120;

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
    let origin = (job.index as u64) << ORIGIN;
    let start = gate.pass()?;
    while clock.now() < start {
        std::hint::spin_loop();
    }
    let begin = start + clock.to_ticks(plan.warm_up_ns);
    let end = begin + clock.to_ticks(plan.measure_ns);
    let mut sent = 0;
    // The first measured message, and the usage before it.
    let mut first = None;
    let mut last = u64::MAX;
    loop {
        let now = clock.now();
        if now >= end || sent == last {
            break;
        }
        let phase = if now < begin { WARM_UP } else { MEASURED };
        if phase == MEASURED && first.is_none() {
            first = Some((sent, Usage::now()));
            last = plan.messages.map_or(u64::MAX, |messages| sent + messages);
        }
        sent = stage.send_some(link, sent, phase | origin, last)?;
    }
    let mut outcome = Outcome { sent, ..Outcome::default() };
    if let Some((first, usage)) = first {
        outcome.count = sent - first;
        usage.until(Usage::now(), &mut outcome);
    }
    link.flush()?;
    if gate.is_last()? {
        for _ in 0..plan.consumers {
            send_end(link, buffer.bytes(), 1)?;
        }
    }
    Ok(outcome)
}

/// Receives until an end mark.
pub(super) fn receive<B: Buffer, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: &mut L,
    mut buffer: B,
) -> Result<Outcome, Failure> {
    let plan = &job.plan;
    let clock = plan.clock;
    let mut books = Books::new(plan);
    let begin = gate.pass()? + clock.to_ticks(plan.warm_up_ns);
    let mut outcome = Outcome::default();
    let mut usage = Usage::now();
    let mut looked = begin;
    loop {
        link.receive(buffer.bytes())?;
        match payload::read(buffer.bytes()) {
            Some(word) if payload::phase(word) == END => break,
            Some(word) => {
                let number = payload::number(word);
                books.arrived((number >> ORIGIN) as usize, number & ((1 << ORIGIN) - 1));
                if payload::phase(word) == MEASURED {
                    if outcome.count == 0 {
                        usage = Usage::now();
                    }
                    outcome.count += 1;
                    if outcome.count.is_multiple_of(LOOK_EVERY) {
                        looked = clock.now();
                    }
                }
            }
            None => outcome.damaged += 1,
        }
    }
    if outcome.count < LOOK_EVERY {
        looked = clock.now();
    }
    usage.until(Usage::now(), &mut outcome);
    outcome.elapsed_ns = clock.to_ns(looked.saturating_sub(begin));
    outcome.reordered = books.reordered;
    outcome.duplicated = books.duplicated;
    outcome.damaged += books.damaged;
    books.hand_over(job)?;
    Ok(outcome)
}
