//! `broadcast` and `broadcast-gated`: this project's channel of one publisher and many subscribers, one
//! message a call. Between two processes there is a channel each way, with one subscriber.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::Domain;
use ipc_ring::broadcast::{Builder, Mode, PopError, Publisher, Start, Subscriber};
use zerocopy::FromBytes;

use super::link::{BothWays, failed, one_way};
use super::sizes::sized;
use super::spsc::strategy;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Failure, Gate, Job, Outcome, Plan, RegisteredDomain, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct Broadcast(pub(super) Mode);

/// Makes the names of the channels of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

impl Mechanism for Broadcast {
    fn name(&self) -> &'static str {
        match self.0 {
            Mode::Gated => "broadcast-gated",
            _ => "broadcast",
        }
    }

    fn about(&self) -> &'static str {
        match self.0 {
            Mode::Gated => "one publisher, many subscribers, the publisher waits for the slowest",
            _ => "one publisher, many subscribers, slow ones learn how many messages they missed",
        }
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin, Wait::SpinSleep, Wait::Sleep, Wait::SpinYield]
    }

    fn default_waits(&self, workload: Workload) -> &'static [Wait] {
        match workload {
            Workload::Publish => &self.waits()[1..2],
            Workload::Receipt => &self.waits()[2..3],
            _ => &self.waits()[..3],
        }
    }

    fn workloads(&self) -> &'static [Workload] {
        // A gated publisher is only as fast as its subscribers, which would then be measured.
        if self.0 == Mode::Gated { workload::WITH_RECEIPT } else { workload::WITH_PUBLISH }
    }

    fn may_lose(&self) -> bool {
        self.0 == Mode::Lossy
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
            let channel = |direction| channel::<WORDS>(self.0, job, &domain, direction);
            let opening = "opening the channel";
            match (job.plan.workload, job.role) {
                (Workload::Publish | Workload::Receipt, Role::Producer) => {
                    let publisher = channel("there").create_sender().map_err(Failure::at(opening))?;
                    workload::run_publisher_sized::<N, _>(job, gate, Publishing(publisher))
                }
                (Workload::Publish | Workload::Receipt, Role::Consumer) => {
                    let subscriber = channel("there").create_receiver().map_err(Failure::at(opening))?;
                    workload::run_subscriber_sized::<N, _>(job, gate, Reading(subscriber))
                }
                (_, role) => {
                    let (out, into) = if role == Role::Producer { ("there", "back") } else { ("back", "there") };
                    let outgoing = channel(out).create_sender().map_err(Failure::at(opening))?;
                    let incoming = channel(into).create_receiver().map_err(Failure::at(opening))?;
                    workload::run_sized::<N, _>(job, gate, BothWays(Publishing(outgoing), Reading(incoming)))
                }
            }
        })
    }
}

fn channel<const WORDS: usize>(
    mode: Mode,
    job: &Job,
    domain: &Domain,
    direction: &str,
) -> Builder<[u64; WORDS]> {
    let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
    let builder = Builder::new(&format!("broadcast-{}-{direction}", round.join("-")))
        .domain(domain)
        .mode(mode)
        .start(Start::Oldest)
        .capacity(job.plan.slots as u64);
    // Polling for a while and then sleeping is its own default, with a time of its own.
    if job.plan.wait == Wait::SpinSleep { builder } else { builder.wait(strategy(job.plan.wait)) }
}

/// An end that only sends.
struct Publishing<const WORDS: usize>(Publisher<[u64; WORDS]>);

/// An end that only receives.
struct Reading<const WORDS: usize>(Subscriber<[u64; WORDS]>);

impl<const WORDS: usize> Link for Publishing<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        self.0.push(*message).map_err(failed)
    }

    fn receive(&mut self, _message: &mut [u8]) -> io::Result<()> {
        Err(one_way())
    }
}

impl<const WORDS: usize> Link for Reading<WORDS> {
    fn send(&mut self, _message: &[u8]) -> io::Result<()> {
        Err(one_way())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        loop {
            match self.0.pop_into(message) {
                Ok(()) => return Ok(()),
                // The numbers in the messages show losses.
                Err(PopError::Missed(_)) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}
