//! What the processes do with a link, written once over every mechanism.

mod batches;
mod fan;
mod open_loop;
mod pingpong;
mod publish;
mod stream;

pub(crate) use batches::{BatchLink, run_batches};
use clap::ValueEnum;
pub(crate) use fan::MOST as MOST_OF_A_FAN;
use serde::{Deserialize, Serialize};

use crate::mechanism::Link;
use crate::process::{Failure, Gate, Job, Outcome, Role};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Workload {
    /// Round trips, one message in flight; told as half of a round trip.
    Pingpong,
    /// As many messages as go through, one `send` each.
    Stream,
    /// Sends at a fixed rate; latency counts from the intended time.
    Load,
    /// Rare messages: what it takes to reach a consumer that has been idle for a while.
    Wake,
    /// Several producers and several consumers at one queue, as many messages as go through.
    Fan,
    /// From SIGKILL to its partner, asleep, being told.
    DeathTold,
    /// From SIGKILL of a consumer with a message in hand to its delivery by others, who are busy.
    DeathRepaired,
    /// From SIGKILL of a consumer to the first push of a producer that waits for room.
    DeathReplaced,
    /// One publisher, as many messages as go out, and subscribers that read now and then.
    Publish,
}

impl Workload {
    /// The name used in tables and JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Workload::Pingpong => "pingpong",
            Workload::Stream => "stream",
            Workload::Load => "load",
            Workload::Wake => "wake",
            Workload::Fan => "fan",
            Workload::DeathTold => "death_told",
            Workload::DeathRepaired => "death_repaired",
            Workload::DeathReplaced => "death_replaced",
            Workload::Publish => "publish",
        }
    }
}

/// Every workload between two processes: what most mechanisms can do.
pub(crate) const ALL: &[Workload] = &[Workload::Pingpong, Workload::Stream, Workload::Load, Workload::Wake];

/// Those, and the one among many.
pub(crate) const WITH_FAN: &[Workload] =
    &[Workload::Pingpong, Workload::Stream, Workload::Load, Workload::Wake, Workload::Fan];

/// What a channel of one publisher and many subscribers can do that never waits for them.
pub(crate) const WITH_PUBLISH: &[Workload] =
    &[Workload::Pingpong, Workload::Stream, Workload::Load, Workload::Wake, Workload::Publish];

/// In the order of tables.
pub(crate) const IN_ORDER: &[Workload] = &[
    Workload::Pingpong,
    Workload::Stream,
    Workload::Load,
    Workload::Wake,
    Workload::Fan,
    Workload::Publish,
    Workload::DeathTold,
    Workload::DeathRepaired,
    Workload::DeathReplaced,
];

/// Memory for one message, of a size known when compiled or not.
pub(crate) trait Buffer {
    /// A buffer of zeros.
    fn zeroed(size: usize) -> Self;
    /// Its bytes.
    fn bytes(&mut self) -> &mut [u8];
}

/// A message of known size, at the start of a cache line like the slots it is copied to.
#[repr(align(64))]
struct Aligned<const N: usize>([u8; N]);

impl<const N: usize> Buffer for Aligned<N> {
    fn zeroed(_size: usize) -> Self {
        Aligned([0; N])
    }

    #[inline(always)]
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Bytes of a stamp: a sequence word and a checksum.
pub(crate) const STAMP: usize = 16;

/// The front of a message, where the rest of it is neither written nor read.
struct Stamp {
    bytes: [u8; STAMP],
    len: usize,
}

impl Buffer for Stamp {
    fn zeroed(size: usize) -> Self {
        Stamp { bytes: [0; STAMP], len: size.min(STAMP) }
    }

