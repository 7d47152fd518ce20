//! `pool`: blocks of this project's pool, lent by handle through an spsc ring and read in place. A stamp of
//! 16 bytes at the front of the block is written and read, not the whole block: the transfer is measured, at
//! any size. `pool-copied`: the same blocks, filled from private memory and copied out again.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::pool::{self, Handle, Pool};
use ipc_ring::{Domain, spsc};

use super::link::failed;
use super::spsc::strategy;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Failure, Gate, Job, Outcome, Plan, RegisteredDomain, Role};
use crate::wait::Wait;
use crate::workload::{self, STAMP, Workload};

/// `pool`; see the module.
pub(super) struct InPlace;

/// `pool-copied`; see the module.
pub(super) struct Copied;

/// Makes the names of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

/// Bytes that the blocks of a pool take, as far as the plan's slots allow.
const BYTES: usize = 256 << 20;
/// Blocks that a pool has at least: one on the way in each direction, and one being written at each end.
const LEAST: usize = 4;

impl Mechanism for InPlace {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn about(&self) -> &'static str {
        "blocks lent by handle through an spsc ring; a stamp of 16 bytes is written and read, not the whole block"
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin, Wait::SpinSleep, Wait::Sleep, Wait::SpinYield]
    }

    fn workloads(&self) -> &'static [Workload] {
        // Not the stream: a rate of bytes that are neither written nor read is meaningless.
        &[Workload::Pingpong, Workload::Load, Workload::Wake]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        prepare(plan)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let link = Blocks::<false>::open(job).map_err(Failure::at("opening the pool"))?;
        workload::run_stamped(job, gate, link)
    }
}

impl Mechanism for Copied {
    fn name(&self) -> &'static str {
        "pool-copied"
    }

    fn about(&self) -> &'static str {
        "the same blocks, filled from private memory and copied out again"
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        InPlace.waits()
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::ALL
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        prepare(plan)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let link = Blocks::<true>::open(job).map_err(Failure::at("opening the pool"))?;
        workload::run(job, gate, link)
    }
}

fn prepare(plan: &Plan) -> Result<Resources, Failure> {
    if plan.size > pool::MAX_BLOCK {
        return Err(Failure::Unavailable(format!("the largest block has {} bytes", pool::MAX_BLOCK)));
    }
    // Relaxed: only the number matters.
    let round = ROUND.fetch_add(1, Ordering::Relaxed);
    Ok(Resources {
        numbers: vec![i64::from(std::process::id()), i64::from(round)],
        capacity: Some(blocks(plan) as u64),
        keep: vec![Box::new(RegisteredDomain::join()?)],
        ..Resources::default()
    })
}

/// Blocks of the pool: enough for every slot of the ring, one at each end and one to spare.
fn blocks(plan: &Plan) -> usize {
    (BYTES / plan.size.max(pool::MIN_BLOCK)).min(plan.slots + 2).max(LEAST)
}

/// A channel of handles each way, and a pool for both.
struct Blocks<const COPIED: bool> {
    pool: Pool,
    outgoing: spsc::Producer<Handle>,
    incoming: spsc::Consumer<Handle>,
    size: usize,
}

impl<const COPIED: bool> Blocks<COPIED> {
    fn open(job: &Job) -> Result<Self, ipc_ring::AttachError> {
        let domain = Domain::open(DOMAIN)?;
        let plan = &job.plan;
        let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
        let round = round.join("-");
        let pool = pool::Builder::new(&format!("pool-{round}"))
            .domain(&domain)
            .class(plan.size, blocks(plan) as u64)
            // So that no page fault occurs during the measurement.
            .prefault(COPIED)
            .create()?;
        let channel = |direction| {
            spsc::Builder::new(&format!("pool-{round}-{direction}"))
                .domain(&domain)
                .capacity(plan.slots as u64)
                .wait(strategy(plan.wait))
        };
        let (out, into) = if job.role == Role::Producer { ("there", "back") } else { ("back", "there") };
        Ok(Self {
            pool,
            outgoing: channel(out).create_sender()?,
            incoming: channel(into).create_receiver()?,
            size: plan.size,
        })
    }
}

impl<const COPIED: bool> Link for Blocks<COPIED> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut loan = loop {
            match self.pool.try_loan(self.size) {
                Ok(loan) => break loan,
                // The receiver eventually returns one.
                Err(pool::LoanError::Exhausted { .. }) => std::hint::spin_loop(),
                Err(error) => return Err(failed(error)),
            }
        };
        if COPIED {
            loan.write_at(0, message).map_err(failed)?;
        } else {
            let stamp = message.len().min(loan.len()).min(STAMP);
            loan.write_at(0, &message[..stamp]).map_err(failed)?;
        }
        loan.send(&mut self.outgoing).map_err(failed)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let view = self.pool.receive(&mut self.incoming).map_err(failed)?;
        if view.len() != self.size {
            return Err(failed(format!("a payload of {} bytes, not {}", view.len(), self.size)));
        }
        if COPIED {
            view.read_at(0, message).map_err(failed)?;
        } else {
            let stamp = message.len().min(view.len()).min(STAMP);
            view.read_at(0, &mut message[..stamp]).map_err(failed)?;
        }
        Ok(())
    }
}
