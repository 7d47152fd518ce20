//! `request`: a call and its answer over a connection of this project: a request number, a deadline and a
//! wait for the answer of that number, by two rings of frames.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ipc_ring::Domain;
use ipc_ring::control::{Answer, Builder, RequestId, Requester, Responder, Ticket};

use super::link::{failed, wrong};
use super::spsc::strategy;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Failure, Gate, Job, Outcome, Plan, RegisteredDomain, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct Calls;

/// Makes the names of each round different.
static ROUND: AtomicU32 = AtomicU32::new(0);

/// Longer than any round.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);
/// The longest message that is measured.
const LONGEST: usize = 16 << 20;

impl Mechanism for Calls {
    fn name(&self) -> &'static str {
        "request"
    }

    fn about(&self) -> &'static str {
        "a request and its answer over a connection: numbered, with a deadline; each message is half of one"
    }

    fn kind(&self) -> Kind {
        Kind::Ring
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin, Wait::SpinSleep, Wait::Sleep]
    }

    fn default_waits(&self, _workload: Workload) -> &'static [Wait] {
        self.waits()
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.size > LONGEST {
            return Err(Failure::Unavailable(format!("the longest message measured is {LONGEST} bytes")));
        }
        names(capacity(plan))
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let service = service(job)?.capacity(capacity(&job.plan)).wait(strategy(job.plan.wait));
        if job.role == Role::Producer {
            let connection = service
                .connect_retrying(Instant::now() + PATIENCE)
                .map_err(Failure::at("connecting to the other worker"))?;
            workload::run_round_trips(job, gate, Asks { requester: Requester::new(connection), asked: None })
        } else {
            let mut listener = service.bind().map_err(Failure::at("listening"))?;
            let connection = listener.accept().map_err(Failure::at("accepting"))?;
            workload::run_round_trips(
                job,
                gate,
                Answers { responder: Responder::new(connection), asked: None },
            )
        }
    }
}

/// The parent's part of a round whose workers find each other by a name of their own.
pub(super) fn names(capacity: u64) -> Result<Resources, Failure> {
    // Relaxed: only the number matters.
    let round = ROUND.fetch_add(1, Ordering::Relaxed);
    Ok(Resources {
        numbers: vec![i64::from(std::process::id()), i64::from(round)],
        capacity: Some(capacity),
        keep: vec![Box::new(RegisteredDomain::join()?)],
        ..Resources::default()
    })
}

/// The name of a round's service.
pub(super) fn service(job: &Job) -> Result<Builder, Failure> {
    let domain = Domain::open(DOMAIN).map_err(Failure::at("joining the domain"))?;
    let round: Vec<_> = job.numbers.iter().map(ToString::to_string).collect();
    Ok(Builder::new(&format!("service-{}", round.join("-"))).domain(&domain))
}

/// Bytes of each ring: room for four messages with their heads.
fn capacity(plan: &Plan) -> u64 {
    ((plan.size + 64) * 4).next_power_of_two().max(4096) as u64
}

/// The side that asks.
struct Asks {
    requester: Requester,
    asked: Option<Ticket>,
}

impl Link for Asks {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.asked = Some(self.requester.start(message, PATIENCE).map_err(failed)?);
        Ok(())
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let ticket = self.asked.take().ok_or_else(|| failed("nothing was asked"))?;
        match self.requester.wait(&ticket).map_err(failed)? {
            Answer::Last(answer) if answer.len() == message.len() => {
                message.copy_from_slice(&answer);
                Ok(())
            }
            Answer::Last(answer) | Answer::Part(answer) => Err(wrong(answer.len(), message.len())),
        }
    }
}

/// The side that answers.
struct Answers {
    responder: Responder,
    asked: Option<RequestId>,
}

impl Link for Answers {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let id = self.asked.take().ok_or_else(|| failed("nothing was asked"))?;
        self.responder.reply(id, message).map_err(failed)
    }

    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let request = self.responder.next().map_err(failed)?;
        let body = request.body();
        if body.len() != message.len() {
            return Err(wrong(body.len(), message.len()));
        }
        message.copy_from_slice(body);
        self.asked = Some(request.id());
        Ok(())
    }
}
