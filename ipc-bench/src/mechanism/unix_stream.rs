//! `unix-stream`: a connected pair of Unix stream sockets.

use std::os::fd::{AsFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, getsockopt, setsockopt, socketpair, sockopt::SndBuf,
};

use super::byte_stream::ByteStream;
use super::{Kind, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct UnixStream;

impl Mechanism for UnixStream {
    fn name(&self) -> &'static str {
        "unix-stream"
    }

    fn about(&self) -> &'static str {
        "socketpair(AF_UNIX, SOCK_STREAM), send buffer 1 MiB where allowed; the reader takes all that waits in one read"
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
        pair(SockType::Stream)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        workload::run(job, gate, ByteStream::inherited(job)?)
    }
}

/// Resources of a connected pair of Unix sockets, each passed twice: as the outgoing and as the incoming
/// side.
pub(super) fn pair(kind: SockType) -> Result<Resources, Failure> {
    let (producer, consumer) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)
        .map_err(Failure::unavailable("socketpair"))?;
    both_ways(producer, consumer)
}

/// Resources of two connected sockets, each passed twice; their send buffers enlarged.
pub(super) fn both_ways(producer: OwnedFd, consumer: OwnedFd) -> Result<Resources, Failure> {
    let capacity = enlarge(&producer);
    enlarge(&consumer);
    let twice = |socket: OwnedFd| {
        let copy = socket.as_fd().try_clone_to_owned().map_err(Failure::at("dup"))?;
        Ok::<_, Failure>(vec![socket, copy])
    };
    Ok(Resources { producer: twice(producer)?, consumer: twice(consumer)?, capacity, ..Resources::default() })
}

/// Asks for a send buffer of 1 MiB; the kernel gives what its limit allows. Gives the size that it has then,
/// in bytes.
fn enlarge(socket: &OwnedFd) -> Option<u64> {
    let _ = setsockopt(socket, SndBuf, &(1 << 20));
    getsockopt(socket, SndBuf).ok().and_then(|size| u64::try_from(size).ok())
}
