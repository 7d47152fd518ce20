//! `tokio-mpsc`: tokio's own bounded channel between the threads of one process, each with a runtime of one
//! thread, for comparison with `spsc-async`. It passes no message to another process.
//!
//! As there, a message that is there is taken by the task's poll; only a task that has to wait enters the
//! runtime.

use std::io;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use zerocopy::FromBytes as _;

use super::awaited::runtime;
use super::link::failed;
use super::sizes::{check, sized};
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Part, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct TokioMpsc;

impl Mechanism for TokioMpsc {
    fn name(&self) -> &'static str {
        "tokio-mpsc"
    }

    fn about(&self) -> &'static str {
        "between threads of one process: tokio's own bounded channel, awaited as spsc-async is"
    }

    fn kind(&self) -> Kind {
        Kind::Threads
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep]
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong, Workload::Stream]
    }

    fn in_process(&self) -> bool {
        true
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        check(plan.size)?;
        Ok(Resources { capacity: Some(plan.slots as u64), ..Resources::default() })
    }

    fn parts(&self, jobs: &[Job]) -> Result<Vec<Part>, Failure> {
        let Some(Job { plan, .. }) = jobs.first() else { return Ok(Vec::new()) };
        sized!(plan.size, N => {
            const WORDS: usize = N / 8;
            let ((out, answered), (answer, into)) = (channel(plan.slots), channel(plan.slots));
            let mut sides = [Some((out, into)), Some((answer, answered))];
            let parts = jobs.iter().map(|job| {
                let side = usize::from(job.role == Role::Consumer);
                let twice = || Failure::Failed("two ends of one kind".into());
                let (out, into) = sides[side].take().ok_or_else(twice)?;
                let runtime = runtime().map_err(Failure::at("starting a runtime"))?;
                let link = Channels::<WORDS> { out, into, runtime };
                let work = move |job: &Job, gate: &mut Gate| workload::run_sized::<N, _>(job, gate, link);
                Ok(Box::new(work) as Part)
            });
            parts.collect()
        })
    }

    fn work(&self, _job: &Job, _gate: &mut Gate) -> Result<Outcome, Failure> {
        Err(Failure::Failed("a channel between threads needs them all in one process".into()))
    }
}

/// One thread's side.
struct Channels<const WORDS: usize> {
    out: Sender<[u64; WORDS]>,
    into: Receiver<[u64; WORDS]>,
    runtime: Runtime,
}

impl<const WORDS: usize> Link for Channels<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = *<[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        match self.out.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message)) => self.runtime.block_on(self.out.send(message)).map_err(failed),
            Err(closed) => Err(failed(closed)),
        }
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let place = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        *place = match self.into.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Empty) => {
                let received = self.runtime.block_on(self.into.recv());
                received.ok_or_else(|| failed(TryRecvError::Disconnected))?
            }
            Err(closed) => return Err(failed(closed)),
        };
        Ok(())
    }
}
