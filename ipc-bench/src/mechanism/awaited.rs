//! `spsc-async`: the ring of `spsc` with ends that tasks of a tokio runtime with one thread await.
//! `spsc-epoll`: with ends behind a descriptor in an epoll. `eventfd-async`: an `eventfd` that such a task
//! awaits, for comparison.
//!
//! A message that is there is taken by the task's poll; only a task that has to wait enters the runtime.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ipc_async::Async;
use ipc_ring::readiness::{Armed, PollSet};
use ipc_ring::spsc::{Consumer, Producer};
use ipc_ring::{Domain, Parker, PopError, PushError, Waitable};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};
use zerocopy::FromBytes as _;

use super::byte_stream::{persist, set_nonblocking};
use super::cache_line::check;
use super::link::failed;
use super::memory::Memory;
use super::signalled::{self, EventFd, Signal};
use super::sizes::sized;
use super::spsc::{Channels, prepare};
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{DOMAIN, Descriptors, Failure, Gate, Job, Outcome, Plan};
use crate::wait::Wait;
use crate::workload::{self, Workload};

macro_rules! awaited {
    ($type:ident, $name:literal, $about:literal, $link:ident) => {
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
                Kind::Ring
            }

            fn waits(&self) -> &'static [Wait] {
                &[Wait::Sleep, Wait::SpinSleep]
            }

            fn default_waits(&self, _workload: Workload) -> &'static [Wait] {
                self.waits()
            }

            fn workloads(&self) -> &'static [Workload] {
                &[Workload::Pingpong, Workload::Stream]
            }

            fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
                prepare(plan)
            }

            fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
                sized!(job.plan.size, N => {
                    const WORDS: usize = N / 8;
                    let channels = Channels::<WORDS>::open(job, Parker::Semaphore)
                        .map_err(Failure::at("opening the channels"))?;
                    let link = $link::new(channels, job.plan.wait).map_err(Failure::at("starting to wait"))?;
                    workload::run_sized::<N, _>(job, gate, link)
                })
            }
        }
    };
}

awaited!(
    SpscAsync,
    "spsc-async",
    "the ring of spsc, awaited by a task of a tokio runtime with one thread",
    Awaited
);
awaited!(SpscEpoll, "spsc-epoll", "the ring of spsc, its consumer behind a descriptor in an epoll", Polled);

pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().build()
}

/// Ends that tasks await.
struct Awaited<const WORDS: usize> {
    outgoing: Async<Producer<[u64; WORDS]>>,
    incoming: Async<Consumer<[u64; WORDS]>>,
    /// For the poll of an operation outside the runtime.
    at_once: Context<'static>,
    runtime: Runtime,
}

impl<const WORDS: usize> Awaited<WORDS> {
    fn new(channels: Channels<WORDS>, wait: Wait) -> Result<Self, Box<dyn std::error::Error>> {
        let mut outgoing = Async::new(channels.outgoing)?;
        let mut incoming = Async::new(channels.incoming)?;
        if wait == Wait::Sleep {
            outgoing.set_budget(Duration::ZERO);
            incoming.set_budget(Duration::ZERO);
        }
        Ok(Self { outgoing, incoming, at_once: Context::from_waker(Waker::noop()), runtime: runtime()? })
    }
}

impl<const WORDS: usize> Link for Awaited<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        match self.outgoing.poll_push(message, &mut self.at_once) {
            Poll::Ready(done) => done,
            Poll::Pending => self.runtime.block_on(self.outgoing.push(message)),
        }
        .map_err(failed)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let place = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        match self.incoming.poll_pop_into(place, &mut self.at_once) {
            Poll::Ready(done) => done,
            Poll::Pending => self.runtime.block_on(self.incoming.pop_into(place)),
        }
        .map_err(failed)
    }
}

/// A consumer, and a producer that waits for room, behind descriptors.
struct Polled<const WORDS: usize> {
    channels: Channels<WORDS>,
    room: Loop,
    messages: Loop,
    /// The number of checks before arming.
    looks: u32,
}

/// A set, and the epoll that it is in.
struct Loop {
    set: PollSet,
    epoll: Epoll,
}

