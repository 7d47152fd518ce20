//! The hidden `worker` command: one side of one round.

use std::process::ExitCode;

use nix::sys::prctl;
use nix::sys::signal::Signal;

use super::gate::{Gate, hear, say};
use super::interrupt;
use super::protocol::{Failure, Job, Outcome, Reply};
use crate::mechanism;
use crate::pin;

/// Reads the job, does it, tells the outcome.
pub(crate) fn run() -> ExitCode {
    interrupt::unblock();
    // Without this a worker whose parent was killed would spin for ever.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let reply = match hear::<Job>().and_then(|job| work(&job)) {
        Ok(outcome) => Reply::Outcome(outcome),
        Err(failure) => Reply::Failure(failure),
    };
    match say(&reply) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work(job: &Job) -> Result<Outcome, Failure> {
    if let Some(cpu) = job.cpu {
        pin::to(cpu).map_err(Failure::Failed)?;
    }
    // Timers as exact as the machine allows, for the sleeps of the open-loop sender.
    let _ = prctl::set_timerslack(1);
    mechanism::find(&job.plan.mechanism)
        .ok_or_else(|| Failure::Failed(format!("no mechanism is called {}", job.plan.mechanism)))?
        .work(job, &mut Gate::new())
}
