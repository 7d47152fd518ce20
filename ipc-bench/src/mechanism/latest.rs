//! `latest`: this project's channel of the newest value, one each way. Only for round trips: a stream's messages overwrite
//! each other, as they should. `latest`: the caller gives the time; `latest-stamped`: the clock is read for each value.

use std::fmt::Display;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::Domain;
use ipc_ring::latest::{Builder, Reader, Writer};
use zerocopy::FromBytes;

use super::sizes::sized;
use super::spsc::strategy;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Failure, Gate, Job, Outcome, Plan, RegisteredDomain, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct Latest<const STAMPED: bool>;

/// Makes the names of the channels of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

impl<const STAMPED: bool> Mechanism for Latest<STAMPED> {
    fn name(&self) -> &'static str {
        if STAMPED { "latest-stamped" } else { "latest" }
    }

    fn about(&self) -> &'static str {
        if STAMPED {
            "the same, each value stamped with the monotonic clock"
        } else {
            "one writer, many readers, the newest value; its time is the caller's"
        }
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin, Wait::SpinSleep, Wait::Sleep, Wait::SpinYield]
    }

    fn default_waits(&self, _workload: Workload) -> &'static [Wait] {
        if STAMPED { &self.waits()[..1] } else { &self.waits()[..3] }
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        super::sizes::check_few(plan.size)?;
        // Relaxed: only the number matters.
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        Ok(Resources {
            numbers: vec![i64::from(std::process::id()), i64::from(round)],
            keep: vec![Box::new(RegisteredDomain::join()?)],
            ..Resources::default()
        })
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        sized!(few: job.plan.size, N => {
            const WORDS: usize = N / 8;
            let link = Channels::<WORDS, STAMPED>::open(job).map_err(Failure::at("opening the channels"))?;
            workload::run_round_trips_sized::<N, _>(job, gate, link)
        })
    }
}

/// A channel each way, of values of so many words.
struct Channels<const WORDS: usize, const STAMPED: bool> {
    outgoing: Writer<[u64; WORDS]>,
    incoming: Reader<[u64; WORDS]>,
}

impl<const WORDS: usize, const STAMPED: bool> Channels<WORDS, STAMPED> {
    fn open(job: &Job) -> Result<Self, ipc_ring::AttachError> {
        let domain = Domain::open(DOMAIN)?;
        let channel = |direction| {
            let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
            Builder::new(&format!("latest-{}-{direction}", round.join("-")))
                .domain(&domain)
                .wait(strategy(job.plan.wait))
        };
        let (out, into) = if job.role == Role::Producer { ("there", "back") } else { ("back", "there") };
        Ok(Self { outgoing: channel(out).create_writer()?, incoming: channel(into).create_reader()? })
    }
}

#[cold]
fn failed(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl<const WORDS: usize, const STAMPED: bool> Link for Channels<WORDS, STAMPED> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        let published =
            if STAMPED { self.outgoing.publish(*message) } else { self.outgoing.publish_at(message, 0) };
        published.map(drop).map_err(failed)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        *message = self.incoming.wait().map_err(failed)?.value;
        Ok(())
    }
}
