//! A set of ends behind a file descriptor, in the loops that wait for descriptors.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;

use std::os::fd::AsFd as _;

use common::{private_namespace, unique};
use ipc_ring::pool::{self, Lender, LoanError};
use ipc_ring::readiness::{Armed, PollSet};
use ipc_ring::{Domain, Event, News, WaitSetError, Waitable, bytes, mpmc, spsc};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const MESSAGES: u64 = 2_000;

/// Three kinds of channel whose producers push by turns in another thread, then close.
struct Channels {
    numbers: spsc::Consumer<u64>,
    jobs: mpmc::Consumer<u64>,
    frames: bytes::Consumer,
    pushing: std::thread::JoinHandle<()>,
}

impl Channels {
    fn new(domain: &Domain) -> Self {
        let numbers = spsc::Builder::<u64>::new("numbers").domain(domain).capacity(64);
        let jobs = mpmc::Builder::<u64>::new("jobs").domain(domain).capacity(64);
        let frames = bytes::Builder::new("frames").domain(domain).capacity(4096);
        let mut ends = (
            numbers.create_sender().unwrap(),
            jobs.create_sender().unwrap(),
            frames.create_sender().unwrap(),
        );
        let consumers = (
            numbers.open_receiver().unwrap(),
            jobs.open_receiver().unwrap(),
            frames.open_receiver().unwrap(),
        );
        let pushing = std::thread::spawn(move || {
            for number in 0..MESSAGES {
                ends.0.push(number).unwrap();
                ends.1.push(number).unwrap();
                ends.2.push(&number.to_le_bytes()).unwrap();
                if number % 5 == 0 {
                    // An end that waits finds nothing now.
                    std::thread::sleep(std::time::Duration::from_micros(number % 200));
                }
            }
            ends.1.close();
        });
        Self { numbers: consumers.0, jobs: consumers.1, frames: consumers.2, pushing }
    }

    fn ends(&mut self) -> [&mut dyn Waitable; 3] {
        [&mut self.numbers, &mut self.jobs, &mut self.frames]
    }

    /// Pops what there is at the end of an event. True when that stream has ended.
    fn serve(&mut self, event: Event, popped: &mut [u64; 3]) -> bool {
        if event.news == News::Ended {
            return true;
        }
        let next = popped[event.index];
        let number = match event.index {
            0 => self.numbers.try_pop().ok(),
            1 => self.jobs.try_pop().ok(),
            _ => self.frames.try_pop().ok().map(|frame| u64::from_le_bytes(frame.try_into().unwrap())),
        };
        if let Some(number) = number {
            assert_eq!(number, next, "in order, none lost");
            popped[event.index] += 1;
        }
        false
    }
}

/// Everything is popped through an epoll with these flags. A set that waits for one shot is put in again each
/// time.
fn epoll(flags: EpollFlags) {
    private_namespace();
    let domain = Domain::open(&unique("epoll")).unwrap();
    let mut channels = Channels::new(&domain);
    let mut set = PollSet::new(&domain).unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    epoll.add(set.as_fd(), EpollEvent::new(flags, 7)).unwrap();
    let (mut popped, mut ended, mut waits) = ([0; 3], 0, 0);
    while ended < 3 {
        let event = match set.arm(&mut channels.ends()).unwrap() {
            Armed::Event(event) => Some(event),
            Armed::Waiting => {
                if flags.contains(EpollFlags::EPOLLONESHOT) {
                    epoll.modify(set.as_fd(), &mut EpollEvent::new(flags, 7)).unwrap();
                }
                let mut events = [EpollEvent::empty()];
                assert_eq!(epoll.wait(&mut events, EpollTimeout::NONE).unwrap(), 1);
                assert_eq!(events[0].data(), 7);
                waits += 1;
                set.disarm(&mut channels.ends()).unwrap()
            }
        };
        if let Some(event) = event {
            ended += usize::from(channels.serve(event, &mut popped));
        }
    }
    assert_eq!(popped, [MESSAGES; 3]);
    assert!(waits > 10, "it waited {waits} times only");
    channels.pushing.join().unwrap();
}

#[test]
fn epoll_by_level() {
    epoll(EpollFlags::EPOLLIN);
}

