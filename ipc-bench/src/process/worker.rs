//! The hidden `worker` command: one member of a round, or all of them as threads.

use std::process::ExitCode;
use std::sync::mpsc::channel;

use nix::sys::prctl;
use nix::sys::signal::Signal;

use super::gate::{Gate, hear, say};
use super::protocol::{Failure, Job, Outcome, Reply, Word};
use crate::mechanism::{self, Mechanism};
use crate::pin;
use ipc_cli_support::interrupt;

/// Reads the jobs, does them, reports the outcomes.
pub(crate) fn run() -> ExitCode {
    interrupt::unblock();
    // Without this a worker whose parent was killed would spin for ever.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let told = match hear::<Vec<Job>>() {
        Ok(jobs) if jobs.len() == 1 => {
            let mut gate = Gate::new(jobs[0].member, None);
            let outcome = settle(&jobs[0]).and_then(|mechanism| mechanism.work(&jobs[0], &mut gate));
            gate.conclude(&reply(outcome, true))
        }
        Ok(jobs) => together(jobs),
        Err(failure) => say(0, &Reply::Failure(failure)),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// One of the process's members reports its late sleeps.
fn reply(outcome: Result<Outcome, Failure>, is_first: bool) -> Reply {
    let late_sleeps = if is_first { ipc_ring::wait::late::count() } else { 0 };
    match outcome {
        Ok(outcome) => Reply::Outcome(Outcome { late_sleeps, ..outcome }),
        Err(failure) => Reply::Failure(failure),
    }
}

/// Binds the calling thread to the member's processors; gives the mechanism.
fn settle(job: &Job) -> Result<&'static dyn Mechanism, Failure> {
    if !job.cpus.is_empty() {
        pin::to(&job.cpus).map_err(Failure::Failed)?;
    }
    // Timers as exact as the machine allows, for the sleeps of the open-loop sender.
    let _ = prctl::set_timerslack(1);
    mechanism::find(&job.plan.mechanism)
        .ok_or_else(|| Failure::Failed(format!("no mechanism is called {}", job.plan.mechanism)))
}

/// A part of a mechanism between threads: does the job of one member.
pub(crate) type Part = Box<dyn FnOnce(&Job, &mut Gate) -> Result<Outcome, Failure> + Send>;

/// Does each job in a thread of its own.
fn together(jobs: Vec<Job>) -> Result<(), Failure> {
    let parts = jobs
        .first()
        .ok_or_else(|| Failure::Failed("the parent gave no job".into()))
        .and_then(settle)
        .and_then(|mechanism| mechanism.parts(&jobs));
    let parts = match parts {
        Ok(parts) => parts,
        Err(failure) => return say(0, &Reply::Failure(failure)),
    };
    let mut lines = Vec::new();
    let mut threads = Vec::new();
    for (job, part) in jobs.into_iter().zip(parts) {
        let (sender, words) = channel();
        lines.push(sender);
        threads.push(std::thread::spawn(move || {
            let mut gate = Gate::new(job.member, Some(words));
            let outcome = settle(&job).and_then(|_| part(&job, &mut gate));
            gate.conclude(&reply(outcome, job.member == 0))
        }));
    }
    // Ends with the process, or when the parent ends.
    std::thread::spawn(move || {
        while let Ok((member, word)) = hear::<(usize, Word)>() {
            // A member that has failed needs no more messages.
            let _ = lines.get(member).map(|line| line.send(word));
        }
    });
    for thread in threads {
        thread.join().map_err(|_| Failure::Failed("a thread panicked".into()))??;
    }
    Ok(())
}
