//! Runs the workload of a job over a link.
//!
//! Each function here compiles its workloads once more for each link and each size it is called with, which
//! accounts for most of the build time. So there is one for each set of workloads that links have, and none
//! compiles what its mechanisms never do.

use super::{Aligned, Buffer, Stamp, Workload, fan, open_loop, pingpong, publish, stream};
use crate::mechanism::Link;
use crate::process::{Failure, Gate, Job, Outcome, Role};

/// Every workload between two, over a link whose cost does not depend on a compile-time size.
///
/// # Errors
/// The link failed, or the parent went away. As for all functions of this module, also when the job requests
/// a workload that is not compiled.
pub(crate) fn run<L: Link>(job: &Job, gate: &mut Gate, link: L) -> Result<Outcome, Failure> {
    between_two::<Vec<u8>, L>(job, gate, link)
}

/// As [`run`], over a link that passes whole messages on, of which only a stamp is written and read.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_stamped<L: Link>(job: &Job, gate: &mut Gate, link: L) -> Result<Outcome, Failure> {
    between_two::<Stamp, L>(job, gate, link)
}

/// As [`run`], over a link for messages of exactly `N` bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: L,
) -> Result<Outcome, Failure> {
    between_two::<Aligned<N>, L>(job, gate, link)
}

/// Every workload between two, and fans.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_shared<L: Link>(job: &Job, gate: &mut Gate, link: L) -> Result<Outcome, Failure> {
    among_many::<Vec<u8>, L>(job, gate, link)
}

/// As [`run_shared`], over a link for messages of exactly `N` bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_shared_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: L,
) -> Result<Outcome, Failure> {
    among_many::<Aligned<N>, L>(job, gate, link)
}

/// Round trips alone.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_round_trips<L: Link>(job: &Job, gate: &mut Gate, link: L) -> Result<Outcome, Failure> {
    round_trips::<Vec<u8>, L>(job, gate, link)
}

/// As [`run_round_trips`], over a link for messages of exactly `N` bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_round_trips_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: L,
) -> Result<Outcome, Failure> {
    round_trips::<Aligned<N>, L>(job, gate, link)
}

/// Streams alone, over a link for messages of exactly `N` bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_stream_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    mut link: L,
) -> Result<Outcome, Failure> {
    let buffer = Aligned::<N>::zeroed(N);
    match (job.plan.workload, job.role) {
        (Workload::Stream, Role::Producer) => stream::send(job, gate, &mut link, buffer),
        (Workload::Stream, Role::Consumer) => stream::receive(job, gate, &mut link, buffer),
        _ => Err(absent(job)),
    }
}

/// The sending end of a fan, for messages of exactly `N` bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_producer_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    mut link: L,
) -> Result<Outcome, Failure> {
    fan::send(job, gate, &mut link, Aligned::<N>::zeroed(N))
}

/// The receiving end of a fan, for messages of exactly `N` bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_consumer_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    mut link: L,
) -> Result<Outcome, Failure> {
    fan::receive(job, gate, &mut link, Aligned::<N>::zeroed(N))
}

/// The one that publishes messages of exactly `N` bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_publisher_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    mut link: L,
) -> Result<Outcome, Failure> {
    let buffer = Aligned::<N>::zeroed(N);
    match job.plan.workload {
        Workload::Receipt => open_loop::send(job, gate, &mut link, buffer),
        _ => publish::send(job, gate, &mut link, buffer),
    }
}

/// One of the readers of a publication, with messages of exactly `N` bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_subscriber_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    mut link: L,
) -> Result<Outcome, Failure> {
    let buffer = Aligned::<N>::zeroed(N);
    match job.plan.workload {
        Workload::Receipt => open_loop::receive(job, gate, &mut link, buffer),
        _ => publish::receive(job, gate, &mut link, buffer),
    }
}

fn round_trips<B: Buffer, L: Link>(job: &Job, gate: &mut Gate, mut link: L) -> Result<Outcome, Failure> {
    let buffer = B::zeroed(job.plan.size);
    match (job.plan.workload, job.role) {
        (Workload::Pingpong, Role::Producer) => pingpong::start(job, gate, &mut link, buffer),
        (Workload::Pingpong, Role::Consumer) => pingpong::answer(job, gate, &mut link, buffer),
        _ => Err(absent(job)),
    }
}

fn between_two<B: Buffer, L: Link>(job: &Job, gate: &mut Gate, mut link: L) -> Result<Outcome, Failure> {
    let buffer = B::zeroed(job.plan.size);
    match (job.plan.workload, job.role) {
        (Workload::Pingpong, Role::Producer) => pingpong::start(job, gate, &mut link, buffer),
        (Workload::Pingpong, Role::Consumer) => pingpong::answer(job, gate, &mut link, buffer),
        (Workload::Stream, Role::Producer) => stream::send(job, gate, &mut link, buffer),
        (Workload::Stream, Role::Consumer) => stream::receive(job, gate, &mut link, buffer),
        (Workload::Load | Workload::Wake, Role::Producer) => open_loop::send(job, gate, &mut link, buffer),
        (Workload::Load | Workload::Wake, Role::Consumer) => open_loop::receive(job, gate, &mut link, buffer),
        _ => Err(absent(job)),
    }
}

fn among_many<B: Buffer, L: Link>(job: &Job, gate: &mut Gate, mut link: L) -> Result<Outcome, Failure> {
    match (job.plan.workload, job.role) {
        (Workload::Fan, Role::Producer) => fan::send(job, gate, &mut link, B::zeroed(job.plan.size)),
        (Workload::Fan, Role::Consumer) => fan::receive(job, gate, &mut link, B::zeroed(job.plan.size)),
        _ => between_two::<B, L>(job, gate, link),
    }
}

/// The lists of a mechanism's workloads and of those compiled for it disagree.
#[cold]
fn absent(job: &Job) -> Failure {
    let (workload, mechanism) = (job.plan.workload.name(), &job.plan.mechanism);
    Failure::Failed(format!("{workload} is not built in for {mechanism}"))
}
