//! Turns of producers at a full many-to-many ring: whatever the word says whose turn it is, pushes go on.

mod common;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use common::{private_namespace, unique};
use ipc_ring::mpmc::{Builder, Consumer, Producer, PushError};
use ipc_ring::{Domain, WaitStrategy};
use nix::time::{ClockId, clock_gettime};

/// A channel with one slot.
fn ends(name: &str, wait: WaitStrategy) -> (Producer<u64>, Consumer<u64>) {
    let domain = Domain::open(&unique(name)).unwrap();
    let builder = || Builder::new("queue").domain(&domain).capacity(1).wait(wait);
    (builder().create_producer().unwrap(), builder().create_consumer().unwrap())
}

/// Gives a turn that has just begun to a seat that nobody holds, with another such one to follow.
fn forge(turn: &AtomicU64) {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    let until = (now.tv_sec() * 1_000_000 + now.tv_nsec() / 1000 + 1000) as u32;
    turn.store(u64::from(until) | 200 << 32 | 201 << 48, Relaxed);
}

#[test]
fn a_turn_that_nobody_uses_delays_a_push_and_no_more() {
    private_namespace();
    for wait in [WaitStrategy::Sleep, WaitStrategy::DEFAULT, WaitStrategy::Spin, WaitStrategy::SpinYield] {
        let (mut producer, mut consumer) = ends("turns", wait);
        producer.push(0).unwrap();
        let memory = producer.memory().clone();
        std::thread::scope(|scope| {
            let pusher = scope.spawn(|| (1..20).try_for_each(|number| producer.push(number)));
            for number in 0..20 {
                let until = Instant::now() + Duration::from_millis(2);
                while Instant::now() < until {
                    forge(memory.turn());
                    std::thread::yield_now();
                }
                assert_eq!(consumer.pop_timeout(Duration::from_secs(60)).unwrap(), number, "{wait:?}");
            }
            pusher.join().unwrap().unwrap();
        });
    }
}

#[test]
fn a_push_that_stands_back_keeps_its_deadline() {
    private_namespace();
    for wait in [WaitStrategy::Sleep, WaitStrategy::DEFAULT] {
        let (mut producer, _consumer) = ends("turns-deadline", wait);
        producer.push(0).unwrap();
        let memory = producer.memory().clone();
        std::thread::scope(|scope| {
            let pusher = scope.spawn(|| producer.push_timeout(1, Duration::from_millis(20)));
            while !pusher.is_finished() {
                forge(memory.turn());
                std::thread::yield_now();
            }
            assert!(matches!(pusher.join().unwrap(), Err(PushError::TimedOut(1))), "{wait:?}");
        });
    }
}

#[test]
fn who_stands_back_notices_that_the_channel_is_closed() {
    private_namespace();
    let (mut producer, consumer) = ends("turns-close", WaitStrategy::Sleep);
    producer.push(0).unwrap();
    let memory = producer.memory().clone();
    std::thread::scope(|scope| {
        let pusher = scope.spawn(|| producer.push(1));
        let close_at = Instant::now() + Duration::from_millis(10);
        let mut consumer = Some(consumer);
        while !pusher.is_finished() {
            forge(memory.turn());
            std::thread::yield_now();
            if Instant::now() > close_at
                && let Some(consumer) = consumer.take()
            {
                consumer.close();
            }
        }
        assert!(matches!(pusher.join().unwrap(), Err(PushError::Closed(1))));
    });
}
