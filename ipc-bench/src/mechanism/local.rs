//! `clock` and `memcpy`: what remains when nothing crosses between processes. The consumer of a run has
//! nothing to do.
//!
//! `clock`: the cost that measuring adds to every time. `memcpy`: copying a message into and out of a ring in
//! private memory, with the same checks; a stream is produced and consumed by one process.

use std::io;

use super::sizes::sized;
use super::{Kind, Link, Mechanism, Resources};
use crate::payload::{self, END, MEASURED, WARM_UP};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct ClockOnly;

impl Mechanism for ClockOnly {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn about(&self) -> &'static str {
        "nothing at all: what reading the clock adds to each time"
    }

    fn kind(&self) -> Kind {
        Kind::Floor
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong]
    }

    fn prepare(&self, _plan: &Plan) -> Result<Resources, Failure> {
        Ok(Resources::default())
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        workload::run_round_trips(job, gate, Nothing { ended: job.role == Role::Consumer })
    }
}

/// Returns every message untouched; to the consumer, the end mark.
struct Nothing {
    ended: bool,
}

impl Link for Nothing {
    #[inline(always)]
    fn send(&mut self, _message: &[u8]) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        if self.ended {
            payload::write(message, END | 1);
        }
        Ok(())
    }
}

/// See the module.
pub(super) struct Memcpy;

impl Mechanism for Memcpy {
    fn name(&self) -> &'static str {
        "memcpy"
    }

    fn about(&self) -> &'static str {
        "one process copies each message into and out of private memory: what copying alone takes"
    }

    fn kind(&self) -> Kind {
        Kind::Floor
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong, Workload::Stream]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.workload != Workload::Pingpong {
            super::sizes::check(plan.size)?;
        }
        Ok(Resources { capacity: Some(plan.slots.max(1) as u64), ..Resources::default() })
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        if !super::sizes::BUILT_IN.contains(&job.plan.size) {
            return workload::run_round_trips(job, gate, LargeCopy::new(job));
        }
        sized!(job.plan.size, N => match job.plan.workload {
            Workload::Pingpong => workload::run_round_trips_sized::<N, _>(job, gate, Copies::<N>::new(job)),
            _ => workload::run_stream_sized::<N, _>(job, gate, Copies::<N>::new(job)),
        })
    }
}

/// The same copies of a message of any size, for round trips: into a slot and out of it, there and back.
struct LargeCopy {
    slot: Vec<u8>,
    arrived: Vec<u8>,
    ended: bool,
}

impl LargeCopy {
    fn new(job: &Job) -> LargeCopy {
        let size = job.plan.size;
        LargeCopy { slot: vec![0; size], arrived: vec![0; size], ended: job.role == Role::Consumer }
    }
}

impl Link for LargeCopy {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        std::hint::black_box(&mut self.slot).copy_from_slice(message);
        Ok(())
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        if self.ended {
            payload::write(message, END | 1);
            return Ok(());
        }
        std::hint::black_box(&mut self.arrived).copy_from_slice(&self.slot);
        std::hint::black_box(&mut self.slot).copy_from_slice(&self.arrived);
        message.copy_from_slice(std::hint::black_box(&self.slot));
        Ok(())
    }
}

/// A ring in private memory, written and read by one process.
struct Copies<const N: usize> {
    slots: Vec<[u8; N]>,
    next: usize,
    /// For the stream: messages prepared some time before they are copied, as the stream of two processes
    /// does.
    stage: Vec<[u8; N]>,
    staged: usize,
    role: Role,
    workload: Workload,
    /// For the stream: number of the last message, and when the phases end.
    number: u64,
    phase: u64,
    clock: crate::clock::Clock,
    warm_up: u64,
    measure: u64,
    phase_ends: u64,
}

impl<const N: usize> Copies<N> {
    fn new(job: &Job) -> Copies<N> {
        let plan = &job.plan;
        Copies {
            slots: vec![[0; N]; plan.slots.max(1)],
            next: 0,
            stage: vec![[0; N]; (8192 / N).clamp(1, 64)],
            staged: 0,
            role: job.role,
            workload: plan.workload,
            number: 0,
            phase: WARM_UP,
            clock: plan.clock,
            warm_up: plan.clock.to_ticks(plan.warm_up_ns),
            measure: plan.clock.to_ticks(plan.measure_ns),
            phase_ends: 0,
        }
    }

    /// Copies into the next slot and out of it again.
    #[inline(always)]
    fn copy_over(&mut self, from: &[u8; N], message: &mut [u8]) {
        let slot = &mut self.slots[self.next];
        *slot = *from;
        // Otherwise the compiler may eliminate the copies.
        let slot = std::hint::black_box(slot);
        message.copy_from_slice(slot);
        self.next += 1;
        if self.next == self.slots.len() {
            self.next = 0;
        }
    }

    /// Prepares the messages to come; moves on to the next phase when its time is over.
    fn refill(&mut self) {
        let now = self.clock.now();
        if self.phase_ends == 0 {
            self.phase_ends = now + self.warm_up;
        } else if now >= self.phase_ends {
            self.phase = if self.phase == WARM_UP { MEASURED } else { END };
            self.phase_ends = now + self.measure;
        }
        for message in &mut self.stage {
            self.number += 1;
            payload::write(message, self.phase | self.number);
        }
        self.staged = 0;
    }
}

impl<const N: usize> Link for Copies<N> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.workload == Workload::Pingpong {
            // The way back is copied in `receive`; `message` is returned unchanged.
            let slot = &mut self.slots[self.next];
            slot.copy_from_slice(message);
            std::hint::black_box(slot);
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        match (self.workload, self.role) {
            (Workload::Pingpong, Role::Producer) => {
                let slot = *std::hint::black_box(&self.slots[self.next]);
                self.copy_over(&slot, message);
            }
            (Workload::Pingpong, Role::Consumer) => payload::write(message, END | 1),
            _ => {
                if self.staged == self.stage.len() || self.number == 0 {
                    self.refill();
                }
                let from = self.stage[self.staged];
                self.staged += 1;
                self.copy_over(&from, message);
            }
        }
        Ok(())
    }
}
