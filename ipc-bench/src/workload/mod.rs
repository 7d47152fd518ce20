//! What the processes do with a link, written once over every mechanism.

mod batches;
mod deadline;
mod fan;
mod open_loop;
mod pingpong;
mod publish;
mod run;
mod stream;

pub(crate) use batches::{BatchLink, run_batches};
use clap::ValueEnum;
pub(crate) use fan::MOST as MOST_OF_A_FAN;
pub(crate) use run::{
    run, run_consumer_sized, run_producer_sized, run_publisher_sized, run_round_trips, run_round_trips_sized,
    run_shared, run_shared_sized, run_sized, run_stamped, run_stream_sized, run_subscriber_sized,
};
use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Workload {
    /// Round trips, one message in flight; reported as half of a round trip.
    Pingpong,
    /// As many messages as go through, one `send` each.
    Stream,
    /// Sends at a fixed rate; latency counts from the intended time.
    Load,
    /// Rare messages: what it takes to reach a consumer that has been idle for a while.
    Wake,
    /// Several producers and several consumers at one queue, as many messages as go through.
    Fan,
    /// From SIGKILL to the notification of its sleeping partner.
    DeathTold,
    /// From SIGKILL of a consumer that holds a message to its delivery by others, which are busy.
    DeathRepaired,
    /// From SIGKILL of a consumer to the first push of a producer that waits for room.
    DeathReplaced,
    /// One publisher, as many messages as go out, and subscribers that read now and then.
    Publish,
    /// One publisher of rare messages, and subscribers that wait for each: how old it is when each of them
    /// has it, and when the last one has.
    Receipt,
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
            Workload::Receipt => "receipt",
        }
    }
}

/// Every workload between two processes: what most mechanisms can do.
pub(crate) const ALL: &[Workload] = &[Workload::Pingpong, Workload::Stream, Workload::Load, Workload::Wake];

/// Those, and the one among many.
pub(crate) const WITH_FAN: &[Workload] =
    &[Workload::Pingpong, Workload::Stream, Workload::Load, Workload::Wake, Workload::Fan];

/// What a channel of one publisher and many subscribers can do that never waits for them.
pub(crate) const WITH_PUBLISH: &[Workload] = &[
    Workload::Pingpong,
    Workload::Stream,
    Workload::Load,
    Workload::Wake,
    Workload::Publish,
    Workload::Receipt,
];

/// What one can do that waits for them.
pub(crate) const WITH_RECEIPT: &[Workload] =
    &[Workload::Pingpong, Workload::Stream, Workload::Load, Workload::Wake, Workload::Receipt];

/// In the order of tables.
pub(crate) const IN_ORDER: &[Workload] = &[
    Workload::Pingpong,
    Workload::Stream,
    Workload::Load,
    Workload::Wake,
    Workload::Fan,
    Workload::Publish,
    Workload::Receipt,
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
