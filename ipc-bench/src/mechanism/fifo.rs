//! `fifo`: two named pipes, one each way; their names are gone before the run starts.

use std::fs;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::byte_stream::ByteStream;
use super::pipe::crossed;
use super::{Kind, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct Fifo;

impl Mechanism for Fifo {
    fn name(&self) -> &'static str {
        "fifo"
    }

    fn about(&self) -> &'static str {
        "mkfifo(3), enlarged to 1 MiB where allowed; the reader takes all that waits in one read"
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
        Ok(crossed(named_pipe()?, named_pipe()?))
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        workload::run(job, gate, ByteStream::inherited(job)?)
    }
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Both ends of a new named pipe whose name is removed again: (reading, writing).
fn named_pipe() -> Result<(OwnedFd, OwnedFd), Failure> {
    // Relaxed: only the number matters.
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("ipc-bench-{}-{number}", std::process::id()));
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(Failure::unavailable("mkfifo"))?;
    // Opens the reading end without waiting for a writer; the flag is cleared below.
    let both = open(&path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())
        .and_then(|reading| Ok((reading, open(&path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?)));
    let removed = fs::remove_file(&path);
    let (reading, writing) = both.map_err(Failure::unavailable("opening a named pipe"))?;
    removed.map_err(Failure::at("removing the name of a pipe"))?;
    super::byte_stream::set_blocking(&reading)?;
    Ok((reading, writing))
}
