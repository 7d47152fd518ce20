//! Ends that leave, or close, while others sleep or are about to. An end that stays asleep is a deadlock,
//! which the checker reports.

use ipc_ring::platform::Barrier;
use ipc_ring::wait::seated::Seated as _;
use loom::thread;

use super::Heap;
use super::ends::Channel;
use super::memory::Shape;
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_sleeper_leaves", 10, sleeper_leaves).reaches(&["a consumer sleeps"]),
    Model::new("mpmc_passed_over", 40, passed_over).reaches(&["a consumer sleeps"]),
    Model::new("mpmc_last_producer_leaves", 1, last_producer_leaves).reaches(&["a consumer sleeps"]),
    Model::new("mpmc_last_consumer_leaves", 1, last_consumer_leaves).reaches(&["a producer sleeps"]),
    Model::new("mpmc_closed_asleep", 4_000, closed_asleep).reaches(&["a consumer sleeps"]),
];

const PRODUCER: u32 = 1;
const FIRST: u32 = 2;
const SECOND: u32 = 3;

/// A consumer that waits in a set has the token of an element, and leaves without it.
fn sleeper_leaves() {
    let channel = Channel::peaceful(2, Barrier::Asymmetric, 1);
    let (mut producer, mut first) = (channel.producer(PRODUCER), channel.consumer(FIRST));
    channel.arm_consumer(&first);
    let other = channel.sleeper(SECOND);
    producer.push(10);
    first.leave();
    assert_eq!(other.join().unwrap(), 10);
}

/// A consumer that waits in a set has the token of an element, and the set serves another of its ends.
fn passed_over() {
    let channel = Channel::peaceful(2, Barrier::Asymmetric, 1);
    let (mut producer, mut first) = (channel.producer(PRODUCER), channel.consumer(FIRST));
    channel.arm_consumer(&first);
    let other = channel.sleeper(SECOND);
    let set = thread::spawn(move || {
        first.sleep_in_set();
        first.0.is_passed_over();
    });
    producer.push(10);
    set.join().unwrap();
    assert_eq!(other.join().unwrap(), 10);
}

/// A channel of two ends, one of which leaves.
fn pair(capacity: usize) -> Channel {
    Channel::mortal(Heap::shaped(Shape { seats: 2, ..Shape::of(capacity) }), Barrier::Asymmetric, 1)
}

/// The last producer leaves while the consumer sleeps.
fn last_producer_leaves() {
    let channel = pair(2);
    let mut producer = channel.producer(PRODUCER);
    let other = channel.sleeper_until_over(FIRST);
    producer.leave();
    assert_eq!(other.join().unwrap(), None);
}

/// The last consumer leaves while the producer sleeps for lack of room.
fn last_consumer_leaves() {
    let channel = pair(1);
    let (mut producer, mut consumer) = (channel.producer(PRODUCER), channel.consumer(FIRST));
    assert!(producer.try_push(10));
    let other = channel.producer_until_deserted(producer);
    consumer.leave();
    assert!(!other.join().unwrap(), "no consumer has made room");
}

/// The channel is closed while one consumer sleeps and one is about to.
fn closed_asleep() {
    let ring = Heap::shaped(Shape { closes: true, dies: false, seats: 3, ..Shape::of(2) });
    let channel = Channel::immortal(ring, Barrier::Asymmetric, 1);
    let (mut producer, mut second) = (channel.producer(PRODUCER), channel.consumer(SECOND));
    let others = [channel.sleeper_until_over(FIRST), thread::spawn(move || second.pop_unless_over())];
    producer.close();
    for other in others {
        assert_eq!(other.join().unwrap(), None);
    }
}
