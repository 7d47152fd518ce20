//! `null`: a stub with a known delay and known faults, to check the harness itself.
//!
//! Round trips never leave the producer: each takes twice the delay by the clock. Streams and rates go
//! through a pipe, fans through a message queue; there every send takes the delay, and the sending side
//! loses, repeats, swaps and damages messages at known places.

use std::io;

use super::byte_stream::ByteStream;
use super::pipe::Pipe;
use super::sysv_msg::{Queues, SysvMsg};
use super::{Kind, Link, Mechanism, Resources};
use crate::clock::Clock;
use crate::payload::{self, END, MEASURED};
use crate::process::{Failure, Faults, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct Null;

impl Mechanism for Null {
    fn name(&self) -> &'static str {
        "null"
    }

    fn about(&self) -> &'static str {
        "a stub with a known delay and known faults, to check this program itself"
    }

    fn kind(&self) -> Kind {
        Kind::Check
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep]
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::WITH_FAN
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.workload == Workload::Fan { SysvMsg.prepare(plan) } else { Pipe.prepare(plan) }
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let (faults, clock) = (job.plan.faults, job.plan.clock);
        if job.plan.workload == Workload::Pingpong {
            let delay = clock.to_ticks(2 * faults.delay_ns);
            return workload::run(job, gate, Delay { clock, delay, role: job.role, sent: 0 });
        }
        let delay = clock.to_ticks(faults.delay_ns);
        if job.plan.workload == Workload::Fan {
            let link = Faulty { inner: Queues::open(job)?, clock, delay, faults, held: None };
            return workload::run_shared(job, gate, link);
        }
        workload::run(
            job,
            gate,
            Faulty { inner: ByteStream::inherited(job)?, clock, delay, faults, held: None },
        )
    }
}

/// Answers itself after the delay; to the consumer, gives the end mark.
struct Delay {
    clock: Clock,
    delay: u64,
    role: Role,
    sent: u64,
}

impl Link for Delay {
    fn send(&mut self, _message: &[u8]) -> io::Result<()> {
        self.sent = self.clock.now();
        Ok(())
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        if self.role == Role::Consumer {
            payload::write(message, END | 1);
            return Ok(());
        }
        while self.clock.now() < self.sent + self.delay {
            std::hint::spin_loop();
        }
        Ok(())
    }
}

/// A link that delays measured messages and introduces faults into them.
struct Faulty<L> {
    inner: L,
    clock: Clock,
    delay: u64,
    faults: Faults,
    /// A message that its successor overtakes.
    held: Option<Vec<u8>>,
}

impl<L: Link> Link for Faulty<L> {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let until = self.clock.now() + self.delay;
        while self.clock.now() < until {
            std::hint::spin_loop();
        }
        let word = payload::read(message).unwrap_or(0);
        let number = payload::number(word);
        let due = |every: u64| payload::phase(word) == MEASURED && every > 0 && number.is_multiple_of(every);
        if due(self.faults.lose_every) {
            return Ok(());
        }
        if due(self.faults.swap_every) && self.held.is_none() {
            self.held = Some(message.to_vec());
            return Ok(());
        }
        if due(self.faults.damage_every) {
            let mut damaged = message.to_vec();
            if let Some(last) = damaged.last_mut() {
                *last ^= 1;
            }
            return self.inner.send(&damaged);
        }
        self.inner.send(message)?;
        if due(self.faults.repeat_every) {
            self.inner.send(message)?;
        }
        match self.held.take() {
            Some(held) => self.inner.send(&held),
            None => Ok(()),
        }
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        self.inner.receive(message)
    }
}
