//! Two sleeping consumers, and a producer that wakes one for the first of two elements and none for the
//! second, which lies behind it: the woken consumer wakes the next. Each consumer pops once and never
//! returns, so an element without a wake-up is a deadlock, which the checker reports.

use ipc_ring::platform::Barrier;
use loom::thread;

use super::ends::{Channel, join};
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_chain_of_sleepers", 3_000, chain_of_sleepers).reaches(&["a consumer sleeps"]),
    Model::new("mpmc_chain_begun_before", 6_000, chain_begun_before).reaches(&["a consumer sleeps"]),
    Model::new("mpmc_chain_beside_one_awake", 25_000, chain_beside_one_awake)
        .bound(1)
        .reaches(&["a consumer sleeps", "the one awake was faster"]),
];

const PRODUCER: u32 = 1;
const SLEEPERS: [u32; 2] = [2, 3];
const AWAKE: u32 = 4;

/// Each consumer pops once, the first one while the second element is pushed.
fn chain_of_sleepers() {
    let channel = Channel::peaceful(2, Barrier::Asymmetric, 2);
    let mut producer = channel.producer(PRODUCER);
    let others = SLEEPERS.map(|owner| channel.sleeper(owner));
    producer.push(10);
    producer.push(11);
    join(others);
}

/// The same for consumers that each wait in a set, when the first element is there and its consumer already
/// has its token.
fn chain_begun_before() {
    let channel = Channel::peaceful(2, Barrier::Asymmetric, 2);
    let mut producer = channel.producer(PRODUCER);
    let consumers = SLEEPERS.map(|owner| channel.consumer(owner));
    consumers.iter().for_each(|consumer| channel.arm_consumer(consumer));
    producer.push(10);
    let others = consumers.map(|mut consumer| thread::spawn(move || consumer.pop_in_set()));
    producer.push(11);
    join(others);
}

/// A third consumer never sleeps, checks once, and may take an element for which a sleeper already has a
/// token; it wakes no one. Whatever it takes, each sleeper gets one element: a third element is pushed if it
/// has taken one of the two.
fn chain_beside_one_awake() {
    let channel = Channel::peaceful(4, Barrier::Asymmetric, 2);
    let (mut producer, mut awake) = (channel.producer(PRODUCER), channel.consumer(AWAKE));
    let consumers = SLEEPERS.map(|owner| channel.consumer(owner));
    consumers.iter().for_each(|consumer| channel.arm_consumer(consumer));
    producer.push(10);
    let others = consumers.map(|mut consumer| thread::spawn(move || consumer.pop_in_set()));
    producer.push(11);
    if awake.try_pop().is_ok() {
        reached("the one awake was faster");
        producer.push(12);
    }
    join(others);
}