    #[inline(always)]
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl Buffer for Vec<u8> {
    fn zeroed(size: usize) -> Self {
        vec![0; size]
    }

    #[inline(always)]
    fn bytes(&mut self) -> &mut [u8] {
        self
    }
}

/// Runs the job over a link whose cost does not depend on knowing the size when compiled.
///
/// # Errors
/// The link failed, or the parent went away.
pub(crate) fn run<L: Link>(job: &Job, gate: &mut Gate, link: L) -> Result<Outcome, Failure> {
    run_with::<Vec<u8>, L>(job, gate, link)
}

/// As `run`, for a mechanism that many can share: a fan as well.
///
/// # Errors
/// As `run`.
pub(crate) fn run_shared<L: Link>(job: &Job, gate: &mut Gate, link: L) -> Result<Outcome, Failure> {
    run_with_fan::<Vec<u8>, L>(job, gate, link)
}

/// Runs the job over a link that passes whole messages on, of which only a stamp is written and read.
///
/// # Errors
/// The link failed, or the parent went away.
pub(crate) fn run_stamped<L: Link>(job: &Job, gate: &mut Gate, link: L) -> Result<Outcome, Failure> {
    run_with::<Stamp, L>(job, gate, link)
}

/// Runs the job over a link for messages of exactly `N` bytes.
///
/// # Errors
/// The link failed, or the parent went away.
pub(crate) fn run_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: L,
) -> Result<Outcome, Failure> {
    run_with::<Aligned<N>, L>(job, gate, link)
}

/// As `run_sized`, for a mechanism that many can share: a fan as well.
///
/// # Errors
/// As `run_sized`.
pub(crate) fn run_shared_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: L,
) -> Result<Outcome, Failure> {
    run_with_fan::<Aligned<N>, L>(job, gate, link)
}

/// As `run_sized`, for one end among many, which can do nothing else.
///
/// # Errors
/// As `run_sized`.
pub(crate) fn run_fan_sized<const N: usize, L: Link>(
    job: &Job,
    gate: &mut Gate,
    link: L,
) -> Result<Outcome, Failure> {
    run_fan::<Aligned<N>, L>(job, gate, link)
}

// Every workload is compiled for every link and size. Fans only for links that can have them, others only for those that
// are not ends of fans alone.

fn run_with_fan<B: Buffer, L: Link>(job: &Job, gate: &mut Gate, link: L) -> Result<Outcome, Failure> {
    match job.plan.workload {
        Workload::Fan => run_fan::<B, L>(job, gate, link),
        _ => run_with::<B, L>(job, gate, link),
    }
}

fn run_fan<B: Buffer, L: Link>(job: &Job, gate: &mut Gate, mut link: L) -> Result<Outcome, Failure> {
    let buffer = B::zeroed(job.plan.size);
    match job.role {
        Role::Producer => fan::send(job, gate, &mut link, buffer),
        Role::Consumer => fan::receive(job, gate, &mut link, buffer),
    }
}

fn run_with<B: Buffer, L: Link>(job: &Job, gate: &mut Gate, mut link: L) -> Result<Outcome, Failure> {
    let buffer = B::zeroed(job.plan.size);
    match (job.plan.workload, job.role) {
        (Workload::Pingpong, Role::Producer) => pingpong::start(job, gate, &mut link, buffer),
        (Workload::Pingpong, Role::Consumer) => pingpong::answer(job, gate, &mut link, buffer),
        (Workload::Stream, Role::Producer) => stream::send(job, gate, &mut link, buffer),
        (Workload::Stream, Role::Consumer) => stream::receive(job, gate, &mut link, buffer),
        (Workload::Fan, _) => Err(Failure::Failed("this link is for two".into())),
        (Workload::Publish, Role::Producer) => publish::send(job, gate, &mut link, buffer),
        (Workload::Publish, Role::Consumer) => publish::receive(job, gate, &mut link, buffer),
        (Workload::Load | Workload::Wake, Role::Producer) => open_loop::send(job, gate, &mut link, buffer),
        (Workload::Load | Workload::Wake, Role::Consumer) => open_loop::receive(job, gate, &mut link, buffer),
        (Workload::DeathTold | Workload::DeathRepaired | Workload::DeathReplaced, _) => {
            Err(Failure::Unavailable("deaths are measured by a command of their own".into()))
        }
    }
}
