//! `spsc`: this project's ring of fixed-size messages, as its users write it: one message per call, from its
//! place and to its destination. `spsc-batch`: the same ring, up to 64 messages a call. `spsc-futex`: the
//! same ring, with ends that sleep on a futex in place of a semaphore.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::spsc::{Builder, Consumer, Producer};
use ipc_ring::{Domain, Parker, WaitStrategy};
use zerocopy::FromBytes;

use super::link::failed;
use super::sizes::sized;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Failure, Gate, Job, Outcome, Plan, RegisteredDomain, Role};
use crate::wait::Wait;
use crate::workload::{self, BatchLink, Workload};

/// See the module.
pub(super) struct Spsc(pub(super) Parker);

/// Makes the names of the channels of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

impl Mechanism for Spsc {
    fn name(&self) -> &'static str {
        if self.0 == Parker::Futex { "spsc-futex" } else { "spsc" }
    }

    fn about(&self) -> &'static str {
        if self.0 == Parker::Futex {
            "the same ring, with ends that sleep on a futex in place of a semaphore"
        } else {
            "one producer, one consumer, fixed-size messages, push and pop of one each"
        }
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        waits(self.0)
    }

    fn default_waits(&self, _workload: Workload) -> &'static [Wait] {
        default_waits(self.0)
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::ALL
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        prepare(plan)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        sized!(job.plan.size, N => {
            const WORDS: usize = N / 8;
            let link = Channels::<WORDS>::open(job, self.0).map_err(Failure::at("opening the channels"))?;
            workload::run_sized::<N, _>(job, gate, link)
        })
    }
}

/// `spsc-batch`; see the module.
pub(super) struct SpscBatch;

impl Mechanism for SpscBatch {
    fn name(&self) -> &'static str {
        "spsc-batch"
    }

    fn about(&self) -> &'static str {
        "the same ring, up to 64 messages and 16 KiB a call: push_slice and pop_slice"
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        waits(Parker::Semaphore)
    }

    fn default_waits(&self, _workload: Workload) -> &'static [Wait] {
        default_waits(Parker::Semaphore)
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Stream]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        prepare(plan)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        sized!(job.plan.size, N => {
            const WORDS: usize = N / 8;
            let link = Channels::<WORDS>::open(job, Parker::Semaphore).map_err(Failure::at("opening the channels"))?;
            workload::run_batches(job, gate, link)
        })
    }
}

/// The ways of waiting; on a futex only those that sleep.
fn waits(parker: Parker) -> &'static [Wait] {
    if parker == Parker::Futex {
        &[Wait::Sleep, Wait::SpinSleep]
    } else {
        &[Wait::Spin, Wait::SpinSleep, Wait::Sleep, Wait::SpinYield]
    }
}

fn default_waits(parker: Parker) -> &'static [Wait] {
    if parker == Parker::Futex { &waits(parker)[..1] } else { &waits(parker)[..3] }
}

pub(super) fn prepare(plan: &Plan) -> Result<Resources, Failure> {
    super::sizes::check(plan.size)?;
    // Relaxed: only the number matters.
    let round = ROUND.fetch_add(1, Ordering::Relaxed);
    Ok(Resources {
        numbers: vec![i64::from(std::process::id()), i64::from(round)],
        capacity: Some(plan.slots.next_power_of_two() as u64),
        keep: vec![Box::new(RegisteredDomain::join()?)],
        ..Resources::default()
    })
}

pub(super) fn strategy(wait: Wait) -> WaitStrategy {
    match wait {
        Wait::Spin => WaitStrategy::Spin,
        Wait::SpinYield => WaitStrategy::SpinYield,
        Wait::SpinSleep => WaitStrategy::DEFAULT,
        Wait::Sleep => WaitStrategy::Sleep,
    }
}

/// A channel each way, of messages of `WORDS` words.
pub(super) struct Channels<const WORDS: usize> {
    pub(super) outgoing: Producer<[u64; WORDS]>,
    pub(super) incoming: Consumer<[u64; WORDS]>,
}

impl<const WORDS: usize> Channels<WORDS> {
    pub(super) fn open(job: &Job, parker: Parker) -> Result<Channels<WORDS>, ipc_ring::AttachError> {
        let domain = Domain::open(DOMAIN)?;
        let channel = |direction| {
            let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
            Builder::new(&format!("{}-{direction}", round.join("-")))
                .domain(&domain)
                .capacity(job.plan.slots as u64)
                .wait(strategy(job.plan.wait))
                .parker(parker)
        };
        let (out, into) = if job.role == Role::Producer { ("there", "back") } else { ("back", "there") };
        Ok(Channels { outgoing: channel(out).create_sender()?, incoming: channel(into).create_receiver()? })
    }
}

impl<const WORDS: usize> Link for Channels<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        self.outgoing.push_from(message).map_err(failed)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        self.incoming.pop_into(message).map_err(failed)
    }
}

impl<const WORDS: usize> BatchLink<WORDS> for Channels<WORDS> {
    #[inline(always)]
    fn send_slice(&mut self, messages: &[[u64; WORDS]]) -> io::Result<()> {
        self.outgoing.push_slice(messages).map_err(failed)
    }

    #[inline(always)]
    fn receive_slice(&mut self, messages: &mut [[u64; WORDS]]) -> io::Result<usize> {
        self.incoming.pop_slice(messages).map_err(failed)
    }
}
