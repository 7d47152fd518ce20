//! A producer that sleeps because the ring is full, and a consumer that pops once and never returns: an end
//! that sleeps although there is room is a deadlock, which the checker reports. The consumer wakes the
//! producer before it releases the slot, so that a message is never lost in the call that wakes; in exchange,
//! a producer does not sleep while a slot is being read.

use ipc_ring::PopError;
use ipc_ring::platform::{Barrier, Site};
use loom::thread;

use super::Heap;
use super::ends::Channel;
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_one_pop_frees_a_sleeper_fence", 100, || one_pop_frees_a_sleeper(Barrier::Fence))
        .reaches(&["a producer sleeps", "room is coming"]),
    Model::new("mpmc_one_pop_frees_a_sleeper", 150, || one_pop_frees_a_sleeper(Barrier::Asymmetric))
        .reaches(&["a producer sleeps", "room is coming"]),
    Model::new("mpmc_slice_frees_a_sleeper", 800, slice_frees_a_sleeper).reaches(&["a producer sleeps"]),
    Model::new("mpmc_slots_free_two_producers", 700, slots_free_two_producers)
        .reaches(&["a producer sleeps"]),
    Model::new("mpmc_consumer_dies_waking", 1, consumer_dies_waking).reaches(&["died"]),
];

const PRODUCER: u32 = 1;
const CONSUMER: u32 = 2;
const OTHER: u32 = 3;

fn one_pop_frees_a_sleeper(barrier: Barrier) {
    let channel = Channel::peaceful(1, barrier, 1);
    let (mut producer, mut consumer) = (channel.producer(PRODUCER), channel.consumer(CONSUMER));
    assert!(producer.try_push(10));
    let other = thread::spawn(move || assert_eq!(consumer.try_pop().unwrap(), 10));
    producer.push(11);
    other.join().unwrap();
}

/// Two elements in one pop, and two more wait for their slots.
fn slice_frees_a_sleeper() {
    let channel = Channel::peaceful(2, Barrier::Asymmetric, 1);
    let (mut producer, mut consumer) = (channel.producer(PRODUCER), channel.consumer(CONSUMER));
    assert!(producer.try_push(10) && producer.try_push(11));
    let other = thread::spawn(move || assert_eq!(consumer.try_pop_two(), [10, 11]));
    producer.push(12);
    producer.push(13);
    other.join().unwrap();
}

/// Two slots are freed by one pop, which wakes one of two sleeping producers: that one wakes the other.
fn slots_free_two_producers() {
    let channel = Channel::peaceful(2, Barrier::Asymmetric, 1);
    let (mut producer, mut consumer) = (channel.producer(PRODUCER), channel.consumer(CONSUMER));
    assert!(producer.try_push(10) && producer.try_push(11));
    let others = [producer, channel.producer(OTHER)].map(|producer| channel.sleeping_producer(producer));
    assert_eq!(consumer.try_pop_two(), [10, 11]);
    others.into_iter().for_each(|other| other.join().unwrap());
}

/// A consumer dies with the producer's bit taken: the element goes to another consumer.
fn consumer_dies_waking() {
    let channel = Channel::mortal(Heap::new(1), Barrier::Fence, 1);
    let (mut producer, mut consumer) = (channel.producer(PRODUCER), channel.consumer(CONSUMER));
    assert!(producer.try_push(10));
    channel.arm_producer(&producer);
    assert!(crash::kill_at(Site::WakeClaimed, 0, || consumer.try_pop()).is_none());
    reached("died");
    let mut next = channel.consumer(OTHER);
    assert!(matches!(next.try_pop(), Err(PopError::Empty)), "it is in hands that may be alive");
    channel.domain().die(u64::from(CONSUMER));
    assert_eq!(next.pop(), 10);
}
