//! `unix-dgram` and `unix-seqpacket`: connected pairs of Unix sockets that keep the bounds of messages.

use nix::sys::socket::SockType;

use super::datagram::Datagrams;
use super::unix_stream::pair;
use super::{Kind, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// Datagram sockets. See the module.
pub(super) struct UnixDgram;

/// Sequenced-packet sockets. See the module.
pub(super) struct UnixSeqpacket;

macro_rules! unix_mechanism {
    ($type:ident, $name:literal, $kind:expr, $about:literal) => {
        impl Mechanism for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn about(&self) -> &'static str {
                $about
            }

            fn kind(&self) -> Kind {
                Kind::Kernel
            }

            fn waits(&self) -> &'static [Wait] {
                &[Wait::Sleep, Wait::Spin]
            }

            fn workloads(&self) -> &'static [Workload] {
                workload::ALL
            }

            fn prepare(&self, _plan: &Plan) -> Result<Resources, Failure> {
                pair($kind)
            }

            fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
                workload::run(job, gate, Datagrams::<false>::inherited(job)?)
            }
        }
    };
}

unix_mechanism!(
    UnixDgram,
    "unix-dgram",
    SockType::Datagram,
    "socketpair(AF_UNIX, SOCK_DGRAM); holds max_dgram_qlen messages, and waits when full"
);
unix_mechanism!(
    UnixSeqpacket,
    "unix-seqpacket",
    SockType::SeqPacket,
    "socketpair(AF_UNIX, SOCK_SEQPACKET), send buffer 1 MiB where allowed"
);
