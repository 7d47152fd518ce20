//! `posix-mq`: two POSIX message queues, one each way; their names are gone before the run starts.

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_getattr, mq_open, mq_receive, mq_send, mq_unlink};
use nix::sys::stat::Mode;

use super::byte_stream::set_nonblocking;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Descriptors, Failure, Gate, Job, Outcome, Plan};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// See the module.
pub(super) struct PosixMq;

impl Mechanism for PosixMq {
    fn name(&self) -> &'static str {
        "posix-mq"
    }

    fn about(&self) -> &'static str {
        "mq_send and mq_receive; as many messages as allowed, 1024 at most"
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

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        let (there, back) = (queue(plan.size)?, queue(plan.size)?);
        let capacity = mq_getattr(&there).ok().and_then(|attributes| u64::try_from(attributes.maxmsg()).ok());
        let twice = |queue: MqdT| {
            let queue = owned(queue);
            let copy = queue.try_clone().map_err(Failure::at("dup"))?;
            Ok::<_, Failure>((queue, copy))
        };
        let (there, back) = (twice(there)?, twice(back)?);
        Ok(Resources {
            producer: vec![there.0, back.0],
            consumer: vec![back.1, there.1],
            capacity,
            ..Resources::default()
        })
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let mut descriptors = Descriptors::take(job);
        let mut next = || {
            let descriptor = descriptors.next()?;
            if job.plan.wait == Wait::Spin {
                set_nonblocking(&descriptor)?;
            }
            // SAFETY: the descriptor is of a message queue, as the parent made it, and is given away here.
            Ok::<_, Failure>(unsafe { MqdT::from_raw_fd(descriptor.into_raw_fd()) })
        };
        let link = Queues { outgoing: next()?, incoming: next()?, poll: job.plan.wait == Wait::Spin };
        workload::run(job, gate, link)
    }
}

/// A queue's descriptor as a plain descriptor: on Linux it is one.
fn owned(queue: MqdT) -> OwnedFd {
    // SAFETY: the queue gives its descriptor away, so the value made here is its only owner.
    unsafe { OwnedFd::from_raw_fd(queue.into_raw_fd()) }
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A new queue for messages of `size` bytes, its name removed again. Few messages unless the limits allow
/// more.
fn queue(size: usize) -> Result<MqdT, Failure> {
    // Relaxed: only the number matters.
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("/ipc-bench-{}-{number}", std::process::id());
    let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let mut refused = Errno::UnknownErrno;
    for messages in [1024, 256, 64, 10] {
        let attributes = MqAttr::new(0, messages, size as _, 0);
        match mq_open(name.as_str(), flags, mode, Some(&attributes)) {
            Ok(queue) => {
                mq_unlink(name.as_str()).map_err(Failure::at("mq_unlink"))?;
                return Ok(queue);
            }
            Err(errno) => refused = errno,
        }
    }
    let limit = std::fs::read_to_string("/proc/sys/fs/mqueue/msgsize_max").unwrap_or_default();
    let limit = limit.trim();
    Err(Failure::Unavailable(format!(
        "mq_open(messages of {size} bytes): {refused} (fs.mqueue.msgsize_max is {limit} bytes)"
    )))
}

/// One process's side of the two queues.
#[derive(Debug)]
struct Queues {
    outgoing: MqdT,
    incoming: MqdT,
    poll: bool,
}

/// Repeats an operation that was interrupted, or would block when polling.
#[inline(always)]
fn persist<T>(poll: bool, mut operation: impl FnMut() -> nix::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(Errno::EAGAIN) if poll => std::hint::spin_loop(),
            Err(Errno::EINTR) => {}
            done => return Ok(done?),
        }
    }
}

impl Link for Queues {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        persist(self.poll, || mq_send(&self.outgoing, message, 0))
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let mut priority = 0;
        let received = persist(self.poll, || mq_receive(&self.incoming, message, &mut priority))?;
        if received == message.len() {
            Ok(())
        } else {
            Err(io::Error::other(format!("a message of {received} bytes, not {}", message.len())))
        }
    }
}
