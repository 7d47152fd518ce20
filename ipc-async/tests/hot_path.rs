//! While messages flow, awaiting them makes no system call and allocates nothing. Both are made impossible: a
//! seccomp filter kills the process at its first system call, and an allocator counts.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;
#[path = "../../ipc-ring/tests/hot_path_common/mod.rs"]
mod hot_path_common;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, WRONG_ANSWER, allocations, end, forbid_system_calls, must, outcome};
use ipc_async::Async;
use ipc_ring::{Domain, mpmc, spsc};

/// Messages for a busy task.
const PUSHED: u64 = 20_000;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let domain = Domain::open(&unique("hot")).unwrap();
    match &*role[0] {
        "spsc" => {
            let builder = spsc::Builder::<u64>::new("channel").domain(&domain).capacity(16);
            let producer = builder.create_sender().unwrap();
            work(producer, builder.open_receiver().unwrap());
        }
        "mpmc" => {
            let builder = mpmc::Builder::<u64>::new("channel").domain(&domain).capacity(16);
            let producer = builder.create_sender().unwrap();
            work(producer, builder.open_receiver().unwrap());
        }
        "feed" => feed(&domain),
        other => panic!("no such role: {other}"),
    }
}

fn work<P, C>(producer: P, consumer: C)
where
    P: ipc_async::Target<Item = u64>,
    C: ipc_async::Source<Item = u64>,
{
    let (mut producer, mut consumer) = (Async::new(producer).unwrap(), Async::new(consumer).unwrap());
    // The first laps touch pages and resolve symbols.
    once(&mut producer, &mut consumer);
    once(&mut producer, &mut consumer);
    forbid_system_calls();
    let before = allocations();
    for _ in 0..10_000 {
        once(&mut producer, &mut consumer);
    }
    end(if allocations() == before { GOOD } else { ALLOCATED });
}

/// Fills half the ring and empties it.
fn once<P, C>(producer: &mut Async<P>, consumer: &mut Async<C>)
where
    P: ipc_async::Target<Item = u64>,
    C: ipc_async::Source<Item = u64>,
{
    for number in 0..8 {
        must(ready(producer.push(&number)).is_ok());
    }
    for number in 0..8 {
        must(matches!(ready(consumer.pop()), Ok(popped) if popped == number));
    }
}

/// What a future comes to that does not wait. It may give way to other tasks once.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    let mut future = pin!(future);
    for _ in 0..2 {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
    end(WRONG_ANSWER)
}

/// Pushes what a busy task in another thread pops.
fn feed(domain: &Domain) {
    let builder = spsc::Builder::<u64>::new("channel").domain(domain).capacity(16);
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = Async::new(builder.open_receiver().unwrap()).unwrap();
    consumer.set_budget(Duration::from_secs(3600));
    let (start, started) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        smol::block_on(async {
            start.send(()).unwrap();
            for number in 0..PUSHED {
                must(consumer.pop().await.is_ok_and(|popped| popped == number));
            }
            end(GOOD)
        });
    });
    started.recv().unwrap();
    forbid_system_calls();
    for number in 0..PUSHED {
        while producer.try_push(number).is_err() {
            std::hint::spin_loop();
        }
    }
    loop {
        std::hint::spin_loop(); // Ending this thread would be a system call.
    }
}

#[test]
fn awaiting_makes_no_system_call_and_allocates_nothing() {
    for kind in ["spsc", "mpmc"] {
        assert_eq!(outcome(&[kind]), Ok(GOOD), "{kind}");
    }
}

/// A busy task does not arm, and so costs its producer no system call either.
#[test]
fn a_producer_of_a_busy_task_makes_no_system_call() {
    assert_eq!(outcome(&["feed"]), Ok(GOOD));
}