#[test]
fn epoll_by_edge() {
    epoll(EpollFlags::EPOLLIN | EpollFlags::EPOLLET);
}

#[test]
fn epoll_for_one_shot() {
    epoll(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT);
}

#[test]
fn tokio_waits_for_the_descriptor() {
    private_namespace();
    let domain = Domain::open(&unique("async-fd")).unwrap();
    let mut channels = Channels::new(&domain);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let set = PollSet::new(&domain).unwrap();
        // SAFETY: a set's descriptor is open, and the same one, as long as the set lives.
        let mut set = unsafe { tokio::io::unix::AsyncFd::register(set) }.unwrap();
        let (mut popped, mut ended) = ([0; 3], 0);
        while ended < 3 {
            let event = match set.get_mut().arm(&mut channels.ends()).unwrap() {
                Armed::Event(event) => Some(event),
                Armed::Waiting => {
                    set.readable().await.unwrap().clear_ready();
                    set.get_mut().disarm(&mut channels.ends()).unwrap()
                }
            };
            if let Some(event) = event {
                ended += usize::from(channels.serve(event, &mut popped));
            }
        }
        assert_eq!(popped, [MESSAGES; 3]);
    });
    channels.pushing.join().unwrap();
}

fn wait_until_readable(set: &PollSet) {
    poll(&mut [PollFd::new(set.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE).unwrap();
}

/// A block that comes back, and a message, each make the descriptor readable.
#[test]
fn a_lender_and_a_consumer_wait_behind_one_descriptor() {
    private_namespace();
    let domain = Domain::open(&unique("lender")).unwrap();
    let pool = pool::Builder::new("pool").domain(&domain).class(64, 1).create().unwrap();
    let builder = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let (mut producer, mut consumer) = (builder.create_sender().unwrap(), builder.open_receiver().unwrap());
    let mut lender = Lender::new(&pool).unwrap();
    let mut set = PollSet::new(&domain).unwrap();
    for _ in 0..100 {
        let held = lender.try_loan(8).unwrap();
        assert!(matches!(lender.try_loan(8), Err(LoanError::Exhausted { .. })));
        assert_eq!(set.arm(&mut [&mut lender, &mut consumer]).unwrap(), Armed::Waiting);
        producer.push(7).unwrap();
        wait_until_readable(&set);
        let event = set.disarm(&mut [&mut lender, &mut consumer]).unwrap().unwrap();
        assert_eq!((event.index, event.news, consumer.try_pop().unwrap()), (1, News::Ready, 7));
        assert_eq!(set.arm(&mut [&mut lender, &mut consumer]).unwrap(), Armed::Waiting);
        drop(held);
        wait_until_readable(&set);
        let event = set.disarm(&mut [&mut lender, &mut consumer]).unwrap().unwrap();
        assert_eq!((event.index, event.news), (0, News::Ready));
    }
}

#[test]
fn a_child_of_fork_is_told_so_and_reads_nothing() {
    private_namespace();
    let domain = Domain::open(&unique("fork")).unwrap();
    let builder = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let (mut producer, mut consumer) = (builder.create_sender().unwrap(), builder.open_receiver().unwrap());
    let mut set = PollSet::new(&domain).unwrap();
    assert_eq!(set.arm(&mut [&mut consumer]).unwrap(), Armed::Waiting);
    producer.push(7).unwrap();
    let readable = |set: &PollSet| {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        poll(&mut [PollFd::new(set.as_fd(), PollFlags::POLLIN)], PollTimeout::from(60_000_u16)).unwrap() == 1
    };
    assert!(readable(&set));
    common::forks::in_a_child(|| {
        assert!(matches!(set.arm(&mut [&mut consumer]), Err(WaitSetError::Forked)));
        assert!(matches!(set.disarm(&mut [&mut consumer]), Err(WaitSetError::Forked)));
    });
    assert!(readable(&set), "the counter is the parent's, too");
    let event = set.disarm(&mut [&mut consumer]).unwrap();
    assert_eq!(event, Some(Event { index: 0, news: News::Ready }));
    assert_eq!(consumer.try_pop().unwrap(), 7);
}
