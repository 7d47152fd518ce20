//! The mechanisms that can be measured, one file each.

mod awaited;
mod broadcast;
mod byte_stream;
mod bytes;
mod cache_line;
mod call;
mod connect;
mod datagram;
mod fifo;
mod flag_ring;
mod index_ring;
mod internet;
mod latest;
mod link;
mod local;
mod memory;
mod mpmc;
mod null;
mod one_line;
#[cfg(feature = "peers")]
mod peers;
mod pipe;
mod pool;
mod posix_mq;
mod request;
mod signalled;
mod sizes;
mod slot_queue;
mod spsc;
mod sysv_msg;
mod tokio_mpsc;
mod unix_message;
mod unix_stream;

use std::any::Any;
use std::fmt;
use std::os::fd::OwnedFd;

use ipc_ring::Parker;
pub(crate) use link::Link;

use crate::process::{Failure, Gate, Job, Outcome, Part, Plan};
use crate::wait::Wait;
use crate::workload::Workload;

/// The group of a mechanism in tables and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This project's rings.
    Ring,
    /// What the kernel offers.
    Kernel,
    /// The limit of the machine: written as well as possible, without any safety.
    Floor,
    /// Another project's, between processes, for comparison.
    #[cfg(feature = "peers")]
    Peer,
    /// Between the threads of one process: queues of other projects, for comparison.
    Threads,
    /// For checking the harness itself; not part of any default run.
    Check,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Ring => "ring",
            Kind::Kernel => "kernel",
            Kind::Floor => "floor",
            #[cfg(feature = "peers")]
            Kind::Peer => "peer",
            Kind::Threads => "threads",
            Kind::Check => "check",
        })
    }
}

/// What the parent makes for one round and the workers use.
#[derive(Default)]
pub(crate) struct Resources {
    /// Identifiers of kernel objects, passed to both workers.
    pub(crate) numbers: Vec<i64>,
    /// Descriptors that the producer inherits.
    pub(crate) producer: Vec<OwnedFd>,
    /// Descriptors that the consumer inherits.
    pub(crate) consumer: Vec<OwnedFd>,
    /// What the mechanism holds: slots of a ring, bytes of a kernel buffer.
    pub(crate) capacity: Option<u64>,
    /// Dropped when both workers have ended: guards that remove what the parent made.
    pub(crate) keep: Vec<Box<dyn Any>>,
}

/// A way to pass messages.
pub(crate) trait Mechanism: Sync {
    /// Its name on the command line and in results.
    fn name(&self) -> &'static str;

    /// One line on what it is.
    fn about(&self) -> &'static str;

    /// Where it belongs.
    fn kind(&self) -> Kind;

    /// The ways of waiting that it supports.
    fn waits(&self) -> &'static [Wait];

    /// The ways of waiting measured when none is asked for: the first, unless specified otherwise.
    fn default_waits(&self, _workload: Workload) -> &'static [Wait] {
        &self.waits()[..1]
    }

    /// The workloads it can do.
    fn workloads(&self) -> &'static [Workload];

    /// Whether it may lose messages by design: then a loss voids the row, but is not a failure of the run.
    fn may_lose(&self) -> bool {
        false
    }

    /// Whether it is between the threads of one process: then all members live there, and `parts` is called
    /// in place of `work`.
    fn in_process(&self) -> bool {
        false
    }

    /// Makes what the threads share; gives the part of each job.
    ///
    /// # Errors
    /// The mechanism is between processes.
    fn parts(&self, _jobs: &[Job]) -> Result<Vec<Part>, Failure> {
        Err(Failure::Failed(format!("{} is between processes", self.name())))
    }

    /// Makes, in the parent, what one round needs.
    ///
    /// # Errors
    /// `Unavailable` when this machine does not have the mechanism or it cannot do what the plan asks.
    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure>;

    /// Does the job of one worker.
    ///
    /// # Errors
    /// What went wrong.
    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure>;
}

/// All mechanisms, in the order of lists and tables.
pub(crate) static ALL: &[&dyn Mechanism] = &[
    &spsc::Spsc(Parker::Semaphore),
    &spsc::Spsc(Parker::Futex),
    &spsc::SpscBatch,
    &awaited::SpscAsync,
    &awaited::SpscEpoll,
    &bytes::Bytes,
    &mpmc::Mpmc(Parker::Semaphore),
    &mpmc::Mpmc(Parker::Futex),
    &pool::InPlace,
    &pool::Copied,
    &call::Call,
    &latest::Latest::<false>,
    &latest::Latest::<true>,
    &request::Calls,
    &connect::Connect,
    &broadcast::Broadcast(ipc_ring::broadcast::Mode::Lossy),
    &broadcast::Broadcast(ipc_ring::broadcast::Mode::Gated),
    &sysv_msg::SysvMsg,
    &posix_mq::PosixMq,
    &pipe::Pipe,
    &fifo::Fifo,
    &unix_stream::UnixStream,
    &connect::UnixConnect,
    &unix_message::UnixDgram,
    &unix_message::UnixSeqpacket,
    &internet::Tcp,
    &internet::Udp,
    &signalled::EventFd,
    &awaited::EventFdAsync,
    &tokio_mpsc::TokioMpsc,
    &signalled::SysvSem,
    &signalled::Futex,
    &local::ClockOnly,
    &local::Memcpy,
    &cache_line::CacheLine,
    &one_line::OneLine,
    &flag_ring::FlagRing,
    &index_ring::IndexRing::<1>,
    &index_ring::IndexRing::<64>,
    &slot_queue::SlotQueue,
    #[cfg(feature = "peers")]
    &peers::Iceoryx,
    #[cfg(feature = "peers")]
    &peers::IceoryxInPlace,
    #[cfg(feature = "peers")]
    &peers::IceoryxCopy,
    #[cfg(feature = "peers")]
    &peers::IceoryxCall,
    #[cfg(feature = "peers")]
    &peers::Ringfire,
    #[cfg(feature = "peers")]
    &peers::Crossbeam,
    #[cfg(feature = "peers")]
    &peers::Rtrb,
    &null::Null,
];

/// The mechanism of that name.
pub(crate) fn find(name: &str) -> Option<&'static dyn Mechanism> {
    ALL.iter().copied().find(|mechanism| mechanism.name() == name)
}
