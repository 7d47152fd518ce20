//! `crossbeam` and `rtrb`: the best known queues inside one process, between its threads, for comparison.
//! They pass no message to another process and do not survive a death; their rows are labelled as threads.

use std::io;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::Backoff;
use rtrb::RingBuffer;
use zerocopy::FromBytes;

use crate::mechanism::sizes::{check_few, sized};
use crate::mechanism::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Part, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// crossbeam's `ArrayQueue`: many producers, many consumers.
pub(in crate::mechanism) struct Crossbeam;

/// rtrb's ring: one producer, one consumer.
pub(in crate::mechanism) struct Rtrb;

impl Mechanism for Crossbeam {
    fn name(&self) -> &'static str {
        "crossbeam"
    }

    fn about(&self) -> &'static str {
        "between threads of one process: crossbeam's ArrayQueue, for many producers and consumers"
    }

    fn kind(&self) -> Kind {
        Kind::Threads
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin, Wait::SpinYield]
    }

    fn default_waits(&self, workload: Workload) -> &'static [Wait] {
        if workload == Workload::Fan { &self.waits()[1..] } else { &self.waits()[..1] }
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::WITH_FAN
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        prepare(plan)
    }

    fn in_process(&self) -> bool {
        true
    }

    fn parts(&self, jobs: &[Job]) -> Result<Vec<Part>, Failure> {
        let plan = plan_of(jobs)?;
        sized!(few: plan.size, N => {
            const WORDS: usize = N / 8;
            let queue = || Arc::new(ArrayQueue::<[u64; WORDS]>::new(plan.slots.next_power_of_two()));
            let (there, back) = (queue(), queue());
            Ok(jobs.iter().map(|job| {
                let (out, into) = if job.role == Role::Producer { (&there, &back) } else { (&back, &there) };
                let yields = plan.wait == Wait::SpinYield;
                let link = Queues { out: Arc::clone(out), into: Arc::clone(into), yields };
                Box::new(move |job: &Job, gate: &mut Gate| workload::run_shared_sized::<N, _>(job, gate, link)) as Part
            }).collect())
        })
    }

    fn work(&self, _job: &Job, _gate: &mut Gate) -> Result<Outcome, Failure> {
        Err(alone())
    }
}

impl Mechanism for Rtrb {
    fn name(&self) -> &'static str {
        "rtrb"
    }

    fn about(&self) -> &'static str {
        "between threads of one process: rtrb's ring, for one producer and one consumer"
    }

    fn kind(&self) -> Kind {
        Kind::Threads
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::ALL
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        prepare(plan)
    }

    fn in_process(&self) -> bool {
        true
    }

    fn parts(&self, jobs: &[Job]) -> Result<Vec<Part>, Failure> {
        let plan = plan_of(jobs)?;
        sized!(few: plan.size, N => {
            const WORDS: usize = N / 8;
            let ring = || RingBuffer::<[u64; WORDS]>::new(plan.slots.next_power_of_two());
            let ((out, answered), (answer, into)) = (ring(), ring());
            let mut sides = [Some(Rings { out, into }), Some(Rings { out: answer, into: answered })];
            jobs.iter().map(|job| {
                let side = usize::from(job.role == Role::Consumer);
                let link = sides[side].take().ok_or_else(|| Failure::Failed("two ends of one kind".into()))?;
                Ok(Box::new(move |job: &Job, gate: &mut Gate| workload::run_sized::<N, _>(job, gate, link)) as Part)
            }).collect()
        })
    }

    fn work(&self, _job: &Job, _gate: &mut Gate) -> Result<Outcome, Failure> {
        Err(alone())
    }
}

fn prepare(plan: &Plan) -> Result<Resources, Failure> {
    check_few(plan.size)?;
    Ok(Resources { capacity: Some(plan.slots.next_power_of_two() as u64), ..Resources::default() })
}

fn plan_of(jobs: &[Job]) -> Result<&Plan, Failure> {
    jobs.first().map(|job| &job.plan).ok_or_else(alone)
}

fn alone() -> Failure {
    Failure::Failed("a queue between threads needs them all in one process".into())
}

/// One thread's side; in a fan only one of the queues is used.
struct Queues<const WORDS: usize> {
    out: Arc<ArrayQueue<[u64; WORDS]>>,
    into: Arc<ArrayQueue<[u64; WORDS]>>,
    yields: bool,
}

#[cold]
fn odd<E: std::fmt::Display>(error: E) -> io::Error {
    io::Error::other(error.to_string())
}

impl<const WORDS: usize> Link for Queues<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut message = *<[u64; WORDS]>::ref_from_bytes(message).map_err(odd)?;
        let backoff = Backoff::new();
        while let Err(back) = self.out.push(message) {
            message = back;
            if self.yields {
                backoff.snooze();
            } else {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let place = <[u64; WORDS]>::mut_from_bytes(message).map_err(odd)?;
        let backoff = Backoff::new();
        loop {
            if let Some(message) = self.into.pop() {
                *place = message;
                return Ok(());
            }
            if self.yields {
                backoff.snooze();
            } else {
                std::hint::spin_loop();
            }
        }
    }
}

/// One thread's side.
struct Rings<const WORDS: usize> {
    out: rtrb::Producer<[u64; WORDS]>,
    into: rtrb::Consumer<[u64; WORDS]>,
}

impl<const WORDS: usize> Link for Rings<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut message = *<[u64; WORDS]>::ref_from_bytes(message).map_err(odd)?;
        while let Err(rtrb::PushError::Full(back)) = self.out.push(message) {
            message = back;
            std::hint::spin_loop();
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let place = <[u64; WORDS]>::mut_from_bytes(message).map_err(odd)?;
        loop {
            if let Ok(message) = self.into.pop() {
                *place = message;
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}
