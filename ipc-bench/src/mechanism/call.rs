//! `call`: this project's ring for a request and its reply in one cache line. Only for round trips.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::Domain;
use ipc_ring::call::{Builder, Caller, Responder};
use zerocopy::FromBytes;

use super::link::failed;
use super::sizes::sized;
use super::spsc::strategy;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Failure, Gate, Job, Outcome, Plan, RegisteredDomain, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct Call;

/// Makes the names of the channels of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

impl Mechanism for Call {
    fn name(&self) -> &'static str {
        "call"
    }

    fn about(&self) -> &'static str {
        "one caller, one responder, request and reply in one cache line"
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin, Wait::SpinSleep, Wait::Sleep, Wait::SpinYield]
    }

    fn default_waits(&self, _workload: Workload) -> &'static [Wait] {
        &self.waits()[..3]
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        super::one_line::check(plan)?;
        // Relaxed: only the number matters.
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        Ok(Resources {
            numbers: vec![i64::from(std::process::id()), i64::from(round)],
            keep: vec![Box::new(RegisteredDomain::join()?)],
            ..Resources::default()
        })
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let domain = Domain::open(DOMAIN).map_err(Failure::at("joining the domain of the rings"))?;
        let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
        let name = format!("call-{}", round.join("-"));
        let opening = "opening the channel";
        sized!(less than a line: job.plan.size, N => {
            const WORDS: usize = N / 8;
            let channel = Builder::<[u64; WORDS], [u64; WORDS]>::new(&name)
                .domain(&domain)
                .wait(strategy(job.plan.wait));
            if job.role == Role::Producer {
                let caller = channel.create_sender().map_err(Failure::at(opening))?;
                workload::run_round_trips_sized::<N, _>(job, gate, Asking(caller))
            } else {
                let responder = channel.create_receiver().map_err(Failure::at(opening))?;
                workload::run_round_trips_sized::<N, _>(job, gate, Answering(responder))
            }
        })
    }
}

/// The side that begins.
struct Asking<const WORDS: usize>(Caller<[u64; WORDS], [u64; WORDS]>);

/// The side that answers.
struct Answering<const WORDS: usize>(Responder<[u64; WORDS], [u64; WORDS]>);

impl<const WORDS: usize> Link for Asking<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        self.0.ask(*message).map_err(failed)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        *message = self.0.wait().map_err(failed)?;
        Ok(())
    }
}

impl<const WORDS: usize> Link for Answering<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        if self.0.reply(*message) { Ok(()) } else { Err(failed("nothing was asked")) }
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        *message = self.0.take().map_err(failed)?.value();
        Ok(())
    }
}
