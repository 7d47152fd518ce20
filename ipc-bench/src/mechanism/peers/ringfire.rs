//! `ringfire`: its ring of one writer that waits for its slowest reader, one each way.

use std::io;
use std::time::{Duration, Instant};

use ::ringfire::{
    BusySpin, FlowControl, FutexWait, RingConsumer, RingProducer, RingProducerBuilder, YieldBackoff,
};
use zerocopy::FromBytes;

use super::files;
use crate::mechanism::sizes::sized;
use crate::mechanism::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(in crate::mechanism) struct Ringfire;

/// How long one side waits for the other's ring to appear.
const PATIENCE: Duration = Duration::from_secs(10);

impl Mechanism for Ringfire {
    fn name(&self) -> &'static str {
        "ringfire"
    }

    fn about(&self) -> &'static str {
        "another project: ringfire 0.5, its ring of one writer in lossless mode"
    }

    fn kind(&self) -> Kind {
        Kind::Peer
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
        files::prepare(plan)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        sized!(few: job.plan.size, N => {
            const WORDS: usize = N / 8;
            workload::run_sized::<N, _>(job, gate, Rings::<WORDS>::open(job)?)
        })
    }
}

/// Its ways of waiting, each as its project sets it.
enum Waiting {
    Spin(BusySpin),
    Yield(YieldBackoff),
    Futex(FutexWait),
}

/// One process's side.
struct Rings<const WORDS: usize> {
    out: RingProducer<[u64; WORDS]>,
    into: RingConsumer<[u64; WORDS]>,
    waiting: Waiting,
}

impl<const WORDS: usize> Rings<WORDS> {
    fn open(job: &Job) -> Result<Rings<WORDS>, Failure> {
        let name = files::name(job)?;
        let path = |direction| format!("/dev/shm/{name}-{direction}");
        let (ours, theirs) = if job.role == Role::Producer { ("there", "back") } else { ("back", "there") };
        let out = RingProducerBuilder::new(job.plan.slots.next_power_of_two() as u64)
            .flow_control(FlowControl::LosslessBackpressure)
            .build(path(ours))
            .map_err(Failure::unavailable("creating its ring"))?;
        // The reader is registered before the writer starts: both sides attach before they report that they
        // are ready.
        let deadline = Instant::now() + PATIENCE;
        let into = loop {
            match RingConsumer::attach(path(theirs)) {
                Ok(into) => break into,
                Err(error) if Instant::now() > deadline => {
                    return Err(Failure::Failed(format!("attaching to its ring: {error}")));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let waiting = match job.plan.wait {
            Wait::Spin => Waiting::Spin(BusySpin::new()),
            Wait::SpinYield => Waiting::Yield(YieldBackoff::default()),
            Wait::SpinSleep => Waiting::Futex(FutexWait::default()),
            Wait::Sleep => Waiting::Futex(FutexWait::new(0, None)),
        };
        Ok(Rings { out, into, waiting })
    }
}

#[cold]
fn odd<E: std::fmt::Display>(error: E) -> io::Error {
    io::Error::other(error.to_string())
}

impl<const WORDS: usize> Link for Rings<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(odd)?;
        self.out.push(message);
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let place = <[u64; WORDS]>::mut_from_bytes(message).map_err(odd)?;
        *place = match &mut self.waiting {
            Waiting::Spin(wait) => self.into.recv_blocking(wait),
            Waiting::Yield(wait) => self.into.recv_blocking(wait),
            Waiting::Futex(wait) => self.into.recv_blocking(wait),
        };
        Ok(())
    }
}
