//! While messages flow, awaiting them makes no system call and allocates nothing. Both are made impossible: a
//! seccomp filter kills the process at its first system call, and an allocator counts.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;
#[path = "../../ipc-ring/tests/hot_path_common/mod.rs"]
mod hot_path_common;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, allocations, end, forbid_system_calls, must, outcome};
use ipc_async::Async;
use ipc_ring::{Domain, mpmc, spsc};

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let domain = Domain::open(&unique("hot")).unwrap();
    match &*role[0] {
        "spsc" => {
            let builder = spsc::Builder::<u64>::new("channel").domain(&domain).capacity(16);
            let producer = builder.create_producer().unwrap();
            work(producer, builder.open_consumer().unwrap());
        }
        "mpmc" => {
            let builder = mpmc::Builder::<u64>::new("channel").domain(&domain).capacity(16);
            let producer = builder.create_producer().unwrap();
            work(producer, builder.open_consumer().unwrap());
        }
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
    let mut context = Context::from_waker(Waker::noop());
    for number in 0..8 {
        let mut pushing = pin!(producer.push(&number));
        must(matches!(pushing.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    }
    for number in 0..8 {
        let mut popping = pin!(consumer.pop());
        must(matches!(popping.as_mut().poll(&mut context), Poll::Ready(Ok(popped)) if popped == number));
    }
}

#[test]
fn awaiting_makes_no_system_call_and_allocates_nothing() {
    for kind in ["spsc", "mpmc"] {
        assert_eq!(outcome(&[kind]), Ok(GOOD), "{kind}");
    }
}
