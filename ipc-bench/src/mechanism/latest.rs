//! `latest`: this project's channel of the newest value, one each way. Not for streams, whose messages
//! overwrite each other by design; but for the cost of a store while many read. `latest`: the caller gives
//! the time; `latest-stamped`: the clock is read for each value.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::Domain;
use ipc_ring::latest::{Builder, Reader, Writer};
use zerocopy::FromBytes;

use super::link::{failed, one_way};
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

    fn default_waits(&self, workload: Workload) -> &'static [Wait] {
        match workload {
            Workload::Publish => &self.waits()[1..2],
            _ if STAMPED => &self.waits()[..1],
            _ => &self.waits()[..3],
        }
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong, Workload::Publish]
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
            let ends = Ends::<WORDS, STAMPED>::open(job).map_err(Failure::at("opening the channels"))?;
            match (job.plan.workload, job.role) {
                (Workload::Publish, Role::Producer) => workload::run_publisher_sized::<N, _>(job, gate, ends),
                (Workload::Publish, Role::Consumer) => workload::run_subscriber_sized::<N, _>(job, gate, ends),
                _ => workload::run_round_trips_sized::<N, _>(job, gate, ends),
            }
        })
    }
}

/// The ends of one process, of channels of values of `WORDS` words: one each way, or the same one for all.
struct Ends<const WORDS: usize, const STAMPED: bool> {
    outgoing: Option<Writer<[u64; WORDS]>>,
    incoming: Option<Reader<[u64; WORDS]>>,
}

impl<const WORDS: usize, const STAMPED: bool> Ends<WORDS, STAMPED> {
    fn open(job: &Job) -> Result<Self, ipc_ring::AttachError> {
        let domain = Domain::open(DOMAIN)?;
        let channel = |direction| {
            let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
            Builder::new(&format!("latest-{}-{direction}", round.join("-")))
                .domain(&domain)
                .wait(strategy(job.plan.wait))
        };
        let one_way = job.plan.workload == Workload::Publish;
        let writes = !one_way || job.role == Role::Producer;
        let reads = !one_way || job.role == Role::Consumer;
        let back = if one_way { "there" } else { "back" };
        let (out, into) = if job.role == Role::Producer { ("there", back) } else { (back, "there") };
        Ok(Self {
            outgoing: writes.then(|| channel(out).create_sender()).transpose()?,
            incoming: reads.then(|| channel(into).create_receiver()).transpose()?,
        })
    }
}

impl<const WORDS: usize, const STAMPED: bool> Link for Ends<WORDS, STAMPED> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        let Some(outgoing) = &mut self.outgoing else { return Err(one_way()) };
        let published = if STAMPED { outgoing.publish(*message) } else { outgoing.publish_at(message, 0) };
        published.map(drop).map_err(failed)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        let Some(incoming) = &mut self.incoming else { return Err(one_way()) };
        *message = incoming.wait().map_err(failed)?.value;
        Ok(())
    }
}
