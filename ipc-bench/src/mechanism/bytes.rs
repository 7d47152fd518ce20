//! `bytes`: this project's ring of frames of any length, one frame a call. Here all frames of a run have one
//! length, but neither side knows it when compiled.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::Domain;
use ipc_ring::bytes::{Builder, Consumer, Producer};

use super::link::{failed, wrong};
use super::spsc::strategy;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Failure, Gate, Job, Outcome, Plan, RegisteredDomain, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct Bytes;

/// Makes the names of the channels of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

/// The longest message that is measured: a ring holds two of the longest frames, header included.
const LONGEST: usize = 64 << 20;
/// The smallest and the largest ring.
const LEAST: usize = 4096;
const MOST: usize = 1 << 30;

impl Mechanism for Bytes {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn about(&self) -> &'static str {
        "one producer, one consumer, frames of any length, push and pop of one each"
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
        workload::ALL
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.size > LONGEST {
            return Err(Failure::Unavailable(format!("the longest message measured is {LONGEST} bytes")));
        }
        // Relaxed: only the number matters.
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        Ok(Resources {
            numbers: vec![i64::from(std::process::id()), i64::from(round)],
            capacity: Some(capacity(plan)),
            keep: vec![Box::new(RegisteredDomain::join()?)],
            ..Resources::default()
        })
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let link = Channels::open(job).map_err(Failure::at("opening the channels"))?;
        workload::run(job, gate, link)
    }
}

/// Room, in bytes, for as many frames as the plan has slots, for four at least; up to the largest ring.
fn capacity(plan: &Plan) -> u64 {
    let frame = plan.size.next_multiple_of(8) + 8;
    frame.saturating_mul(plan.slots.max(4)).min(MOST).next_power_of_two().max(LEAST) as u64
}

/// A channel each way.
struct Channels {
    outgoing: Producer,
    incoming: Consumer,
}

impl Channels {
    fn open(job: &Job) -> Result<Channels, ipc_ring::AttachError> {
        let domain = Domain::open(DOMAIN)?;
        let channel = |direction| {
            let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
            Builder::new(&format!("bytes-{}-{direction}", round.join("-")))
                .domain(&domain)
                .capacity(capacity(&job.plan))
                .wait(strategy(job.plan.wait))
        };
        let (out, into) = if job.role == Role::Producer { ("there", "back") } else { ("back", "there") };
        Ok(Channels { outgoing: channel(out).create_sender()?, incoming: channel(into).create_receiver()? })
    }
}

impl Link for Channels {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.outgoing.push(message).map_err(failed)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let length = self.incoming.pop_into(message).map_err(failed)?;
        if length == message.len() { Ok(()) } else { Err(wrong(length, message.len())) }
    }
}
