//! `eventfd`, `sysv-sem`, `futex`: a line of shared memory for the message, and a kernel primitive to signal
//! it.
//!
//! These carry no payload by themselves; this is how they are used: the message is written first, then the
//! peer is woken. One message in flight.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::{Key, Mode};
use nix::libc;
use nix::sys::eventfd::{EfdFlags, EventFd as Counter};

use super::byte_stream::{persist, set_nonblocking};
use super::cache_line::{Line, check};
use super::memory::Memory;
use super::sizes::sized;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Descriptors, Failure, Gate, Job, Object, Outcome, Plan, Registered, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// A signal each way.
pub(super) trait Signal {
    /// Says that the line is written.
    fn notify(&mut self) -> io::Result<()>;
    /// Waits for the peer's signal.
    fn wait(&mut self) -> io::Result<()>;
}

/// A link over a line each way, announced by a signal.
struct Signalled<'a, const N: usize, S> {
    line: Line<'a, N>,
    signal: S,
}

impl<const N: usize, S: Signal> Link for Signalled<'_, N, S> {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.line.write(message)?;
        self.signal.notify()
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        self.signal.wait()?;
        self.line.read(message);
        Ok(())
    }
}

pub(super) fn run<S: Signal>(
    job: &Job,
    gate: &mut Gate,
    memory: &Memory,
    signal: S,
) -> Result<Outcome, Failure> {
    sized!(one line: job.plan.size, N => {
        let line = Line::<N>::new(memory, job.role);
        workload::run_round_trips_sized::<N, _>(job, gate, Signalled { line, signal })
    })
}

macro_rules! signal_mechanism {
    ($type:ident, $name:literal, $about:literal, $waits:expr) => {
        /// See the module.
        pub(super) struct $type;

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
                $waits
            }

            fn workloads(&self) -> &'static [Workload] {
                &[Workload::Pingpong]
            }

            fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
                check(plan)?;
                $type::resources()
            }

            fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
                let memory = Memory::attach(job)?;
                let signal = $type::signal(job, &memory)?;
                run(job, gate, &memory, signal)
            }
        }
    };
}

signal_mechanism!(
    EventFd,
    "eventfd",
    "a signal only: write and read of an eventfd(2), the message in shared memory",
    &[Wait::Sleep, Wait::Spin]
);
signal_mechanism!(
    SysvSem,
    "sysv-sem",
    "a signal only: semop(2) on System V semaphores, the message in shared memory",
    &[Wait::Sleep, Wait::Spin]
);
signal_mechanism!(
    Futex,
    "futex",
    "a signal only: futex(2) wait and wake, the message in shared memory",
    &[Wait::Sleep]
);

impl EventFd {
    pub(super) fn resources() -> Result<Resources, Failure> {
        let twice = || {
            let one = Counter::from_flags(EfdFlags::EFD_CLOEXEC).map_err(Failure::unavailable("eventfd"))?;
            let one = OwnedFd::from(one);
            let copy = one.try_clone().map_err(Failure::at("dup"))?;
            Ok::<_, Failure>((one, copy))
        };
        let (there, back) = (twice()?, twice()?);
        let mut resources = Line::<8>::resources()?;
        resources.producer = vec![there.0, back.0];
        resources.consumer = vec![back.1, there.1];
        Ok(resources)
    }

    fn signal(job: &Job, _memory: &Memory) -> Result<EventFds, Failure> {
        let mut descriptors = Descriptors::take(job);
        let (outgoing, incoming) = (descriptors.next_file()?, descriptors.next_file()?);
        let poll = job.plan.wait == Wait::Spin;
        if poll {
            set_nonblocking(&incoming)?;
        }
        Ok(EventFds { outgoing, incoming, poll })
    }
}

/// Counters of the kernel, one each way.
struct EventFds {
    outgoing: File,
    incoming: File,
    poll: bool,
}

impl Signal for EventFds {
    #[inline]
    fn notify(&mut self) -> io::Result<()> {
        persist(false, || self.outgoing.write(&1u64.to_ne_bytes())).map(drop)
    }

    #[inline]
    fn wait(&mut self) -> io::Result<()> {
        let mut count = [0; 8];
        persist(self.poll, || self.incoming.read(&mut count)).map(drop)
    }
}

impl SysvSem {
    fn resources() -> Result<Resources, Failure> {
        let set = SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)
            .map_err(Failure::unavailable("semaphore set"))?;
        let registered = Registered::new(Object::Semaphores(set))?;
        let mut resources = Line::<8>::resources()?;
        resources.numbers.push(i64::from(set.id().as_raw()));
        resources.keep.push(Box::new(registered));
        Ok(resources)
    }

    fn signal(job: &Job, _memory: &Memory) -> Result<Semaphores, Failure> {
        let id = job.numbers.get(1).and_then(|number| i32::try_from(*number).ok());
        let id = id.ok_or_else(|| Failure::Failed("the parent passed no semaphore set".into()))?;
        let (outgoing, incoming) = if job.role == Role::Producer { (0, 1) } else { (1, 0) };
        let set = SemaphoreSet::from_id(SemId::from_raw(id));
        Ok(Semaphores { set, outgoing, incoming, poll: job.plan.wait == Wait::Spin })
    }
}

/// Two semaphores of a set, one each way.
struct Semaphores {
    set: SemaphoreSet,
    outgoing: u16,
    incoming: u16,
    poll: bool,
}

impl Signal for Semaphores {
    #[inline]
    fn notify(&mut self) -> io::Result<()> {
        Ok(self.set.post(self.outgoing)?)
    }

    #[inline]
    fn wait(&mut self) -> io::Result<()> {
        if !self.poll {
            return Ok(self.set.wait(self.incoming)?);
        }
        while !self.set.try_wait(self.incoming)? {
            std::hint::spin_loop();
        }
        Ok(())
    }
}

impl Futex {
    fn resources() -> Result<Resources, Failure> {
        Line::<8>::resources()
    }

    fn signal<'a>(job: &Job, memory: &'a Memory) -> Result<FutexWords<'a>, Failure> {
        let (outgoing, incoming) = Line::<8>::signal_words(memory, job.role);
        Ok(FutexWords { outgoing, incoming, seen: 0 })
    }
}

/// Two counting words in the shared memory, each slept on by one side.
struct FutexWords<'a> {
    outgoing: &'a AtomicU32,
    incoming: &'a AtomicU32,
    seen: u32,
}

impl Signal for FutexWords<'_> {
    #[inline]
    fn notify(&mut self) -> io::Result<()> {
        // Release → the peer's Acquire in `wait`: the line is written before the count.
        self.outgoing.fetch_add(1, Ordering::Release);
        futex(self.outgoing, libc::FUTEX_WAKE, 1)
    }

    #[inline]
    fn wait(&mut self) -> io::Result<()> {
        // Acquire ← the peer's Release in `notify`.
        while self.incoming.load(Ordering::Acquire) == self.seen {
            futex(self.incoming, libc::FUTEX_WAIT, self.seen)?;
        }
        self.seen = self.seen.wrapping_add(1);
        Ok(())
    }
}

/// The system call without the flag for one process alone. A word that had changed already, or a signal, is
/// not an error: the caller checks again.
fn futex(word: &AtomicU32, operation: libc::c_int, value: u32) -> io::Result<()> {
    let no_timeout = ptr::null::<libc::timespec>();
    // SAFETY: the word is alive and aligned for the whole call; without a timeout the other arguments are not
    // looked at.
    let result = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, no_timeout) };
    if result >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EINTR) => Ok(()),
        _ => Err(error),
    }
}
