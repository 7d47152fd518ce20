//! Sends at intended times, whether or not the last message has arrived: latency counts from the intended
//! time.
//!
//! Both sides know the schedule: the common start and the interval. A sender that was held up sends the late
//! messages at once, and each counts as late as it was; none is dropped.

use std::time::Duration;

use super::Buffer;
use super::pingpong::outcome;
use super::stream::send_end;
use crate::clock::Clock;
use crate::histogram::Histogram;
use crate::mechanism::Link;
use crate::payload::{self, Ledger, MEASURED, WARM_UP};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Usage};
use crate::timeline::Timeline;

/// A sender with more time than this before its next message sleeps, so that it leaves the processor; the
/// last part of the wait is polled, so that it is on time.
const POLLED_NS: u64 = 200_000;

/// When each message is meant to be sent, in ticks.
struct Schedule {
    start: u64,
    interval: f64,
    warm_up: u64,
    last: u64,
}

impl Schedule {
    fn new(plan: &Plan, start: u64) -> Schedule {
        let interval = plan.interval_ns.max(1.0);
        let warm_up = ((plan.warm_up_ns as f64 / interval) as u64).max(1);
        let planned = ((plan.measure_ns as f64 / interval) as u64).max(1);
        let measured = plan.messages.map_or(planned, |messages| planned.min(messages.max(1)));
        Schedule { start, interval: interval / plan.clock.ns_per_tick, warm_up, last: warm_up + measured }
    }

    #[inline(always)]
    fn intended(&self, number: u64) -> u64 {
        self.start + (number as f64 * self.interval) as u64
    }

    /// How many messages are measured.
    fn measured(&self) -> usize {
        usize::try_from(self.last - self.warm_up).unwrap_or(usize::MAX)
    }

    /// How long after the last warm-up message a sender gives up: four times the time meant for the measured
    /// ones, at least a second.
    fn patience(&self, clock: Clock) -> u64 {
        let planned = self.intended(self.last) - self.intended(self.warm_up);
        planned + (4 * planned).max(clock.to_ticks(1_000_000_000))
    }

    #[inline(always)]
    fn phase(&self, number: u64) -> u64 {
        if number <= self.warm_up { WARM_UP } else { MEASURED }
    }
}

/// Sends each message at its time.
pub(super) fn send<B: Buffer, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: &mut L,
    mut buffer: B,
) -> Result<Outcome, Failure> {
    let plan = &job.plan;
    let clock = plan.clock;
    let mut service = Histogram::new();
    let schedule = Schedule::new(plan, gate.pass()?);
    let mut give_up = u64::MAX;
    let mut sent = schedule.last;
    let mut usage = Usage::now();
    let mut own_calls = 0;
    for number in 1..=schedule.last {
        payload::write(buffer.bytes(), schedule.phase(number) | number);
        own_calls += await_tick(clock, schedule.intended(number));
        let before = clock.now();
        if before > give_up {
            sent = number - 1;
            break;
        }
        link.send(buffer.bytes())?;
        if number > schedule.warm_up {
            service.record(clock.now() - before);
        } else if number == schedule.warm_up {
            usage = Usage::now();
            own_calls = 0;
            give_up = clock.now() + schedule.patience(clock);
        }
    }
    let ended = clock.now();
    link.flush()?;
    let mut outcome = Outcome { count: sent - schedule.warm_up, own_calls, ..Outcome::default() };
    usage.until(Usage::now(), &mut outcome);
    outcome.elapsed_ns = clock.to_ns(ended.saturating_sub(schedule.intended(schedule.warm_up)));
    outcome.service = service.pairs();
    send_end(link, buffer.bytes(), sent + 1)?;
    Ok(outcome)
}

/// Waits until then; returns the number of sleeps.
#[inline(always)]
fn await_tick(clock: Clock, tick: u64) -> u64 {
    let mut slept = 0;
    loop {
        let now = clock.now();
        if now >= tick {
            return slept;
        }
        let left = clock.to_ns(tick - now) as u64;
        if left > 2 * POLLED_NS {
            std::thread::sleep(Duration::from_nanos(left - POLLED_NS));
            slept += 1;
        } else {
            std::hint::spin_loop();
        }
    }
}

/// Receives each message and compares its arrival with its intended time.
pub(super) fn receive<B: Buffer, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: &mut L,
    mut buffer: B,
) -> Result<Outcome, Failure> {
    let plan = &job.plan;
    let clock = plan.clock;
    let mut histogram = Histogram::new();
    let schedule = Schedule::new(plan, gate.pass()?);
    let mut ledger = Ledger::starting_at(schedule.warm_up + 1);
    let begin = schedule.intended(schedule.warm_up);
    let mut timeline = Timeline::new(begin, schedule.intended(schedule.last) - begin);
    let mut usage = Usage::now();
    let mut last_arrival = schedule.start;
    // The last of several receivers is found by comparing their ages.
    let mut ages = vec![0; if plan.consumers > 1 { schedule.measured() } else { 0 }];
    let mut ended = schedule.last + 1;
    loop {
        if let Err(error) = link.receive(buffer.bytes()) {
            if L::END_MARKS > 1 && error.kind() == std::io::ErrorKind::TimedOut {
                break;
            }
            return Err(error.into());
        }
        let now = clock.now();
        match payload::read(buffer.bytes()) {
            Some(word) if payload::phase(word) == MEASURED => {
                let number = payload::number(word);
                let latency = now.saturating_sub(schedule.intended(number)).max(1);
                histogram.record(latency);
                if let Some(age) = ages.get_mut((number - schedule.warm_up - 1) as usize) {
                    *age = latency;
                }
                timeline.note(now, latency);
                ledger.arrived(number);
                last_arrival = now;
            }
            Some(word) if payload::phase(word) == WARM_UP => {
                if payload::number(word) == schedule.warm_up {
                    usage = Usage::now();
                }
            }
            Some(word) => {
                ended = payload::number(word);
                break;
            }
            None => ledger.arrived_damaged(),
        }
    }
    ledger.ended_at(ended);
    let mut outcome = outcome(&ledger);
    usage.until(Usage::now(), &mut outcome);
    outcome.elapsed_ns = clock.to_ns(last_arrival.saturating_sub(schedule.intended(schedule.warm_up)));
    outcome.histogram = histogram.pairs();
    outcome.timeline = timeline.slices();
    outcome.ages = ages;
    Ok(outcome)
}
