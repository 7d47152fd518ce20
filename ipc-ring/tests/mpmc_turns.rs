//! Turns of producers at a full many-to-many ring: whatever the turn word says, pushes continue.

mod common;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::{private_namespace, unique};
use ipc_ring::mpmc::{Builder, Consumer, Producer, PushError};
use ipc_ring::ring::mpmc::Words as _;
use ipc_ring::{Domain, WaitStrategy};
use nix::time::{ClockId, clock_gettime};

/// A channel with one slot, which is full.
fn full(name: &str, wait: WaitStrategy) -> (Producer<u64>, Consumer<u64>) {
    let domain = Domain::open(&unique(name)).unwrap();
    let builder = || Builder::new("queue").domain(&domain).capacity(1).wait(wait);
    let (mut producer, consumer) = (builder().create_sender().unwrap(), builder().create_receiver().unwrap());
    producer.push(0).unwrap();
    (producer, consumer)
}

/// Gives a turn that has just begun to a seat without a holder, unless an end has since registered as the
/// next: true then.
fn forge(turn: &AtomicU64) -> bool {
    let entered = turn.load(Relaxed) >> 48 != 0;
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    let until = (now.tv_sec() * 1_000_000 + now.tv_nsec() / 1000 + 1000) as u32;
    turn.store(u64::from(until) | 200 << 32, Relaxed);
    std::thread::yield_now();
    entered
}

#[test]
fn an_unused_turn_delays_a_push_that_sleeps_and_no_more() {
    private_namespace();
    for wait in [WaitStrategy::Sleep, WaitStrategy::DEFAULT] {
        let (mut producer, mut consumer) = full("turns", wait);
        let memory = producer.memory().clone();
        std::thread::scope(|scope| {
            let pusher = scope.spawn(|| (1..20).try_for_each(|number| producer.push(number)));
            for number in 0..19 {
                // Until the push yields. The turn passes on when the slot becomes free.
                while !forge(memory.turn()) {}
                assert_eq!(consumer.pop().unwrap(), number, "{wait:?}");
            }
            assert_eq!(consumer.pop().unwrap(), 19, "{wait:?}");
            pusher.join().unwrap().unwrap();
        });
    }
}

#[test]
fn who_never_sleeps_does_not_stand_back() {
    private_namespace();
    for wait in [WaitStrategy::Spin, WaitStrategy::SpinYield] {
        let (mut producer, mut consumer) = full("turns-spin", wait);
        let memory = producer.memory().clone();
        let mut stood_back = false;
        std::thread::scope(|scope| {
            let pusher = scope.spawn(|| (1..200).try_for_each(|number| producer.push(number)));
            for number in 0..200 {
                stood_back |= forge(memory.turn());
                assert_eq!(consumer.pop().unwrap(), number, "{wait:?}");
            }
            pusher.join().unwrap().unwrap();
        });
        assert!(!stood_back, "{wait:?}");
    }
}

#[test]
fn a_push_that_stands_back_times_out() {
    private_namespace();
    for wait in [WaitStrategy::Sleep, WaitStrategy::DEFAULT] {
        let (mut producer, _consumer) = full("turns-deadline", wait);
        let memory = producer.memory().clone();
        let mut stood_back = false;
        // On a busy machine the time may be over before anything else has run.
        while !stood_back {
            std::thread::scope(|scope| {
                let pusher = scope.spawn(|| producer.push_timeout(1, Duration::from_millis(20)));
                while !pusher.is_finished() {
                    stood_back |= forge(memory.turn());
                }
                assert!(matches!(pusher.join().unwrap(), Err(PushError::TimedOut(1))), "{wait:?}");
            });
        }
    }
}

#[test]
fn who_stands_back_notices_that_the_channel_is_closed() {
    private_namespace();
    let (mut producer, consumer) = full("turns-close", WaitStrategy::Sleep);
    let memory = producer.memory().clone();
    std::thread::scope(|scope| {
        let pusher = scope.spawn(|| producer.push(1));
        while !forge(memory.turn()) {}
        consumer.close();
        while !pusher.is_finished() {
            forge(memory.turn());
        }
        assert!(matches!(pusher.join().unwrap(), Err(PushError::Closed(1))));
    });
}