impl Loop {
    fn new(domain: &Domain) -> Result<Self, Box<dyn std::error::Error>> {
        let (set, epoll) = (PollSet::new(domain)?, Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        epoll.add(set.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        Ok(Self { set, epoll })
    }

    /// Waits until there may be something to do.
    fn wait(&mut self, end: &mut dyn Waitable) -> io::Result<()> {
        if self.set.arm(&mut [&mut *end]).map_err(failed)? == Armed::Waiting {
            let mut events = [EpollEvent::empty()];
            let waited = persist(false, || Ok(self.epoll.wait(&mut events, EpollTimeout::NONE)?));
            self.set.disarm(&mut [end]).map_err(failed)?;
            waited?;
        }
        Ok(())
    }
}

impl<const WORDS: usize> Polled<WORDS> {
    fn new(channels: Channels<WORDS>, wait: Wait) -> Result<Self, Box<dyn std::error::Error>> {
        let domain = Domain::open(DOMAIN)?;
        let looks = if wait == Wait::Sleep { 1 } else { 1000 };
        Ok(Self { channels, room: Loop::new(&domain)?, messages: Loop::new(&domain)?, looks })
    }
}

impl<const WORDS: usize> Link for Polled<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = <[u64; WORDS]>::ref_from_bytes(message).map_err(failed)?;
        loop {
            for _ in 0..self.looks {
                match self.channels.outgoing.try_push_from(message) {
                    Err(PushError::Full(())) => std::hint::spin_loop(),
                    pushed => return pushed.map_err(failed),
                }
            }
            self.room.wait(&mut self.channels.outgoing)?;
        }
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let place = <[u64; WORDS]>::mut_from_bytes(message).map_err(failed)?;
        loop {
            for _ in 0..self.looks {
                match self.channels.incoming.try_pop_into(place) {
                    Err(PopError::Empty) => std::hint::spin_loop(),
                    popped => return popped.map_err(failed),
                }
            }
            self.messages.wait(&mut self.channels.incoming)?;
        }
    }
}

/// `eventfd-async`; see the module.
pub(super) struct EventFdAsync;

impl Mechanism for EventFdAsync {
    fn name(&self) -> &'static str {
        "eventfd-async"
    }

    fn about(&self) -> &'static str {
        "a signal only: an eventfd(2) awaited by a task of a tokio runtime with one thread"
    }

    fn kind(&self) -> Kind {
        Kind::Kernel
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Sleep]
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        check(plan)?;
        EventFd::resources()
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let memory = Memory::attach(job)?;
        let mut descriptors = Descriptors::take(job);
        let (outgoing, incoming) = (descriptors.next_file()?, descriptors.next_file()?);
        set_nonblocking(&incoming)?;
        let runtime = runtime().map_err(Failure::at("starting a runtime"))?;
        let _inside = runtime.enter();
        // SAFETY: the descriptor is open, and the same one, as long as its owner lives.
        let incoming = unsafe { AsyncFd::register(OwnedFd::from(incoming)) }
            .map_err(Failure::at("registering the eventfd"))?;
        let signal = Registered { outgoing: OwnedFd::from(outgoing), incoming, runtime: &runtime };
        signalled::run(job, gate, &memory, signal)
    }
}

/// Counters of the kernel, one each way, one of them awaited.
struct Registered<'a> {
    outgoing: OwnedFd,
    incoming: AsyncFd<OwnedFd>,
    runtime: &'a Runtime,
}

impl Signal for Registered<'_> {
    #[inline]
    fn notify(&mut self) -> io::Result<()> {
        persist(false, || Ok(nix::unistd::write(&self.outgoing, &1_u64.to_ne_bytes())?)).map(drop)
    }

    #[inline]
    fn wait(&mut self) -> io::Result<()> {
        let incoming = &self.incoming;
        self.runtime.block_on(async {
            loop {
                let mut ready = incoming.readable().await?;
                let read = ready.try_io(|counter| Ok(nix::unistd::read(counter.get_ref(), &mut [0; 8])?));
                match read {
                    Ok(read) => return read.map(drop),
                    Err(_) => continue, // Another consumer took it first.
                }
            }
        })
    }
}
