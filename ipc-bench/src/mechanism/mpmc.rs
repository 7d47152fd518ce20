//! `mpmc`: this project's queue for many producers and many consumers, one message a call. Between two
//! processes there is one queue each way; in a fan all share one. `mpmc-futex`: the same, with ends that
//! sleep on a futex in place of a semaphore.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::mpmc::{Builder, Consumer, Producer};
use ipc_ring::{Domain, Parker};
use zerocopy::FromBytes;

use super::link::{BothWays, failed, one_way};
use super::sizes::sized;
use super::spsc::strategy;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Failure, Gate, Job, Outcome, Plan, RegisteredDomain, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct Mpmc(pub(super) Parker);

/// Makes the names of the channels of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

impl Mechanism for Mpmc {
    fn name(&self) -> &'static str {
        if self.0 == Parker::Futex { "mpmc-futex" } else { "mpmc" }
    }

    fn about(&self) -> &'static str {
        if self.0 == Parker::Futex {
            "the same queue, with ends that sleep on a futex in place of a semaphore"
        } else {
            "many producers, many consumers, goes on when any of them dies; push and pop of one message each"
        }
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        if self.0 == Parker::Futex {
            &[Wait::Sleep, Wait::SpinSleep]
        } else {
            &[Wait::Spin, Wait::SpinSleep, Wait::Sleep, Wait::SpinYield]
        }
    }

    fn default_waits(&self, workload: Workload) -> &'static [Wait] {
        if self.0 == Parker::Futex {
            return &self.waits()[..1];
        }
        // With more ends than processors, an end that only polls takes processor time from the end it waits
        // for.
        if workload == Workload::Fan { &self.waits()[1..] } else { &self.waits()[..3] }
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::WITH_FAN
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        super::sizes::check_few(plan.size)?;
        // Relaxed: only the number matters.
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        Ok(Resources {
            numbers: vec![i64::from(std::process::id()), i64::from(round)],
            capacity: Some(plan.slots.next_power_of_two() as u64),
            keep: vec![Box::new(RegisteredDomain::join()?)],
            ..Resources::default()
        })
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let domain = Domain::open(DOMAIN).map_err(Failure::at("joining the domain of the rings"))?;
        sized!(few: job.plan.size, N => {
            const WORDS: usize = N / 8;
            let channel = |direction| channel::<WORDS>(job, &domain, direction).parker(self.0);
            let opening = "opening the channel";
            match (job.plan.workload, job.role) {
                (Workload::Fan, Role::Producer) => {
                    let end = channel("there").create_sender().map_err(Failure::at(opening))?;
                    workload::run_producer_sized::<N, _>(job, gate, Pushing(end))
                }
                (Workload::Fan, Role::Consumer) => {
                    let end = channel("there").create_receiver().map_err(Failure::at(opening))?;
                    workload::run_consumer_sized::<N, _>(job, gate, Popping(end))
                }
                (_, role) => {
                    let (out, into) = if role == Role::Producer { ("there", "back") } else { ("back", "there") };
                    let outgoing = channel(out).create_sender().map_err(Failure::at(opening))?;
                    let incoming = channel(into).create_receiver().map_err(Failure::at(opening))?;
                    workload::run_sized::<N, _>(job, gate, BothWays(Pushing(outgoing), Popping(incoming)))
                }
            }
        })
    }
}

fn channel<const WORDS: usize>(job: &Job, domain: &Domain, direction: &str) -> Builder<[u64; WORDS]> {
    let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
    let builder = Builder::new(&format!("mpmc-{}-{direction}", round.join("-")))
        .domain(domain)
        .capacity(job.plan.slots as u64);
    // Polling for a while and then sleeping is its own default, with a time of its own.
    if job.plan.wait == Wait::SpinSleep { builder } else { builder.wait(strategy(job.plan.wait)) }
}

/// An end that only sends.
struct Pushing<const WORDS: usize>(Producer<[u64; WORDS]>);

/// An end that only receives.
struct Popping<const WORDS: usize>(Consumer<[u64; WORDS]>);

impl<const WORDS: usize> Link for Pushing<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        self.0.push_from(message).map_err(failed)
    }

    fn receive(&mut self, _message: &mut [u8]) -> io::Result<()> {
        Err(one_way())
    }
}

impl<const WORDS: usize> Link for Popping<WORDS> {
    fn send(&mut self, _message: &[u8]) -> io::Result<()> {
        Err(one_way())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        self.0.pop_into(message).map_err(failed)
    }
}
