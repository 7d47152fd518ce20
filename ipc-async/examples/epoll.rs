//! A plain epoll loop over two channels and a timer, without any runtime.
//!
//! ```text
//! cargo run -p ipc-async --example epoll
//! ```

use std::error::Error;
use std::os::fd::AsFd as _;
use std::time::Duration;

use ipc_ring::readiness::{Armed, PollSet};
use ipc_ring::{Domain, Event, News, bytes, spsc};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

const CHANNELS: u64 = 1;
const TIMER: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let domain = Domain::open(&format!("epoll-{}", std::process::id()))?;
    let ticks = spsc::Builder::<u64>::new("ticks").domain(&domain);
    let orders = bytes::Builder::new("orders").domain(&domain);
    let (ticks_in, mut ticks) = (ticks.create_sender()?, ticks.open_receiver()?);
    let (orders_in, mut orders) = (orders.create_sender()?, orders.open_receiver()?);
    // Another process, as a rule.
    let others = std::thread::spawn(move || produce(ticks_in, orders_in));

    let mut set = PollSet::new(&domain)?;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
    let period = TimeSpec::from_duration(Duration::from_millis(10));
    timer.set(Expiration::Interval(period), TimerSetTimeFlags::empty())?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(set.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, CHANNELS))?;
    epoll.add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;

    let (mut popped, mut frames, mut expired, mut ended) = (0, 0, 0, 0);
    while ended < 2 {
        let event: Option<Event> = match set.arm(&mut [&mut ticks, &mut orders])? {
            Armed::Event(event) => Some(event),
            Armed::Waiting => {
                let mut events = [EpollEvent::empty(); 2];
                let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
                if events[..count].iter().any(|event| event.data() == TIMER) {
                    timer.wait()?;
                    expired += 1;
                }
                set.disarm(&mut [&mut ticks, &mut orders])?
            }
        };
        match event {
            Some(Event { news: News::Ended, .. }) => ended += 1,
            Some(Event { index: 0, .. }) => popped += ticks.drain().count(),
            Some(Event { index: 1, .. }) => frames += orders.drain().count(),
            _ => {}
        }
    }
    println!("{popped} ticks, {frames} orders, {expired} periods of the timer");
    others.join().map_err(|_| "the producers' thread failed")?.map_err(|error| error.to_string())?;
    Ok(())
}

type Failure = Box<dyn Error + Send + Sync>;

fn produce(mut ticks: spsc::Producer<u64>, mut orders: bytes::Producer) -> Result<(), Failure> {
    for number in 0..50 {
        ticks.push(number).map_err(|error| error.to_string())?;
        if number % 10 == 0 {
            orders.push(b"buy").map_err(|error| error.to_string())?;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
