//! `pipe`: two anonymous pipes, one each way. In a fan all share one: the kernel keeps messages of up to a
//! page whole, and each read takes one.

use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

use super::byte_stream::ByteStream;
use super::{Kind, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// The largest write that does not mix with others.
const PIPE_BUF: usize = nix::libc::PIPE_BUF;

/// See the module.
pub(super) struct Pipe;

impl Mechanism for Pipe {
    fn name(&self) -> &'static str {
        "pipe"
    }

    fn about(&self) -> &'static str {
        "pipe(2), enlarged to 1 MiB where allowed; the reader takes all that waits in one read"
    }

    fn kind(&self) -> Kind {
        Kind::Kernel
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep, Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::WITH_FAN
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        if plan.workload == Workload::Fan && plan.size > PIPE_BUF {
            return Err(Failure::Unavailable(format!(
                "writes of more than {PIPE_BUF} bytes mix with those of others"
            )));
        }
        let there = pipe2(OFlag::O_CLOEXEC).map_err(Failure::unavailable("pipe2"))?;
        let back = pipe2(OFlag::O_CLOEXEC).map_err(Failure::unavailable("pipe2"))?;
        Ok(crossed(there, back))
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        workload::run_shared(job, gate, ByteStream::inherited(job)?)
    }
}

/// Resources of two pipes (reading end, writing end), `there` from producer to consumer; both enlarged.
pub(super) fn crossed(there: (OwnedFd, OwnedFd), back: (OwnedFd, OwnedFd)) -> Resources {
    let capacity = enlarge(&there.1);
    enlarge(&back.1);
    Resources {
        producer: vec![there.1, back.0],
        consumer: vec![back.1, there.0],
        capacity,
        ..Resources::default()
    }
}

/// Asks for a pipe buffer of 1 MiB; gives the size that it has then, in bytes.
fn enlarge(pipe: &OwnedFd) -> Option<u64> {
    // Refused when the user's share of pipe memory is used up: the default size stays.
    let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(1 << 20));
    fcntl(pipe, FcntlArg::F_GETPIPE_SZ).ok().and_then(|size| u64::try_from(size).ok())
}
